"""A message that was taken back before its reaction stands is worked on as if it had said nothing. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from chalicelib.friends import activities, taken_back
from chalicelib.friends.model import Sheet
from chalicelib.shared.events import FriendEvent


def event_of(event: FriendEvent, sheet: Sheet | None) -> FriendEvent:
    """The event, without its text and content when the sheet knows that they were taken back."""
    at = taken_back.taken_back_at(sheet, event.props) if event.type == "messaged" else None
    return event if at is None else replace(event, props=taken_back.without_content(event.props, at))


def record_of(record: Mapping[str, Any], sheet: Sheet | None) -> dict[str, Any]:
    """A decision that waits on the sheet for its activity, without what its message said, likewise."""
    event = record["event"]
    at = taken_back.taken_back_at(sheet, event["props"]) if event["type"] == "messaged" else None
    if at is None or "unsent_at" in event["props"]:
        return dict(record)
    parts = activities.without_message({**record, "props": event["props"]}, at)
    props = parts.pop("props")
    return {**record, **parts, "event": {**event, "props": props}}
