"""What friends do on their own page: say what they want to get, and ask for what is kept of them."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Changed, EventType
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent

PAGE = "page:preferences"
"""How the sheet and the timeline name the page as the cause of a change."""


def _set_topics(sheet: Sheet, event: FriendEvent, snapshot: Snapshot, _zone: ZoneInfo) -> Changed:
    from chalicelib.catalog.kinds import Reference
    from chalicelib.catalog.references import is_there
    from chalicelib.shared.reasons import Reason
    from chalicelib.sheets import folds

    facts, refused = [], []
    for topic, state in event.props["topics"].items():
        if is_there(Reference(topic, "topics", topic), snapshot):
            wording = (event.props.get("wording") or {}).get(topic)
            facts += folds.consent(sheet, topic, out=state == "out", at=event.at, by=PAGE, wording=wording)
        else:
            refused.append(Reason("no_document_any_more", kind="topic", id=topic))
    return Changed(PAGE, facts, refused)


EVENTS: dict[str, EventType] = {
    "preferences_set": EventType("preferences", change=_set_topics, counts=False, is_trigger=False),
    "data_requested": EventType("preferences", props=frozenset(), is_by_friend=True),
}
