"""Topics: what a friend may switch off. Who is out of one gets nothing of it, by any delivery.

``marketing`` is always one, and every message of that category belongs to it. What a friend said of a topic
is on the sheet (``topics.<id>``: out or in, since when, by what); the timeline has each time that it was
said. ``consent`` is asked by all who send; it decides by one sheet and is pure.
"""
