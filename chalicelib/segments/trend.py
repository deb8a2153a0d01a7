"""How a friend counts in the trend of the last days: by status, day of coming, day of blocking. Pure.

A day is its place among ``bounds``, the timestamps (Unix milliseconds) at which the days begin, the last of
them the end; -1 is before all of them or never. ``keys`` says the same in the mirror's columns and a sheet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import parse_iso, to_ms


def keys(bounds: Sequence[int]) -> tuple[str, Callable[[Sheet], str]]:
    """A friend's key in SQL, and of a sheet: ``following|3|-1``."""
    came, left = _day_sql("f.followed_at", bounds), _day_sql("f.blocked_at", bounds)
    return f"concat(f.status, '|', {came}, '|', {left})", lambda sheet: key_of(sheet, bounds)


def key_of(sheet: Sheet, bounds: Sequence[int]) -> str:
    """A friend's key."""
    came, left = _day(sheet.get("followed_at"), bounds), _day(sheet.get("blocked_at"), bounds)
    return f"{sheet.get('status')}|{came}|{left}"


def _day(timestamp: str | None, bounds: Sequence[int]) -> int:
    return bisect_right(bounds, to_ms(parse_iso(timestamp))) - 1 if timestamp else -1


def _day_sql(column: str, bounds: Sequence[int]) -> str:
    first, *others = (int(bound) for bound in bounds)
    later = "".join(f" WHEN {column} < {bound} THEN {place}" for place, bound in enumerate(others))
    return f"CASE WHEN {column} IS NULL OR {column} < {first} THEN -1{later} ELSE {len(others)} END"


@dataclass
class Trend:
    """Friends by status, and ``[came, blocked]`` of each day."""

    days: list[list[int]]
    statuses: dict[str, int] = field(default_factory=dict)

    def count(self, key: str, many: int = 1) -> None:
        """So many friends more with this key."""
        status, *days = key.split("|")
        self.statuses[status] = self.statuses.get(status, 0) + many
        for place, day in enumerate(map(int, days)):
            if 0 <= day < len(self.days):
                self.days[day][place] += many


def of(counted: Mapping[str, int], bounds: Sequence[Any]) -> Trend:
    """The trend of counted keys."""
    found = Trend([[0, 0] for _ in bounds[1:]])
    for key, many in counted.items():
        found.count(key, many)
    return found
