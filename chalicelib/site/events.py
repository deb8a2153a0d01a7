"""What friends do on the account's sites."""

from __future__ import annotations

from chalicelib.events.kinds import EventType

_ITEMS = frozenset({"items.product", "items.category", "items.quantity", "items.amount"})

EVENTS: dict[str, EventType] = {
    "page_viewed": EventType(
        "site", key="page", props=frozenset({"page", "path"}), documents={"page": "pages"}
    ),
    "cart_changed": EventType("site", props=frozenset({"value", "currency", "items"}) | _ITEMS),
    "converted": EventType(
        "site", props=frozenset({"order_id", "value", "currency", "items"}) | _ITEMS, in_reports="converted"
    ),
}
