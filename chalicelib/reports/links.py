"""Clicks: how often links were opened and by how many friends, by link, delivery or local day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from chalicelib.reports.lines import CLICKED, Line
from chalicelib.reports.numbers import Entry, Fold
from chalicelib.reports.periods import Span, name_of

COLUMNS = ("clicks", "clickers")
DISTINCT = frozenset({"clickers"})
By = Literal["link", "delivery", "day"]
NO_DELIVERY = "-"
"""The row of clicks on what no broadcast or scenario sent: replies, and messages of rules."""


def fold(span: Span, by: By, only: Mapping[str, str]) -> Fold:
    """Every click of a span, and the different friends who clicked; of a link or a delivery ``only``."""

    def row(line: Line) -> str:
        if by == "day":
            return name_of(span.day_of(line.at), "day")
        return str(line.props.get(by, NO_DELIVERY))

    def entries(lines: Iterable[Line]) -> Iterator[Entry]:
        for line in lines:
            if line.kind == CLICKED and all(line.props.get(name) == of for name, of in only.items()):
                named = row(line)
                yield Entry(named, "clicks", line.user)
                yield Entry(named, "clickers", line.user)

    return entries
