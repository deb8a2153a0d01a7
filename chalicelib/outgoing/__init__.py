"""Calls to other systems: signed, and repeated by a job until they are answered."""
