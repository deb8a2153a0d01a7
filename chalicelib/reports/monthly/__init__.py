"""The report of a month that a shop's owner hands on: friends, messages, what came of them, yen.

Its numbers are those of the other reports; what it adds is what messages cost, and what was saved by not
sending them: replies that are free, friends whom a segment left out, caps and topics.
"""
