"""What is reported of reservations."""

from __future__ import annotations

from chalicelib.events.kinds import EventType, Fact
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason

_STATUSES = ("booked", "moved", "cancelled", "done", "no_show")


def _fold(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import reservations

    return reservations.fold(sheet, event)


def _outdated(sheet: Sheet, event: FriendEvent) -> Reason | None:
    from chalicelib.sheets import reservations

    return reservations.outdated(sheet, event)


EVENTS: dict[str, EventType] = {
    "reserved": EventType(
        "reservations",
        fold=_fold,
        outdated=_outdated,
        values={"status": _STATUSES},
        is_by_friend=True,
        is_reported=True,
    ),
}
