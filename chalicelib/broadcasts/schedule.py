"""When a broadcast is due, and when it is too late. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.broadcasts.model import MAX_LATENESS
from chalicelib.shared.times import iso, local_date, parse_duration, parse_iso

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def next_occurrence(every: Mapping[str, Any], zone: ZoneInfo, after: datetime) -> datetime:
    """The first moment later than ``after`` at this local time on one of these weekdays (none: any day).

    A local time that a change of the clocks leaves out moves forward; of one that comes twice the first
    is meant.
    """
    days = set(every.get("weekdays") or WEEKDAYS)
    clock = time.fromisoformat(str(every["time"]))
    day = local_date(after, zone)
    while True:
        moment = datetime.combine(day, clock, zone).astimezone(UTC)
        if WEEKDAYS[day.weekday()] in days and moment > after:
            return moment
        day += timedelta(days=1)


def is_too_late(body: Mapping[str, Any], at: str, go_at: str | None, now: datetime) -> bool:
    """Whether nobody may be sent to any more without asking: later than ``max_lateness`` after it was due,
    or after a person last said that it may go on.
    """
    since = parse_iso(max(at, go_at or at))
    return now - since > parse_duration(str(body.get("max_lateness") or MAX_LATENESS))


def machine_time(at: str) -> str:
    """The whole second not before ``at``, as the state machine waits for it."""
    moment = parse_iso(at)
    if moment.microsecond:
        moment = moment.replace(microsecond=0) + timedelta(seconds=1)
    return iso(moment)[:19] + "Z"
