"""When a schedule is due: EventBridge's ``rate(...)`` and ``cron(...)``, in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_RATE = re.compile(r"rate\((\d+) (minute|hour|day)s?\)\Z")
_CRON = re.compile(r"cron\((.+)\)\Z")
_MINUTES = {"minute": 1, "hour": 60, "day": 1440}
_MONTHS = {datetime(2000, month, 1, tzinfo=UTC).strftime("%b").upper(): month for month in range(1, 13)}
_DAYS = {datetime(2000, 1, day + 1, tzinfo=UTC).strftime("%a").upper(): day for day in range(1, 8)}
"""2000-01-02 was a Sunday, EventBridge's day 1."""


def is_due(expression: str, minute: datetime, first: datetime) -> bool:
    """Whether a schedule fires in this minute; rates count from ``first``, the minute of the start.

    Raises ValueError for an expression that is neither (or uses cron's ``L``, ``W`` and ``#``).
    """
    if rate := _RATE.match(expression):
        every = timedelta(minutes=int(rate[1]) * _MINUTES[rate[2]])
        return (minute - first) % every == timedelta(0)
    if cron := _CRON.match(expression):
        return _matches(cron[1], minute.astimezone(UTC))
    raise ValueError(f"{expression!r} is not a schedule like rate(1 minute) or cron(0 18 * * ? *)")


def _matches(fields: str, at: datetime) -> bool:
    minutes, hours, days, months, weekdays, years = fields.split()
    weekday = at.isoweekday() % 7 + 1
    return (
        _in(minutes, at.minute, {})
        and _in(hours, at.hour, {})
        and _in(days, at.day, {})
        and _in(months, at.month, _MONTHS)
        and _in(weekdays, weekday, _DAYS)
        and _in(years, at.year, {})
    )


def _in(field: str, value: int, names: dict[str, int]) -> bool:
    return any(_part(part, value, names) for part in field.split(","))


def _part(part: str, value: int, names: dict[str, int]) -> bool:
    span, _, step = part.partition("/")
    if span in {"*", "?"}:
        low, high = 0, value
    else:
        low_text, dash, high_text = span.partition("-")
        low = _number(low_text, names)
        high = _number(high_text, names) if dash else value if step else low
    return low <= value <= high and (value - low) % int(step or 1) == 0


def _number(text: str, names: dict[str, int]) -> int:
    return names[text] if text in names else int(text)
