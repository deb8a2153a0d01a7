"""The send worker: one chunk at a time to LINE, by multicast or push, each attempt marked before its call."""
