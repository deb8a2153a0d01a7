"""What routes bring about: somebody opened one, and came by it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.events.kinds import EventType, Fact
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent

UTM = ("source", "medium", "campaign", "term", "content")
ADS = ("gclid", "gbraid", "wbraid", "yclid", "fbclid", "ttclid", "twclid", "msclkid", "ldtag_cl")
"""The parameters by which advertisers know a click again."""
_TOUCH = {"utm", "ads", *(f"utm.{name}" for name in UTM), *(f"ads.{name}" for name in ADS)}


def _entered(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.routes import touches
    from chalicelib.sheets import folds

    route = event.key or event.props.get("route")
    if not route:
        return []
    since = touches.opened_at(event.at, event.props.get("scanned"))
    return [*folds.route(sheet, route, event.at), *touches.touched(sheet, route, since, event.at)]


def _wait(decision: Any, event: FriendEvent) -> Iterator[dict[str, Any]]:
    from chalicelib.routes import touches

    if touches.waits(decision.after, event.at):
        yield {"action": "wait_for_follow", "touched_at": event.at}


def _given_up(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.routes import touches
    from chalicelib.sheets import folds

    is_friend = event.props["is_friend"] is True
    facts = touches.given_up(sheet, event.props["touched_at"], is_friend=is_friend)
    if facts:
        folds.contact(sheet, event.at)
    return facts


EVENTS: dict[str, EventType] = {
    "route_entered": EventType(
        "routes",
        key="route",
        props=frozenset({"route", "scanned", *_TOUCH}),
        documents={"route": "routes"},
        fold=_entered,
        follow_up=_wait,
        is_by_friend=True,
        in_reports="touched",
    ),
    "route_joined": EventType(
        "routes",
        key="route",
        props=frozenset({"route", "friend"}),
        documents={"route": "routes"},
        values={"friend": ("new", "returned", "present")},
        is_change=True,
    ),
    "route_given_up": EventType("routes", fold=_given_up, counts=False, is_trigger=False),
}
