"""What conversations bring about: staff say something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.events.kinds import EventType
from chalicelib.shared.events import FriendEvent


def _sent_message(decision: Any, event: FriendEvent) -> Iterator[dict[str, Any]]:
    effect = {"action": "send", "category": "transactional", "repeats": True, "by": event.props.get("by")}
    if decision.after.get("status") == "blocked":
        effect |= {"status": "skipped", "why": "blocked"}
    yield effect


EVENTS: dict[str, EventType] = {
    "staff_message": EventType(
        "conversations", counts=False, is_trigger=False, follow_up=_sent_message, kept_elsewhere="messages"
    ),
}
