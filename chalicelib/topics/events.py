"""What becomes of topics: a friend switched one off, or on again."""

from __future__ import annotations

from chalicelib.events.kinds import EventType

_CONSENT = EventType(
    "topics",
    key="topic",
    props=frozenset({"topic", "wording"}),
    documents={"topic": "topics"},
    is_change=True,
)

EVENTS: dict[str, EventType] = {"opted_out": _CONSENT, "opted_in": _CONSENT}
