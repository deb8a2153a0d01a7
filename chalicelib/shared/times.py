"""Times and durations as text: one format in storage and answers, so that text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_DURATION = re.compile(r"(\d{1,6})([smhdw])\Z")
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def iso(moment: datetime) -> str:
    """``2026-11-22T06:06:38.123Z``: UTC, milliseconds, fixed width (text order = time order)."""
    utc = moment.astimezone(UTC)
    return f"{utc:%Y-%m-%dT%H:%M:%S}.{utc.microsecond // 1000:03d}Z"


def parse_iso(text: str) -> datetime:
    """Aware UTC datetime of an ISO 8601 text with offset. Raises ValueError without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("a time needs an offset, e.g. 2026-11-22T06:06:38Z")
    return moment.astimezone(UTC)


def from_ms(ms: int) -> datetime:
    """Aware UTC datetime of Unix milliseconds (LINE's webhook ``timestamp``)."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)


def to_ms(moment: datetime) -> int:
    """Unix milliseconds, rounded down."""
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def parse_duration(text: str) -> timedelta:
    """``"<n>s|m|h|d|w"`` as a timedelta. Raises ValueError."""
    found = _DURATION.match(text)
    if not found:
        raise ValueError(f"{text!r} is not a duration like 30s, 15m, 4h, 1d or 2w")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def local_date(moment: datetime, zone: ZoneInfo) -> date:
    """The calendar date of a moment in an account's time zone."""
    return moment.astimezone(zone).date()
