"""What is kept of friends besides their sheets: whose an order is."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget_orders(account: Any, user: str, until: str) -> None:
    from chalicelib.friends import orders

    orders.forget(account, user, until)


KEEPERS: dict[str, Keeper] = {
    "orders": Keeper(("ORDER#…",), _forget_orders),
}
