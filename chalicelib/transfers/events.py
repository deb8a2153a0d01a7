"""What transfers bring about: a row of an import."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Changed, EventType
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent


def _imported(sheet: Sheet, event: FriendEvent, snapshot: Snapshot, zone: ZoneInfo) -> Changed:
    from chalicelib.transfers import rows

    by = f"import:{event.props.get('job')}"
    return Changed(by, rows.fold_row(sheet, event.props["row"], snapshot, zone, event.at, by))


EVENTS: dict[str, EventType] = {
    "imported": EventType("transfers", change=_imported, counts=False, is_trigger=False),
}
