"""When a wait ends. Pure; local times resolve in the account's zone, gaps forward, overlaps first."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.shared.times import local_date, parse_duration

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at_local(day: date, clock: str, zone: ZoneInfo) -> datetime:
    """The moment (UTC) when the clock on the wall shows ``HH:MM`` on a date.

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
        return entered + parse_duration(wait["after"])
    at = wait["at"]
    day = local_date(entered, zone) + timedelta(days=at["day"])
    wanted = at.get("weekdays")
    while wanted and WEEKDAYS[day.weekday()] not in wanted:
        day += timedelta(days=1)
    return max(entered, at_local(day, at["time"], zone))
