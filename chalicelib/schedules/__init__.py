"""Schedules: at a local time, the friends of an audience get an event and its actions, each once."""
