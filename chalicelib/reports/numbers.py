"""Numbers out of lines: what each line adds to which number of which row, and who is behind a number. Pure.

A fold reads the lines of one part of the friends, oldest first, and answers entries. No friend is in two
parts, so that sums and different friends of parts add up, and no more than one part is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TypeAlias

from chalicelib.reports.lines import Line
from chalicelib.sheets.money import plain

TOTAL = ""
"""The row of all rows together."""
Amount: TypeAlias = int | Decimal


@dataclass(frozen=True)
class Entry:
    """So much of a number of a row, for a friend."""

    row: str
    number: str
    user: str
    amount: Amount = 1


Fold: TypeAlias = Callable[[Iterable[Line]], Iterator[Entry]]


@dataclass(frozen=True)
class Measurement:
    """What is asked of lines: by which fold, of which time, and which numbers count different friends."""

    fold: Fold
    since: str
    until: str
    distinct: Collection[str] = field(default=frozenset())


class Tally:
    """Numbers by row, and in all."""

    def __init__(self, distinct: Collection[str] = ()) -> None:
        self._distinct = distinct
        self._sums: dict[tuple[str, str], Amount] = {}

    def add(self, entries: Iterable[Entry]) -> None:
        """Add the entries of one part."""
        seen: set[tuple[str, str, str]] = set()
        for entry in entries:
            for row in {entry.row, TOTAL}:
                if entry.number in self._distinct:
                    named = (row, entry.number, entry.user)
                    if named in seen:
                        continue
                    seen.add(named)
                place = (row, entry.number)
                self._sums[place] = self._sums.get(place, 0) + entry.amount

    def of(self, row: str, number: str) -> int | float:
        """A number of a row."""
        return as_number(self._sums.get((row, number), 0))

    def numbers(self, row: str) -> list[str]:
        """The numbers that a row has."""
        return sorted(number for place, number in self._sums if place == row)

    @property
    def rows(self) -> set[str]:
        """The rows that have any number."""
        return {row for row, _ in self._sums if row != TOTAL}


def as_number(amount: Amount) -> int | float:
    """An amount as it is answered."""
    return plain(amount) if isinstance(amount, Decimal) else amount


def behind(entries: Iterable[Entry], row: str, number: str) -> dict[str, Amount]:
    """The friends behind a number, and how much of it each is."""
    found: dict[str, Amount] = {}
    for entry in entries:
        if entry.number == number and row in {entry.row, TOTAL}:
            found[entry.user] = found.get(entry.user, 0) + entry.amount
    return found
