"""Clicks and touches: how often links and routes were opened and by how many friends, also by local day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from chalicelib.reports.lines import CLICKED, TOUCHED, delivery_of
from chalicelib.reports.numbers import Cell, Entry, Fold, Part
from chalicelib.reports.periods import Span, name_of

COLUMNS = ("clicks", "clickers")
OF_TOUCHES = ("touches", "visitors")
NUMBERS_OF: Mapping[str, tuple[str, str]] = {CLICKED: COLUMNS, TOUCHED: OF_TOUCHES}
DISTINCT = frozenset({"clickers", "visitors"})
By = Literal["link", "delivery", "day"]
ByRoute = Literal["route", "day"]
NO_DELIVERY = "-"
"""The row of clicks on what nobody knows who sent."""


def fold(span: Span, by: By | ByRoute, only: Mapping[str, str], kind: str = CLICKED) -> Fold:
    """Every click (or touch) of a span, and the different friends; of a link or a delivery ``only``."""

    def of(cell: Cell, name: str) -> str | None:
        return delivery_of(cell.props) if name == "delivery" else cell.props.get(name)

    def row(cell: Cell) -> str:
        if by == "day":
            return name_of(span.day_of(cell.at), "day")
        return of(cell, by) or NO_DELIVERY

    def entries(part: Part) -> Iterator[Entry]:
        for cell in part.cells({kind}):
            if all(of(cell, name) == wanted for name, wanted in only.items()):
                yield from (Entry(row(cell), name, cell.users) for name in NUMBERS_OF[kind])

    return entries
