"""What happens to stamp cards."""

from __future__ import annotations

from chalicelib.events.kinds import EventType

EVENTS: dict[str, EventType] = {
    "stamp_given": EventType(
        "stamps",
        key="card",
        props=frozenset({"card", "stamps"}),
        documents={"card": "stamp-cards"},
        is_change=True,
    ),
}
