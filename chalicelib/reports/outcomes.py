"""What came of deliveries: clicks, conversions and blocks, out of lines. Pure.

A conversion belongs to the delivery that the friend clicked last before the order, if that was within the
account's attribution window, else to nobody. What was refunded is no revenue, and an order that was refunded
whole no conversion. A block belongs to each delivery that the friend got in the 72 hours before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import NamedTuple

from chalicelib.reports.lines import CLICKED, PURCHASED, REFUNDED, UNFOLLOWED, Line
from chalicelib.reports.numbers import Entry, Fold
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets.money import exact

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


@dataclass
class _Friend:
    """What one friend did."""

    clicks: list[tuple[str, Delivery]] = field(default_factory=list)
    orders: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    back: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    blocks: list[str] = field(default_factory=list)

    def take(self, line: Line) -> None:
        """Keep what a line says."""
        props = line.props
        if line.kind == CLICKED and "delivery" in props:
            named = Delivery(props["delivery"], props.get("run", ""), props.get("variant", ""))
            self.clicks.append((line.at, named))
        elif line.kind == PURCHASED:
            order = str(props.get("order_id", line.name))
            self.orders.setdefault(order, (line.at, exact(props.get("amount"))))
        elif line.kind == REFUNDED:
            self.back[str(props.get("refund_of"))] += exact(props.get("amount"))
        elif line.kind == UNFOLLOWED:
            self.blocks.append(line.at)

    def clicked_before(self, at: str, window: timedelta) -> tuple[str, Delivery] | None:
        """What the friend clicked last up to a moment, if that was within the window."""
        first = iso(parse_iso(at) - window)
        before = [click for click in self.clicks if first <= click[0] <= at]
        return before[-1] if before else None


def fold(row_of: RowOf, window: timedelta, received: Received) -> Fold:
    """Every number of ``NUMBERS``, by the rows of their deliveries."""

    def entries(lines: Iterable[Line]) -> Iterator[Entry]:
        friends: dict[str, _Friend] = defaultdict(_Friend)
        for line in lines:
            friends[line.user].take(line)
        for user, friend in friends.items():
            yield from _clicks(user, friend, row_of)
            yield from _orders(user, friend, row_of, window)
            yield from _blocks(user, friend, row_of, received)

    return entries


def _clicks(user: str, friend: _Friend, row_of: RowOf) -> Iterator[Entry]:
    for at, delivery in friend.clicks:
        if (row := row_of(delivery, at)) is not None:
            yield Entry(row, "clicks", user)
            yield Entry(row, "clickers", user)


def _orders(user: str, friend: _Friend, row_of: RowOf, window: timedelta) -> Iterator[Entry]:
    for order, (at, amount) in friend.orders.items():
        back = friend.back.get(order)
        click = friend.clicked_before(at, window)
        row = row_of(click[1], click[0]) if click else None
        if row is None or (back is not None and back >= amount):
            continue
        yield Entry(row, "conversions", user)
        yield Entry(row, "converters", user)
        yield Entry(row, "revenue", user, amount - (back or Decimal(0)))


def _blocks(user: str, friend: _Friend, row_of: RowOf, received: Received) -> Iterator[Entry]:
    for at in friend.blocks:
        for got_at, delivery in received(user, iso(parse_iso(at) - BLOCKED_WITHIN), at):
            if (row := row_of(delivery, got_at)) is not None:
                yield Entry(row, "blocked_after", user)
