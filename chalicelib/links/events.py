"""What friends do with links: they follow them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.events.kinds import EventType, Fact
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent


def _click(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import folds

    return folds.click(sheet, event.props, event.at)


def _is_new_click(decision: Any, event: FriendEvent) -> bool:
    """Whether it is the friend's first click in this run of a delivery (of a scenario: on this node)."""
    from chalicelib.sheets import folds

    delivery, run = event.props.get("delivery"), folds.run_of(event.props)
    before = ((decision.before or {}).get("clicked") or {}).get(delivery) or {}
    return bool(delivery) and run not in {before.get("run", "-"), *before.get("before", ())}


def _count(decision: Any, event: FriendEvent) -> Iterator[dict[str, Any]]:
    if _is_new_click(decision, event):
        named = {name: event.props.get(name, "") for name in ("delivery", "run", "variant")}
        yield {"action": "count_click", **named}


EVENTS: dict[str, EventType] = {
    "link_clicked": EventType(
        "links",
        key="link",
        documents={"link": "links", "delivery": "deliveries"},
        fold=_click,
        follow_up=_count,
        in_reports="clicked",
    ),
}
