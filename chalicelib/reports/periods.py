"""The time that a report is about: local days of the account, and weeks and months of them. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from chalicelib.shared.times import CALENDAR_BEGINS, iso, local_date, parse_iso

USUAL, LONGEST = timedelta(days=29), timedelta(days=799)
"""From the first day to the last: without dates 30 days, and never more than 800."""
Period = Literal["day", "week", "month"]


@dataclass(frozen=True)
class Span:
    """Local days of an account, the first and the last included."""

    first: date
    last: date
    zone: ZoneInfo

    @property
    def since(self) -> str:
        """The first moment."""
        return self._midnight(self.first)

    @property
    def until(self) -> str:
        """The moment before which it ends."""
        return self._midnight(self.last + timedelta(days=1))

    def holds(self, at: str) -> bool:
        """Whether a moment is in it."""
        return self.since <= at < self.until

    def day_of(self, at: str) -> date:
        """The local day of a moment."""
        return local_date(parse_iso(at), self.zone)

    def days(self) -> Iterator[date]:
        """Its days, one after the other."""
        return (self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1))

    def _midnight(self, day: date) -> str:
        timestamp = datetime.combine(day, time(), self.zone)
        return iso(max(timestamp, CALENDAR_BEGINS))


def name_of(day: date, period: Period) -> str:
    """The period of a day: the day, the Monday of its week, or its month as ``2026-11``."""
    if period == "week":
        return (day - timedelta(days=day.weekday())).isoformat()
    return day.isoformat()[:7] if period == "month" else day.isoformat()
