"""Entries, minutes and the ladder of watches: values only."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.shared.tables import Table

Woken = Mapping[str, Any]
"""An entry as a message brings it: ``{"account", "id", "version", "due_at", "body"}``."""

EARLY = timedelta(seconds=1)
"""A message may come this much before its due time: queues and executions wait in whole seconds."""

VERIFY_AFTER = timedelta(minutes=3)
"""A minute is verified this long after its start."""

_LADDER = (timedelta(minutes=2), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))


@dataclass(frozen=True)
class Entry:
    """Look at ``id`` again at ``due_at``; ``version`` lets its owner drop what is stale.

    ``kind``: one of ``DUE``. Entries of one ``group`` and due second travel together. ``body`` is small.
    """

    account: str
    kind: str
    id: str
    version: int
    due_at: datetime
    group: str = ""
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DueKind:
    """A kind of entry, as its owner declares it.

    ``queue``: where drained entries go. ``has_moved_on`` answers, for each entry in order, whether its owner
    needs it no more. ``wake`` is what the queue's worker does with entries whose time has come; a worker that
    wakes its entries in its own way leaves it out. ``pack``: so many of one group and second share a message
    at most. ``is_watch``: the newest of an owner stands for all. ``is_asked_when_drained``: probably over by
    then, so that its owner is asked before it is sent.
    """

    queue: str
    has_moved_on: Callable[[Sequence[Entry]], list[bool]]
    wake: Callable[[Sequence[Woken]], None] | None = None
    pack: int = 1
    is_watch: bool = False
    is_asked_when_drained: bool = True


DUE = Table("due", DueKind)
"""Every kind of entry."""


@dataclass(frozen=True)
class Slot:
    """An entry as it is in a minute: fed at ``at``; ``tries`` counts how often it was put again.

    ``direct`` says that a message was also sent when the slot was written, so that the drained copy is
    only the second one. ``key``: where it was read, in its minute; several may be in one place.
    """

    entry: Entry
    at: datetime
    direct: bool = False
    tries: int = 0
    key: str = field(default="", compare=False)


def minute_of(timestamp: datetime) -> datetime:
    """The start of a moment's minute, UTC."""
    return timestamp.astimezone(UTC).replace(second=0, microsecond=0)


def minute_key(minute: datetime) -> str:
    """``2026-11-22T06:06Z``: the name of a minute in keys and commands (text order = time order)."""
    return f"{minute:%Y-%m-%dT%H:%MZ}"


def parse_minute(key: str) -> datetime:
    """The minute of a key. Raises ValueError."""
    return datetime.strptime(key, "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)


def execution_name(minute: datetime) -> str:
    """``minute-20261122T0606Z``: the one execution of a minute."""
    return f"minute-{minute:%Y%m%dT%H%MZ}"


def next_watch(attempt: int) -> timedelta:
    """How long a watch waits: 2 minutes, then 2, 5, 15 minutes, then hourly."""
    return _LADDER[attempt] if attempt < len(_LADDER) else timedelta(hours=1)
