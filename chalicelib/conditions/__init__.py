"""The condition language: which friends are meant, and what an event must look like.

A condition is a pure function of one fact sheet and ``now``. It is checked when it is saved (``shape``:
400, ``logic``: 422), compiled once per catalog revision to closures, and explained as a tree that
shows the truth and the value seen at every leaf; test and explanation come from the same closures.

``language`` reads the grammar, each ``*_leaves`` owns a group of leaves, ``matching`` compares an event's
properties, ``triggers`` checks what waits for an event. Everything here is pure.
"""
