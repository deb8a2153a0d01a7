"""Purchases on the sheet: running figures in all, per category and per product, and the stage they mean.

``{"count", "total", "first_at", "last_at", "categories": {c: figures}, "products": {p: figures}}``:
``count`` counts orders (an order counts once in each category and product it holds), ``total`` adds
amounts, a refund takes both back. Sums do not depend on the order of arrival.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.friends.model import Fact, Sheet
from chalicelib.shared.times import iso, parse_iso

STAGES = ("prospect", "first", "repeat", "loyal", "dormant")
LOYAL_FROM = 5
DORMANT_AFTER = timedelta(days=180)


def stage(purchases: Mapping[str, Any], now: datetime) -> str:
    """Where a friend stands: never bought, once, again, often, or not for long. Computed, never stored."""
    count = purchases.get("count", 0)
    if count <= 0:
        return "prospect"
    last_at = purchases.get("last_at")
    if last_at and now - parse_iso(last_at) >= DORMANT_AFTER:
        return "dormant"
    if count >= LOYAL_FROM:
        return "loyal"
    return "repeat" if count > 1 else "first"


def dormant_at(purchases: Mapping[str, Any]) -> str | None:
    """When the friend becomes dormant unless they buy again; None: they never bought, or it was told."""
    last_at = purchases.get("last_at") if purchases.get("count", 0) > 0 else None
    if not last_at or purchases.get("dormant_told") == last_at:
        return None
    return iso(parse_iso(last_at) + DORMANT_AFTER)


def fold_dormancy(purchases: dict[str, Any], at: str) -> list[Fact]:
    """Tell that the friend has become dormant by ``at``, once for each last purchase."""
    since = dormant_at(purchases)
    if since is None or at < since:
        return []
    before = stage(purchases, parse_iso(since) - timedelta(milliseconds=1))
    purchases["dormant_told"] = purchases["last_at"]
    return [("stage_changed", "dormant", {"before": before, "after": "dormant"})]


def fold_purchase(sheet: Sheet, props: Mapping[str, Any], at: str) -> None:
    """Count one order (or, with ``refund_of``, take one back)."""
    purchases = sheet["purchases"]
    sign = -1 if props.get("refund_of") else 1
    _count(purchases, sign, _amount(props.get("amount")), at)
    for field, kind in (("category", "categories"), ("product", "products")):
        for name, amount in _per(props.get("items"), field).items():
            _count(purchases.setdefault(kind, {}).setdefault(name, {}), sign, amount, at)
    for item in _items(props.get("items")):
        if item.get("product") and item.get("category"):
            purchases["products"][_name(item["product"])]["category"] = _name(item["category"])


def _per(items: Any, field: str) -> dict[str, float]:
    amounts: dict[str, float] = {}
    for item in _items(items):
        if item.get(field):
            name = _name(item[field])
            amounts[name] = amounts.get(name, 0) + _amount(item.get("amount"))
    return amounts


def _name(value: Any) -> str:
    return unicodedata.normalize("NFC", str(value))[:100]


def _items(items: Any) -> list[Mapping[str, Any]]:
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _amount(value: Any) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else 0


def _count(figures: dict[str, Any], sign: int, amount: float, at: str) -> None:
    figures["count"] = figures.get("count", 0) + sign
    figures["total"] = figures.get("total", 0) + sign * amount
    if sign > 0:
        figures["first_at"] = min(at, figures.get("first_at") or at)
        figures["last_at"] = max(at, figures.get("last_at") or at)
