"""What came of deliveries: clicks, conversions and blocks, out of lines. Pure.

A conversion belongs to the delivery that the friend clicked last before the order, if that was within the
account's attribution window, else to nobody (``orders``). A block belongs to each delivery that the friend
got in the 72 hours before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from chalicelib.reports.lines import CLICKED, UNFOLLOWED, Line
from chalicelib.reports.numbers import Cell, Entry, Fold, Part
from chalicelib.reports.orders import Orders, by_friend
from chalicelib.shared.times import iso, parse_iso

BLOCKED_WITHIN = timedelta(hours=72)
NUMBERS = ("clicks", "clickers", "conversions", "converters", "revenue", "blocked_after")
DISTINCT = frozenset({"clickers", "converters", "blocked_after"})


class Delivery(NamedTuple):
    """What was clicked or received: a broadcast with its run, or a scenario, which has none; a variant; the
    node of a scenario, of which a click knows nothing.
    """

    id: str
    run: str = ""
    variant: str = ""
    node: str = ""


RowOf = Callable[[Delivery, str], str | None]
"""The row of a report in which a delivery counts that was clicked or received at a moment; None: in none."""
Received = Callable[[str, str, str], Iterable[tuple[str, Delivery]]]
"""What a friend got between two moments, and when."""


def fold(row_of: RowOf, window: timedelta, received: Received) -> Fold:
    """Every number of ``NUMBERS``, by the rows of their deliveries."""

    def entries(part: Part) -> Iterator[Entry]:
        for cell in part.cells({CLICKED}):
            if "delivery" in cell.props and (row := row_of(_delivery(cell), cell.at)) is not None:
                yield Entry(row, "clicks", cell.users)
                yield Entry(row, "clickers", cell.users)
        for user, friend in by_friend(part).items():
            yield from _orders(user, friend, row_of, window)
        for block in part.lines({UNFOLLOWED}):
            yield from _blocks(block.user, block.at, row_of, received)

    return entries


def _delivery(click: Line | Cell) -> Delivery:
    """What was clicked."""
    props = click.props
    return Delivery(props["delivery"], props.get("run", ""), props.get("variant", ""))


def _orders(user: str, friend: Orders, row_of: RowOf, window: timedelta) -> Iterator[Entry]:
    for order in friend.all():
        click = friend.clicked_before(order.at, window, of_delivery=True)
        row = row_of(_delivery(click), click.at) if click else None
        if row is not None:
            yield Entry(row, "conversions", (user,))
            yield Entry(row, "converters", (user,))
            yield Entry(row, "revenue", (user,), order.left)


def _blocks(user: str, at: str, row_of: RowOf, received: Received) -> Iterator[Entry]:
    for got_at, delivery in received(user, iso(parse_iso(at) - BLOCKED_WITHIN), at):
        if (row := row_of(delivery, got_at)) is not None:
            yield Entry(row, "blocked_after", (user,))
