"""What the reaction itself puts in the inbox: time has passed, a hold has ended."""

from __future__ import annotations

from chalicelib.events.kinds import EventType, Fact
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent


def _time_passed(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.reaction import due_times

    due_times.came(sheet, event.at)
    return []


EVENTS: dict[str, EventType] = {
    "time_passed": EventType("reaction", fold=_time_passed, counts=False, is_trigger=False, is_command=True),
    "hold_ended": EventType("reaction", counts=False, is_trigger=False),
}
