"""Which timestamps a repeated local time has: days of the week, days of the month. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.shared.times import local_date

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LAST = "last"
"""Among the days of a month: its last one, whichever that is."""


def next_occurrence(every: Mapping[str, Any], zone: ZoneInfo, after: datetime) -> datetime:
    """The first timestamp later than ``after`` at this local time, on one of the ``weekdays`` or
    ``days_of_month`` that are named (none: any day); a month without a day of that number has none.

    A local time that a change of the clocks leaves out moves forward; of one that comes twice the first
    is meant.
    """
    clock = time.fromisoformat(str(every["time"]))
    day = local_date(after, zone)
    while True:
        timestamp = datetime.combine(day, clock, zone).astimezone(UTC)
        if timestamp > after and _is_meant(every, day):
            return timestamp
        day += timedelta(days=1)


def _is_meant(every: Mapping[str, Any], day: date) -> bool:
    days: list[int | str] = every.get("days_of_month") or []
    if days:
        return day.day in days or (LAST in days and (day + timedelta(days=1)).day == 1)
    return WEEKDAYS[day.weekday()] in (every.get("weekdays") or WEEKDAYS)
