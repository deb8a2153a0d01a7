"""The events of a link: what is reported to the sheet of the member, and what changes by it."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Changed, EventType
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent


def _reported(sheet: Sheet, event: FriendEvent, snapshot: Snapshot, zone: ZoneInfo) -> Changed:
    from chalicelib.members import state

    facts, refused = state.fold(sheet, event.props, snapshot, zone, event.at)
    return Changed(f"member:{event.props.get('way') or 'api'}", facts, refused)


EVENTS: dict[str, EventType] = {
    "account_linked": EventType("members", key="member_id", props=frozenset({"member_id"}), is_change=True),
    "account_unlinked": EventType("members", key="member_id", props=frozenset({"member_id"}), is_change=True),
    "member_updated": EventType("members", change=_reported, counts=False, is_trigger=False),
}
