"""Who is meant: the condition language, and reading the friends that satisfy a condition.

A condition is a pure function of one fact sheet and ``now``. It is checked when it is saved (``shape``:
400, ``logic``: 422), compiled once per catalog revision to closures, and explained as a tree that
shows the truth and the value seen at every leaf; test and explanation come from the same closures.

Audience reading goes shard by shard over raw pages of the friends table, never item by item: parsing
is what costs, so only the attributes that a condition needs are fetched and parsed.

This room never sends, never changes a friend, and never looks into another account.
"""
