"""Every order of some days, by what led to it: the click before it, or the way by which the friend came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Literal

from chalicelib.reports import journal
from chalicelib.reports.lines import delivery_of
from chalicelib.reports.numbers import Entry, Fold, Measurement, Part
from chalicelib.reports.orders import Order, Orders, by_friend
from chalicelib.reports.periods import Span, name_of
from chalicelib.shared.times import iso, parse_iso

By = Literal["delivery", "link", "route", "day"]
COLUMNS = ("conversions", "converters", "revenue", "site_only")
DISTINCT = frozenset({"converters"})
NOTHING = "-"
"""The row of orders that no click or no route led to."""
RoutesOf = Callable[[Iterable[str]], Mapping[str, str]]
"""The first route of each of these friends, of who came by one."""


def asked(span: Span, by: By, window: timedelta, routes_of: RoutesOf) -> Measurement:
    """What of the lines is needed: clicks from a window before the span, its orders, and what was reported of
    these since: an order is refunded later, and the company may report it later than the tag did.
    """
    since = iso(parse_iso(span.since) - window)
    return Measurement(fold(span, by, window, routes_of), since, journal.END, DISTINCT)


def fold(span: Span, by: By, window: timedelta, routes_of: RoutesOf) -> Fold:
    """Every order of a span in the row of what led to it."""

    def row(friend: Orders, order: Order, route: str | None) -> str:
        if by == "day":
            return name_of(span.day_of(order.at), "day")
        if by == "route":
            return route or NOTHING
        click = friend.clicked_before(order.at, window, of_delivery=by == "delivery")
        if click is None:
            return NOTHING
        return delivery_of(click.props) or NOTHING if by == "delivery" else str(click.props.get(by, NOTHING))

    def entries(part: Part) -> Iterator[Entry]:
        friends = by_friend(part)
        routes = routes_of(friends) if by == "route" else {}
        for user, friend in friends.items():
            for order in friend.all():
                if span.holds(order.at):
                    yield from _entries(row(friend, order, routes.get(user)), user, order)

    return entries


def _entries(row: str, user: str, order: Order) -> Iterator[Entry]:
    yield Entry(row, "conversions", (user,))
    yield Entry(row, "converters", (user,))
    yield Entry(row, "revenue", (user,), order.left)
    if order.site_only:
        yield Entry(row, "site_only", (user,))
