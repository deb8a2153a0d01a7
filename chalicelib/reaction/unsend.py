"""A message that was taken back before its reaction is kept is worked on as if it had said nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, cast

from chalicelib.actions.model import Decision
from chalicelib.events.sheet import Sheet
from chalicelib.reaction.model import PendingReaction
from chalicelib.shared.events import FriendEvent
from chalicelib.sheets import unsent as taken_back
from chalicelib.timeline import unsend


def event_of(event: FriendEvent, sheet: Sheet | None) -> FriendEvent:
    """The event, without its text and content when the sheet knows that they were taken back."""
    at = taken_back.taken_back_at(sheet, event.props) if event.type == "messaged" else None
    return event if at is None else replace(event, props=unsend.without_content(event.props, at))


def record_of(record: PendingReaction, sheet: Sheet | None) -> PendingReaction:
    """A decision that waits on the sheet for its activity, without what its message said, likewise."""
    event = record["event"]
    at = taken_back.taken_back_at(sheet, event["props"]) if event["type"] == "messaged" else None
    if at is None or "unsent_at" in event["props"]:
        return record.copy()
    parts = unsend.without_message({**record, "props": event["props"]}, at)
    props = parts.pop("props")
    return cast("PendingReaction", {**record, **parts, "event": {**event, "props": props}})


def note(decision: Decision, event: FriendEvent) -> None:
    """Keep with a form's answer which message it was: unsent, it goes from the sheet."""
    if event.type == "messaged":
        taken_back.note_answers(decision.after, event.props.get("message_id"), event.at)


def others(pending: Mapping[str, PendingReaction], decision: Decision) -> dict[str, Any]:
    """Other decisions that wait on the sheet, without what the sheet knows by now to be taken back."""
    after, gone = decision.after, taken_back.answers_gone(decision.before, decision.after)
    kept = {event_id: record_of(record, after) for event_id, record in pending.items()}
    if not gone:
        return kept
    return {name: record | unsend.without_answers(record, gone, None) for name, record in kept.items()}
