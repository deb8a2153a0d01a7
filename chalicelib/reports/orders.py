"""Orders and clicks of one friend, out of lines, and the click that each order follows. Pure.

An order is one, whoever reports it: the company (``purchased``), whose word counts, or the site tag alone
(``converted``). What was refunded is no revenue, and an order that was refunded whole is none.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from chalicelib.reports.lines import CLICKED, CONVERTED, PURCHASED, REFUNDED, Line, delivery_of
from chalicelib.reports.numbers import Part
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets.money import exact

ORDERS = frozenset({PURCHASED, REFUNDED, CONVERTED})


class Order(NamedTuple):
    """An order: when, what is left of its amount, and whether only the site tag reports it."""

    at: str
    left: Decimal
    site_only: bool


@dataclass
class Orders:
    """What one friend clicked and ordered."""

    clicks: list[Line] = field(default_factory=list)
    _bought: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    _converted: dict[str, tuple[str, Decimal]] = field(default_factory=dict)
    _back: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def take(self, line: Line) -> None:
        """Keep what a line says; lines come oldest first."""
        props: Any = line.props
        order = str(props.get("order_id", line.name))
        if line.kind == CLICKED:
            self.clicks.append(line)
        elif line.kind == PURCHASED:
            self._bought.setdefault(order, (line.at, exact(props.get("amount"))))
        elif line.kind == CONVERTED:
            self._converted.setdefault(order, (line.at, exact(props.get("value"))))
        elif line.kind == REFUNDED:
            self._back[str(props.get("refund_of"))] += exact(props.get("amount"))

    def all(self) -> Iterator[Order]:
        """The orders that are one, each once."""
        for order, (at, amount) in {**self._converted, **self._bought}.items():
            back = self._back.get(order)
            if back is None or back < amount:
                yield Order(at, amount - (back or Decimal(0)), order not in self._bought)

    def clicked_before(self, at: str, window: timedelta, *, of_delivery: bool = False) -> Line | None:
        """What the friend clicked last up to a moment, if that was within the window; ``of_delivery``: of
        what is known who sent it.
        """
        first = iso(parse_iso(at) - window)
        before = [click for click in self.clicks if first <= click.at <= at]
        return next((one for one in reversed(before) if not of_delivery or delivery_of(one.props)), None)


def by_friend(part: Part) -> dict[str, Orders]:
    """The orders of some friends and the clicks of those who ordered, by friend."""
    found: dict[str, Orders] = defaultdict(Orders)
    for line in part.lines(ORDERS):
        found[line.user].take(line)
    for click in part.lines({CLICKED}, found.keys()) if found else ():
        found[click.user].take(click)
    return found
