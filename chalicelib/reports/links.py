"""Clicks: how often links were opened and by how many friends, by link, delivery or local day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from chalicelib.reports.lines import CLICKED
from chalicelib.reports.numbers import Cell, Entry, Fold, Part
from chalicelib.reports.periods import Span, name_of

COLUMNS = ("clicks", "clickers")
DISTINCT = frozenset({"clickers"})
By = Literal["link", "delivery", "day"]
NO_DELIVERY = "-"
"""The row of clicks on what no broadcast or scenario sent: replies, and messages of rules."""


def fold(span: Span, by: By, only: Mapping[str, str]) -> Fold:
    """Every click of a span, and the different friends who clicked; of a link or a delivery ``only``."""

    def row(cell: Cell) -> str:
        if by == "day":
            return name_of(span.day_of(cell.at), "day")
        return str(cell.props.get(by, NO_DELIVERY))

    def entries(part: Part) -> Iterator[Entry]:
        for cell in part.cells({CLICKED}):
            if all(cell.props.get(name) == of for name, of in only.items()):
                yield from (Entry(row(cell), name, cell.users) for name in COLUMNS)

    return entries
