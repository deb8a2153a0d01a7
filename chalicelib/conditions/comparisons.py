"""Comparing values and timestamps: each function is built once and then called for every friend."""

from __future__ import annotations

import operator
import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta
from typing import Any, Generic, TypeVar
from zoneinfo import ZoneInfo

from chalicelib.conditions import windows
from chalicelib.shared.times import iso, local_date, to_ms

T = TypeVar("T")

_ORDER = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
OPERATORS = ("eq", "ne", *_ORDER, "between", "in")


def nfc(text: str) -> str:
    """Text in the form in which texts are compared."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def compare(cmp: Mapping[str, Any]) -> Callable[[Any], bool]:
    """The test of a value (a number, or text in NFC) for the one operator in ``cmp``."""
    name, operand = next((key, cmp[key]) for key in OPERATORS if key in cmp)
    operand = _normal(operand)
    if name == "eq":
        return lambda value: bool(value == operand)
    if name == "ne":
        return lambda value: bool(value != operand)
    if name == "in":
        members = frozenset(operand)
        return lambda value: value in members
    if name == "between":
        low, high = operand
        return lambda value: bool(low <= value <= high)
    order = _ORDER[name]
    return lambda value: bool(order(value, operand))


def _normal(operand: Any) -> Any:
    if isinstance(operand, str):
        return nfc(operand)
    return [_normal(one) for one in operand] if isinstance(operand, list) else operand


class PerTime(Generic[T]):
    """What is derived from ``now`` alone, computed once per run (the same ``now`` object)."""

    __slots__ = ("_compute", "_last")

    def __init__(self, compute: Callable[[datetime], T]) -> None:
        self._compute = compute
        self._last: tuple[datetime, T] | None = None

    def __call__(self, now: datetime) -> T:
        last = self._last
        if last is not None and last[0] is now:
            return last[1]
        value = self._compute(now)
        self._last = (now, value)
        return value


def age(spec: Mapping[str, Any], zone: ZoneInfo) -> Callable[[str | None, datetime], bool]:
    """The test of a timestamp (ISO text, None is false) for one of ``within``, ``before``, ``days_ago``.

    ``within d`` is 0 <= now - at < d, ``before d`` is now - at >= d; ``days_ago: [a, b]`` counts local
    calendar days between the timestamp and today, ends included. Timestamps hold whole milliseconds, so a
    comparison of texts with the bound cut to milliseconds is exact.
    """
    bounds = PerTime(_bounds(spec, zone))

    def test(at: str | None, now: datetime) -> bool:
        if not at:
            return False
        above, up_to = bounds(now)
        return above < at <= up_to

    return test


def age_in_ms(spec: Mapping[str, Any], zone: ZoneInfo, now: datetime) -> tuple[int | None, int | None]:
    """What ``age`` compares with, in Unix milliseconds: after the first (None: no bound), up to the second
    (None: before all time).
    """
    above, up_to = _bounds(spec, zone)(now)
    return _in_ms(above), _in_ms(up_to)


def _in_ms(text: str) -> int | None:
    return to_ms(datetime.fromisoformat(text)) if text else None


def day_start_in_ms(now: datetime, zone: ZoneInfo, days_ago: int) -> int:
    """When the local day began that is so many days ago, in Unix milliseconds."""
    return to_ms(_day_start(now, zone, days_ago))


_INSTANT = timedelta(milliseconds=1)


def _bounds(spec: Mapping[str, Any], zone: ZoneInfo) -> Callable[[datetime], tuple[str, str]]:
    if "within" in spec:
        return _within(spec["within"], zone)
    if "before" in spec:
        return lambda now: ("", _earlier(now, spec["before"], zone))
    fewest, most = spec["days_ago"]

    def days(now: datetime) -> tuple[str, str]:
        return _just_before(_day_start(now, zone, most)), _just_before(_day_start(now, zone, fewest - 1))

    return days


def _within(window: str, zone: ZoneInfo) -> Callable[[datetime], tuple[str, str]]:
    if window not in windows.PAST:
        return lambda now: (_earlier(now, window, zone), iso(now))

    def named(now: datetime) -> tuple[str, str]:
        first, last = windows.last_days(window, local_date(now, zone))
        end = _just_before(datetime.combine(last + timedelta(days=1), time(), zone))
        return _just_before(datetime.combine(first, time(), zone)), min(end, iso(now))

    return named


def _earlier(timestamp: datetime, length: str, zone: ZoneInfo) -> str:
    """The time ``length`` earlier as ISO text; before all time when the calendar does not reach."""
    try:
        return iso(windows.before(timestamp, length, zone))
    except OverflowError:
        return ""


def _just_before(timestamp: datetime) -> str:
    try:
        return iso(timestamp - _INSTANT)
    except OverflowError:
        return ""


def _day_start(now: datetime, zone: ZoneInfo, days_ago: int) -> datetime:
    day = local_date(now, zone) - timedelta(days=days_ago)
    return datetime.combine(day, time(), zone)


def day_window(window: str, zone: ZoneInfo) -> PerTime[tuple[str, str]]:
    """The local days that a window means, as ``(first, last)`` dates in text."""

    def days(now: datetime) -> tuple[str, str]:
        first, last = windows.last_days(window, local_date(now, zone))
        return first.isoformat(), last.isoformat()

    return PerTime(days)
