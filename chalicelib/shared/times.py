"""Times and durations as text: one format in storage and answers, so that text order is time order."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib.shared.reasons import Reason, Reasoned

_DURATION = re.compile(r"(\d{1,6})([smhdw])\Z")
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


CALENDAR_BEGINS = datetime(1000, 1, 1, tzinfo=UTC)
"""Before it years have fewer digits, and text order would not be time order."""
CALENDAR_ENDS = datetime(9999, 12, 31, tzinfo=UTC)
"""Represents every time that lies beyond the calendar; it is a date in every time zone."""


class BadTime(Reasoned, ValueError):
    """The text is no time, or no duration."""


def iso(timestamp: datetime) -> str:
    """``2026-11-22T06:06:38.123Z``: UTC, milliseconds, fixed width (text order = time order)."""
    return timestamp.astimezone(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def parse_iso(text: str) -> datetime:
    """Aware UTC datetime of an ISO 8601 text with offset, in the years 1000 to 9999. Raises ValueError."""
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadTime(Reason("time_unread", text=repr(text[:40]))) from error
    if timestamp.tzinfo is None:
        raise BadTime(Reason("time_without_offset"))
    try:
        timestamp = timestamp.astimezone(UTC)
    except OverflowError:
        timestamp = datetime.min.replace(tzinfo=UTC)
    if timestamp < CALENDAR_BEGINS:
        raise BadTime(Reason("time_out_of_range", text=repr(text[:40])))
    return timestamp


def from_ms(ms: int) -> datetime:
    """Aware UTC datetime of Unix milliseconds (LINE's webhook ``timestamp``)."""
    return _EPOCH + timedelta(milliseconds=ms)


def to_ms(timestamp: datetime) -> int:
    """Unix milliseconds, rounded down."""
    return (timestamp - _EPOCH) // _MILLISECOND


def parse_duration(text: str) -> timedelta:
    """``"<n>s|m|h|d|w"`` as a timedelta. Raises ValueError."""
    found = _DURATION.match(text)
    if not found:
        raise BadTime(Reason("duration_unread", text=repr(text)))
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def duration_text(length: timedelta) -> str:
    """A duration of whole seconds in its largest unit: ``"1d"``, ``"90m"``."""
    seconds = int(length.total_seconds())
    unit = next(unit for unit in "wdhms" if seconds % _UNITS[unit] == 0)
    return f"{seconds // _UNITS[unit]}{unit}"


def local_date(timestamp: datetime, zone: ZoneInfo) -> date:
    """The calendar date of a time in an account's time zone (the last day, where that is beyond it)."""
    try:
        return timestamp.astimezone(zone).date()
    except OverflowError:
        return date.max
