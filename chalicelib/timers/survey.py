"""A look at everything that is in the table of timers, for operators; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from chalicelib.timers import store
from chalicelib.timers.model import Entry, minute_key, parse_minute


def standing() -> Iterator[tuple[datetime, str, Iterator[Entry]]]:
    """Every minute from the cursor on that is not VERIFIED: ``(minute, state, its entries)``."""
    minutes = store.index(store.read_cursor())
    for first in range(0, len(minutes), 100):
        part = minutes[first : first + 100]
        buckets = store.read_buckets(part)
        for minute in part:
            if buckets[minute].state != "VERIFIED":
                yield minute, buckets[minute].state, (slot.entry for slot in store.slots(minute))


def look(minute_name: str) -> tuple[str, int]:
    """A minute's state, and how many entries are in it. Raises ValueError for what is no minute."""
    minute = parse_minute(minute_name)
    return store.read_bucket(minute).state, sum(1 for _ in store.slots(minute))


def name_of(minute: datetime) -> str:
    """A minute's name in commands."""
    return minute_key(minute)
