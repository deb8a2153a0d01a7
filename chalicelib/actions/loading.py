"""The loading indicator: shows a friend in the chat that an answer is coming."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field

from chalicelib.shared.events import FriendEvent

Seconds = Annotated[int, Field(ge=5, le=60, multiple_of=5)]
"""How long it shows at most, as LINE takes it."""


def loading(value: Mapping[str, Any], event: FriendEvent) -> dict[str, Any]:
    """What an effect has of it: only who has just spoken or tapped is waiting in the chat."""
    asked = value.get("loading")
    return {"loading": int(asked)} if asked and event.reply_token is not None else {}
