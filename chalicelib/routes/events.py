"""What routes bring about: a friend came by one. No door of this version makes it."""

from __future__ import annotations

from chalicelib.events.kinds import EventType, Fact, Sheet
from chalicelib.shared.events import FriendEvent


def _came(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import folds

    return folds.route(sheet, event.key or event.props.get("route"), event.at)


EVENTS: dict[str, EventType] = {
    "route_entered": EventType(None, key="route", documents={"route": "routes"}, fold=_came),
}
