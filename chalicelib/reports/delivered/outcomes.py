"""What rules and others sent, and what came of deliveries: clicks, conversions, blocks; out of lines. Pure.

A conversion belongs to the delivery that the friend clicked last before the order, if that was within the
account's attribution window, else to nobody (``orders``). A block belongs to each delivery that the friend
got in the 72 hours before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import timedelta
from typing import NamedTuple

from chalicelib.reports.delivered import effect_lines
from chalicelib.reports.lines import CLICKED, SENT_BY_EFFECTS, UNFOLLOWED, Line, Props, delivery_of
from chalicelib.reports.numbers import Cell, Entry, Fold, Part
from chalicelib.reports.orders import Orders, by_friend
from chalicelib.shared.times import iso, parse_iso

BLOCKED_WITHIN = timedelta(hours=72)
NUMBERS = ("clicks", "clickers", "conversions", "converters", "revenue", "blocked_after")
DISTINCT = frozenset({"clickers", "converters", "blocked_after"})


class Delivery(NamedTuple):
    """What was clicked or received: a broadcast with its run, or a scenario, which has none, or who else sent
    it (``rule:hello``); the variant of a broadcast, the node of a scenario (empty: unknown).
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
            if delivery_of(cell.props) and (row := row_of(_delivery(cell), cell.at)) is not None:
                yield Entry(row, "clicks", cell.users)
                yield Entry(row, "clickers", cell.users)
        for cell in part.cells({SENT_BY_EFFECTS}):
            if (row := row_of(_delivery_of_effects(cell.props), cell.at)) is not None:
                yield from (Entry(row, number, cell.users) for number in effect_lines.numbers(cell.props))
        for user, friend in by_friend(part).items():
            yield from _orders(user, friend, row_of, window)
        blocks = part.lines({UNFOLLOWED})
        heard = _heard(part, {block.user for block in blocks})
        for block in blocks:
            since = iso(parse_iso(block.at) - BLOCKED_WITHIN)
            got = [*received(block.user, since, block.at), *heard(block.user, since, block.at)]
            yield from _blocks(block.user, got, row_of)

    return entries


def _delivery(click: Line | Cell) -> Delivery:
    """What was clicked."""
    props = click.props
    names = ("run", "variant", "node")
    return Delivery(delivery_of(props) or "", *(str(props.get(name, "")) for name in names))


def _delivery_of_effects(props: Props) -> Delivery:
    """What a line of a reaction says was sent: by a scenario's action it is the scenario's."""
    kind, _, id_ = props["author"].partition(":")
    return Delivery(id_ if kind == "scenario" else props["author"], node=props.get("node", ""))


def _heard(part: Part, users: Collection[str]) -> Received:
    """What some friends got of rules and others, as far as the lines go."""
    lines: dict[str, list[Line]] = defaultdict(list)
    for line in part.lines({SENT_BY_EFFECTS}, users) if users else ():
        if line.props["result"] == "accepted":
            lines[line.user].append(line)
    return lambda user, since, until: [
        (one.at, _delivery_of_effects(one.props)) for one in lines.get(user, ()) if since <= one.at <= until
    ]


def _orders(user: str, friend: Orders, row_of: RowOf, window: timedelta) -> Iterator[Entry]:
    for order in friend.all():
        click = friend.clicked_before(order.at, window, of_delivery=True)
        row = row_of(_delivery(click), click.at) if click else None
        if row is not None:
            yield Entry(row, "conversions", (user,))
            yield Entry(row, "converters", (user,))
            yield Entry(row, "revenue", (user,), order.left)


def _blocks(user: str, got: Iterable[tuple[str, Delivery]], row_of: RowOf) -> Iterator[Entry]:
    for got_at, delivery in got:
        if (row := row_of(delivery, got_at)) is not None:
            yield Entry(row, "blocked_after", (user,))
