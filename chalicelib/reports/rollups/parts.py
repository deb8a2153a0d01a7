"""A part of the friends over a time, as reports read it: rollups that hold, and lines between them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from chalicelib.accounts.service import get_account
from chalicelib.reports.lines import Line
from chalicelib.reports.numbers import Cell, Lines, Part
from chalicelib.reports.rollups import store
from chalicelib.reports.rollups.rollup import Rollup, Together, cover

ReadLines = Callable[[int, str, str], Iterable[Line]]
"""The lines of a part, from a moment until before another."""


@dataclass(frozen=True)
class _Unfolded:
    """Lines that are read when somebody asks for any of them."""

    part: int
    since: str
    until: str
    read: ReadLines

    @cached_property
    def _lines(self) -> Lines:
        return Lines(list(self.read(self.part, self.since, self.until)))

    def cells(self, kinds: Collection[str]) -> Iterator[Cell]:
        """See ``Part``."""
        return self._lines.cells(kinds)

    def lines(self, kinds: Collection[str], of: Collection[str] | None = None) -> list[Line]:
        """See ``Part``."""
        return self._lines.lines(kinds, of)


def of(account: str, part: int, since: str, until: str, read: ReadLines) -> Part:
    """The lines of a part of the friends in a time."""
    zone = get_account(account).zone.key
    marked = store.marks(account, part)  # before the rollups: what is cleared meanwhile is folded already
    rollups = [one for one in store.between(account, part, since, until) if one.zone == zone]
    return Together(
        [
            one if isinstance(one, Rollup) else _Unfolded(part, *one, read)
            for one in cover(since, until, rollups, marked)
        ]
    )
