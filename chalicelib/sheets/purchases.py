"""Purchases on the sheet: running figures in all, per category and per product, and the stage they mean.

``{"count", "total", "first_at", "last_at", "categories": {c: figures}, "products": {p: figures}}``:
``count`` counts orders (an order counts once in each category and product it holds), ``total`` adds
amounts. Refunds take amounts back, and an order from the counts when all of it is gone. So that neither
depends on the order of arrival, nor ever is below nothing, ``orders`` remembers the friend's latest orders
(``{order_id: {"at", "amount"?, "categories"?, "products"?, "back"?, "items_back"?}}``): a figure is the sum
of what its orders count. A refund whose order is not among them waits there for it; with 100 newer orders
beside it, or when the sheet has no room, it is forgotten and has counted nothing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeAlias

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import iso, parse_duration, parse_iso
from chalicelib.sheets.model import Fact
from chalicelib.sheets.money import exact, plain

STAGES = ("prospect", "first", "repeat", "loyal", "dormant")
DORMANT_AFTER = timedelta(days=180)
ORDERS_KEPT = 100
_KINDS = {"categories": "category", "products": "product"}
_Figure: TypeAlias = tuple[str, str]
"""All orders (``("", "")``), or those of a category or product by name."""


@dataclass(frozen=True)
class Limits:
    """Where the stages of an account begin: loyal with so many orders and (or) so much spent, of the time
    ``within`` if that is given; dormant so long after the last order.
    """

    count: int | None = 5
    total: float | None = None
    within: timedelta | None = None
    dormant_after: timedelta = DORMANT_AFTER

    def is_loyal(self, count: float, total: float) -> bool:
        """Whether so many orders and so much are enough."""
        return (self.count is None or count >= self.count) and (self.total is None or total >= self.total)


USUAL = Limits()


def limits_of(snapshot: Snapshot) -> Limits:
    """The account's, as its document ``stages/default`` says."""
    return snapshot.derived("friends.stages", _limits)


def _limits(snapshot: Snapshot) -> Limits:
    document = snapshot.find("stages", "default")
    if document is None:
        return USUAL
    loyal = document.body["loyal"]
    count, total = loyal.get("count"), loyal.get("total")
    return Limits(
        count=USUAL.count if count is None and total is None else count,
        total=total,
        within=parse_duration(loyal["within"]) if loyal.get("within") else None,
        dormant_after=parse_duration(document.body["dormant_after"]),
    )


def stage(
    purchases: Mapping[str, Any], now: datetime, limits: Limits = USUAL, category: str | None = None
) -> str:
    """The stage of a friend: never bought, once, again, often, or not for long; of all orders, or of those of
    a category (in NFC). Computed, never stored.
    """
    figures = purchases if category is None else purchases.get("categories", {}).get(category) or {}
    count = figures.get("count", 0)
    if count <= 0:
        return "prospect"
    last_at = figures.get("last_at")
    if last_at and now - parse_iso(last_at) >= limits.dormant_after:
        return "dormant"
    if limits.within is None:
        enough = limits.is_loyal(count, figures.get("total", 0))
    else:
        enough = limits.is_loyal(*_recent(purchases, iso(now - limits.within), category))
    return "loyal" if enough else "repeat" if count > 1 else "first"


def _recent(purchases: Mapping[str, Any], after: str, category: str | None) -> tuple[int, float]:
    """How many of the remembered orders are later than a moment, and what they come to."""
    figure = ("", "") if category is None else ("categories", category)
    orders = (order for order in purchases.get("orders", {}).values() if str(order["at"]) > after)
    counted = [_counted(order).get(figure, (0, Decimal(0))) for order in orders]
    return sum(count for count, _ in counted), plain(sum((total for _, total in counted), Decimal(0)))


def stage_changed(before: str, after: str) -> list[Fact]:
    """The fact that a customer is at another stage, if they are."""
    return [] if before == after else [("stage_changed", after, {"before": before, "after": after})]


def dormant_at(purchases: Mapping[str, Any], limits: Limits = USUAL) -> str | None:
    """When the friend becomes dormant unless they buy again; None: they never bought, or it was reported."""
    last_at = purchases.get("last_at") if purchases.get("count", 0) > 0 else None
    if not last_at or purchases.get("dormant_reported") == last_at:
        return None
    return iso(parse_iso(last_at) + limits.dormant_after)


def fold_dormancy(purchases: dict[str, Any], at: str, limits: Limits = USUAL) -> list[Fact]:
    """Report that the friend has become dormant by ``at``, once for each last purchase."""
    since = dormant_at(purchases, limits)
    if since is None or at < since:
        return []
    before = stage(purchases, parse_iso(since) - timedelta(milliseconds=1), limits)
    purchases["dormant_reported"] = purchases["last_at"]
    return stage_changed(before, "dormant")


def fold_purchase(sheet: Sheet, props: Mapping[str, Any], at: str) -> None:
    """Count one order, less what has been taken back of it already; the same order again counts nothing."""
    order = _remembered(sheet, props.get("order_id"), at)
    if "amount" in order:
        return
    before = _counted(order)
    order |= {"at": at, "amount": plain(exact(props.get("amount")))} | _lines(props.get("items"))
    purchases = sheet["purchases"]
    _note_timestamp(purchases, at)
    for kind in _KINDS:
        for name in order.get(kind, ()):
            _note_timestamp(purchases.setdefault(kind, {}).setdefault(name, {}), at)
    for item in _items(props.get("items")):
        if item.get("product") and item.get("category"):
            purchases["products"][_name(item["product"])]["category"] = _name(item["category"])
    _recount(purchases, before, _counted(order))


def fold_refund(sheet: Sheet, props: Mapping[str, Any], at: str) -> None:
    """Take back an order or a part of it. Of an order that is not known (yet) it waits; it counts nothing."""
    order = _remembered(sheet, props.get("refund_of"), at)
    before = _counted(order)
    order["back"] = plain(exact(order.get("back", 0)) + exact(props.get("amount")))
    for kind, amounts in _lines(props.get("items")).items():
        back = order.setdefault("items_back", {}).setdefault(kind, {})
        for name, amount in amounts.items():
            back[name] = plain(exact(back.get(name, 0)) + exact(amount))
    _recount(sheet["purchases"], before, _counted(order))


def _remembered(sheet: Sheet, order_id: Any, at: str) -> dict[str, Any]:
    """What is remembered of an order, one of the latest ORDERS_KEPT; of one without an id, nothing."""
    if not order_id:
        return {}
    orders: dict[str, Any] = sheet["purchases"].setdefault("orders", {})
    known: dict[str, Any] = orders.setdefault(str(order_id), {"at": at})
    for oldest in sorted(orders, key=lambda o: (o == order_id, str(orders[o]["at"])))[:-ORDERS_KEPT]:
        del orders[oldest]
    return known


def is_kept(order: Mapping[str, Any]) -> bool:
    """Whether a remembered order is one, and has not been given back entirely."""
    if "amount" not in order:
        return False
    return "back" not in order or exact(order["back"]) < exact(order["amount"])


def _counted(order: Mapping[str, Any]) -> dict[_Figure, tuple[int, Decimal]]:
    """What an order counts in each figure, as ``(count, total)``: never less than nothing.

    It is no order any more when all of its amount is gone, and has left a category or product when all that
    it held of it is.
    """
    if "amount" not in order:
        return {}
    gone = not is_kept(order)
    left = max(Decimal(0), exact(order["amount"]) - exact(order.get("back", 0)))
    found: dict[_Figure, tuple[int, Decimal]] = {("", ""): (0 if gone else 1, left)}
    for kind in _KINDS:
        returned = order.get("items_back", {}).get(kind, {})
        for name, amount in order.get(kind, {}).items():
            back = exact(returned.get(name, 0))
            if gone or (name in returned and back >= exact(amount)):
                found[kind, name] = (0, Decimal(0))
            else:
                found[kind, name] = (1, max(Decimal(0), exact(amount) - back))
    return found


def _recount(
    purchases: dict[str, Any],
    before: Mapping[_Figure, tuple[int, Decimal]],
    after: Mapping[_Figure, tuple[int, Decimal]],
) -> None:
    """Put what an order counts now in the place of what it counted."""
    for kind, name in after:
        figures = purchases.get(kind, {}).get(name) if kind else purchases
        if figures is None:
            continue  # trimmed
        count, total = after[kind, name]
        old_count, old_total = before.get((kind, name), (0, Decimal(0)))
        figures["count"] = max(0, figures.get("count", 0) + count - old_count)
        figures["total"] = plain(max(Decimal(0), exact(figures.get("total", 0)) + total - old_total))


def _lines(items: Any) -> dict[str, dict[str, int | float]]:
    """What the items come to in each category and each product."""
    found: dict[str, dict[str, int | float]] = {}
    for kind, field in _KINDS.items():
        amounts: dict[str, Decimal] = {}
        for item in _items(items):
            if item.get(field):
                name = _name(item[field])
                amounts[name] = amounts.get(name, Decimal(0)) + exact(item.get("amount"))
        if amounts:
            found[kind] = {name: plain(amount) for name, amount in amounts.items()}
    return found


def _note_timestamp(figures: dict[str, Any], at: str) -> None:
    figures["first_at"] = min(at, figures.get("first_at") or at)
    figures["last_at"] = max(at, figures.get("last_at") or at)


def _name(value: Any) -> str:
    return unicodedata.normalize("NFC", str(value))[:100]


def _items(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []
