"""The loading indicator: shows a friend in the chat that an answer is coming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from chalicelib.actions.model import Effect
from chalicelib.shared.events import FriendEvent

Seconds = Annotated[int, Field(ge=5, le=60, multiple_of=5)]
"""How long it shows at most, as LINE takes it."""


def with_loading(effect: Effect, value: Mapping[str, Any], event: FriendEvent) -> Effect:
    """An effect with what an author asked for: only who has just spoken or tapped is waiting in the chat."""
    asked = value.get("loading")
    return effect | {"loading": int(asked)} if asked and event.reply_token is not None else effect
