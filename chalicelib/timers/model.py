"""Entries, minutes and the ladder of watches: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

Kind = Literal["step", "chunk", "run", "moment"]

QUEUE_OF: dict[str, str] = {"step": "due", "chunk": "sends", "run": "broadcast-tasks", "moment": "bulk"}
"""Where drained entries of a kind go."""
PACKED = frozenset({"step", "moment"})
"""Kinds whose entries travel together; the others are watches, one of each owner."""

VERIFY_AFTER = timedelta(minutes=3)
"""A minute is verified this long after its start."""

_LADDER = (timedelta(minutes=2), timedelta(minutes=2), timedelta(minutes=5), timedelta(minutes=15))


@dataclass(frozen=True)
class Entry:
    """Look at ``id`` again at ``due_at``; ``version`` lets its owner drop what is stale.

    Entries of one ``group`` and due second travel together, at most 100 in a message. ``body`` is small.
    """

    account: str
    kind: Kind
    id: str
    version: int
    due_at: datetime
    group: str = ""
    body: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Slot:
    """An entry as it stands in a minute: fed at ``at``; ``tries`` counts how often it was put again.

    ``direct`` says that a message was also sent when the slot was written, so that the drained copy is
    only the second one.
    """

    entry: Entry
    at: datetime
    direct: bool = False
    tries: int = 0


def minute_of(moment: datetime) -> datetime:
    """The start of a moment's minute, UTC."""
    return moment.astimezone(UTC).replace(second=0, microsecond=0)


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
