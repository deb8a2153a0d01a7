"""Numbers out of lines: what each line adds to which number of which row, and who is behind a number. Pure.

A fold reads the lines of one part of the friends and answers entries. No friend is in two parts, so that
sums and different friends of parts add up, and no more than one part is in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple, Protocol, TypeAlias

from chalicelib.reports.lines import Line
from chalicelib.sheets.money import plain

TOTAL = ""
"""The row of all rows together."""
Amount: TypeAlias = int | Decimal


class Cell(NamedTuple):
    """Lines that are alike: of one kind and one local day (``at``: a moment of it), with the same properties.
    ``users``: of each line whose it is.
    """

    at: str
    kind: str
    props: Mapping[str, Any]
    users: Sequence[str]


class Part(Protocol):
    """The lines of one part of the friends, of some time."""

    def cells(self, kinds: Collection[str]) -> Iterable[Cell]:
        """The lines of some kinds, those that are alike together; in no order."""

    def lines(self, kinds: Collection[str], of: Collection[str] | None = None) -> Sequence[Line]:
        """The lines of some kinds, oldest first; ``of``: of these friends alone."""


@dataclass(frozen=True)
class Lines:
    """Lines as they are, oldest first."""

    given: Sequence[Line]

    def cells(self, kinds: Collection[str]) -> Iterator[Cell]:
        """See ``Part``."""
        return (Cell(one.at, one.kind, one.props, (one.user,)) for one in self.given if one.kind in kinds)

    def lines(self, kinds: Collection[str], of: Collection[str] | None = None) -> list[Line]:
        """See ``Part``."""
        return [one for one in self.given if one.kind in kinds and (of is None or one.user in of)]


class Entry(NamedTuple):
    """So much of a number of a row, for each of some friends (named again for each time)."""

    row: str
    number: str
    users: Sequence[str]
    amount: Amount = 1


Fold: TypeAlias = Callable[[Part], Iterator[Entry]]


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
        different: dict[tuple[str, str], set[str]] = {}
        for entry in entries:
            for row in {entry.row, TOTAL}:
                place = (row, entry.number)
                if entry.number in self._distinct:
                    different.setdefault(place, set()).update(entry.users)
                else:
                    self._sums[place] = self._sums.get(place, 0) + entry.amount * len(entry.users)
        for place, users in different.items():
            self._sums[place] = self._sums.get(place, 0) + len(users)

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
            for user in entry.users:
                found[user] = found.get(user, 0) + entry.amount
    return found
