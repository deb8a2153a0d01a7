"""When a wait ends. Pure; local times resolve in the account's zone, gaps forward, overlaps first."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.enrollments import anchors
from chalicelib.shared.times import (
    CALENDAR_BEGINS,
    CALENDAR_ENDS,
    iso,
    local_date,
    parse_duration,
    parse_iso,
)

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


OUTAGE = timedelta(minutes=5)
"""Who is late by no longer than that goes the way and keeps the times that they would have had in time."""


def as_of(due: datetime, now: datetime) -> datetime:
    """The time at which what follows a turn is entered: when the turn was due, unless that is long ago."""
    return min(due, now) if now - due <= OUTAGE else now


def at_local(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """The time (UTC) when the clock on the wall shows ``HH:MM`` on a date.

    A time that a change to summer time leaves out is moved forward by the length of the gap; of a time
    that comes twice it is the first.
    """
    wall = datetime.combine(day, time.fromisoformat(clock), tzinfo=zone)
    return wall.replace(fold=0).astimezone(UTC)


def ends_at(wait: Mapping[str, Any], entered: datetime, zone: ZoneInfo) -> datetime:
    """When a wait that was entered then is over; never before it was entered.

    ``{"after": "60s"}``, or ``{"at": {"day": 1, "time": "09:00", "weekdays"?: ["mon"]}}``: day 0 is the
    local date of entering, weekdays move on to the next of them, a time already past passes at once.
    """
    if "after" in wait:
        return _later(entered, parse_duration(wait["after"]))
    at = wait["at"]
    day = local_date(entered, zone) + timedelta(days=at["day"])
    wanted = at.get("weekdays")
    while wanted and WEEKDAYS[day.weekday()] not in wanted:
        day += timedelta(days=1)
    return max(entered, at_local(day, at["time"], zone))


def until(
    wait: Mapping[str, Any], sheet: Mapping[str, Any], zone: ZoneInfo, entered: datetime
) -> datetime | None:
    """The time of ``{"attribute" | "event", "offset": "-1d", "time"?: "18:00"}``; None without a date.

    The anchor is the attribute's date (00:00 local) or when the event took place (``anchors.timestamp_of``).
    ``time`` is the time of day on the local date that the offset leads to; without it whole days and weeks
    keep the local time.
    """
    try:
        anchor = _anchor(wait, sheet, zone, entered)
    except OverflowError:
        return CALENDAR_ENDS
    try:
        found = None if anchor is None else _offset(wait, anchor, zone)
    except OverflowError:
        return CALENDAR_BEGINS if wait["offset"].startswith("-") else CALENDAR_ENDS
    return None if found is None else max(CALENDAR_BEGINS, min(found, CALENDAR_ENDS))


def _later(timestamp: datetime, length: timedelta) -> datetime:
    try:
        return min(timestamp + length, CALENDAR_ENDS)
    except OverflowError:
        return CALENDAR_ENDS


def _offset(wait: Mapping[str, Any], anchor: datetime, zone: ZoneInfo) -> datetime:
    """The time that lies the offset away from the anchor, at the time of day that is wanted."""
    sign, amount, unit = re.fullmatch(r"([+-]?)([0-9]+)([smhdw])", wait.get("offset", "0s")).groups()  # type: ignore[union-attr]
    offset = parse_duration(amount + unit) * (-1 if sign == "-" else 1)
    time_of_day = wait.get("time")
    if unit in "dw":
        local = anchor.astimezone(zone)
        time_of_day = time_of_day or local.time().isoformat()
        return at_local(local.date() + offset, time_of_day, zone)
    timestamp = anchor + offset
    return at_local(local_date(timestamp, zone), time_of_day, zone) if time_of_day else timestamp


def _anchor(
    wait: Mapping[str, Any], sheet: Mapping[str, Any], zone: ZoneInfo, entered: datetime
) -> datetime | None:
    if wait.get("attribute"):
        day = (sheet.get("attributes") or {}).get(wait["attribute"])
        return at_local(date.fromisoformat(day), "00:00", zone) if isinstance(day, str) else None
    at = anchors.timestamp_of(wait["event"], sheet, iso(entered))
    return parse_iso(at) if at else None
