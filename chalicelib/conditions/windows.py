"""Lengths of time and spans of the calendar, as conditions name them: ``7d``, ``1mo``, ``last_month``. Pure.

A month or a year is one of the calendar: a month before is the same day of the month before, at the same
local time; where that month is shorter, its last day. Weeks begin on Monday.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_duration

_MONTHS = re.compile(r"(\d{1,4})(mo|y)\Z", re.ASCII)
_UNITS = ("day", "week", "month", "year")
PAST = ("today", "yesterday", *(f"{which}_{unit}" for unit in _UNITS[1:] for which in ("this", "last")))
"""The spans that ``within`` takes."""
AHEAD = ("today", "tomorrow", *(f"{which}_{unit}" for unit in _UNITS[1:3] for which in ("this", "next")))
"""The spans that ``anniversary_in`` takes."""


def months(text: str) -> int | None:
    """How many months ``1mo`` or ``2y`` are; None of anything else."""
    found = _MONTHS.match(text)
    return int(found[1]) * (12 if found[2] == "y" else 1) if found else None


def shifted(day: date, by: int) -> date:
    """The same day so many months later, or the last of a shorter month. Raises OverflowError."""
    number = day.year * 12 + day.month - 1 + by
    year, month = number // 12, number % 12 + 1
    if not 1 <= year <= 9999:
        raise OverflowError("beyond the calendar")
    return date(year, month, min(day.day, calendar.monthrange(year, month)[1]))


def before(timestamp: datetime, length: str, zone: ZoneInfo) -> datetime:
    """The timestamp a length of time earlier. Raises OverflowError."""
    count = months(length)
    if count is None:
        return timestamp - parse_duration(length)
    local = timestamp.astimezone(zone)
    return datetime.combine(shifted(local.date(), -count), local.timetz())


def after(timestamp: datetime, length: str, zone: ZoneInfo) -> datetime:
    """The timestamp a length of time later. Raises OverflowError."""
    count = months(length)
    if count is None:
        return timestamp + parse_duration(length)
    local = timestamp.astimezone(zone)
    return datetime.combine(shifted(local.date(), count), local.timetz())


def span(name: str, today: date) -> tuple[date, date] | None:
    """The first and the last day of ``this_month`` and the like; None of what is no span of the calendar."""
    if name not in {*PAST, *AHEAD}:
        return None
    which, _, unit = {"today": "this_day", "yesterday": "last_day", "tomorrow": "next_day"}.get(
        name, name
    ).partition("_")
    by = {"last": -1, "this": 0, "next": 1}[which]
    first = _first(unit, today, by)
    return first, _first(unit, today, by + 1) - timedelta(days=1)


def _first(unit: str, today: date, by: int) -> date:
    """The first day of the present week (month …), or of one that is so many later."""
    if unit == "day":
        return today + timedelta(days=by)
    if unit == "week":
        return today + timedelta(days=7 * by - today.weekday())
    first = today.replace(day=1) if unit == "month" else today.replace(month=1, day=1)
    return shifted(first, by * (1 if unit == "month" else 12))


def last_days(text: str, today: date) -> tuple[date, date]:
    """The days that ``within`` means of what is counted by days: ``7d`` is today and the 6 days before,
    ``1mo`` the days since the same day of the month before. Raises OverflowError.
    """
    named = span(text, today)
    if named is not None:
        return named
    count = months(text)
    if count is None:
        return today - timedelta(days=parse_duration(text).days - 1), today
    return shifted(today, -count) + timedelta(days=1), today


def next_days(text: str, today: date) -> tuple[date, date]:
    """The same ahead: ``1mo`` is from today to the day before the same day of the next month."""
    named = span(text, today)
    if named is not None:
        return named
    count = months(text)
    if count is None:
        return today, today + timedelta(days=parse_duration(text).days - 1)
    return today, shifted(today, count) - timedelta(days=1)


# Checks


def length(value: Any, path: str) -> Iterable[Detail]:
    """A length of time, longer than nothing."""
    if not _is_length(value):
        yield Detail(path, Reason("must_be_length"))


def within(value: Any, path: str) -> Iterable[Detail]:
    """A length of time, or a span of the calendar."""
    if value not in PAST and not _is_length(value):
        yield Detail(path, Reason("must_be_window", known=list(PAST)))


def _is_length(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return bool(months(value) or (months(value) is None and parse_duration(value)))
    except ValueError:
        return False


def days(value: Any, path: str) -> Iterable[Detail]:
    """A length of whole days."""
    if not _is_length(value) or value[-1] in "smh":
        yield Detail(path, Reason("must_be_days"))


def anniversary(value: Any, path: str) -> Iterable[Detail]:
    """A length of whole days, or a span of the calendar that is not over."""
    if value not in AHEAD:
        yield from days(value, path)


_ANY_DAY = date(2027, 10, 1)
"""July to September are the three months of the most days."""


def days_kept(most: int) -> Callable[[Any, str], Iterable[Detail]]:
    """``within`` of what is counted by days, of which so many are kept."""

    def check(value: Any, path: str) -> Iterable[Detail]:
        if value in PAST:
            if value.endswith("_year"):
                yield Detail(path, Reason("at_most_days", most=most))
            return
        wrong = list(days(value, path))
        yield from wrong
        if not wrong and _count(value) > most:
            yield Detail(path, Reason("at_most_days", most=most))

    return check


def _count(text: str) -> int:
    try:
        first, last = last_days(text, _ANY_DAY)
    except OverflowError:
        return 1 << 20
    return (last - first).days + 1
