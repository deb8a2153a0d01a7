"""Segments: named conditions, and reading and counting the friends that satisfy one.

Audience reading goes shard by shard over raw pages of the friends table, never item by item: parsing
is what costs, so only the attributes that a condition needs are fetched and parsed.

This room never sends, never changes a friend, and never looks into another account.
"""
