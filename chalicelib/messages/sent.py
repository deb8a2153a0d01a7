"""What was sent, as far as the timeline keeps it. Pure.

The ledger has every pushed message whole; the timeline keeps messages up to a size and the gist of larger
ones, so that an activity always fits. Links in what is kept hold no friend token: whoever reads a
timeline clicks in nobody's name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.accounts.friend_tokens import without_live
from chalicelib.actions.model import Effect
from chalicelib.sheets.trim import size_of

MAX_EFFECT = 8_000
MAX_ACTIVITY = 120_000
_GIST_TEXT = 1_000


def kept(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Messages as the timeline keeps them: whole, or the gist of each when they are large."""
    inert = [without_live(dict(message)) for message in messages]
    return inert if size_of(inert) <= MAX_EFFECT else [_gist(message) for message in inert]


def bounded(effects: Sequence[Effect]) -> list[Effect]:
    """The effects of one event; beyond a total size the later ones keep no messages (``trimmed``)."""
    room, found = MAX_ACTIVITY, []
    for effect in effects:
        kept_effect = without_live({**effect})
        room -= size_of(effect.get("messages") or [])
        if room < 0 and kept_effect.pop("messages", None):
            kept_effect["trimmed"] = True
        found.append(kept_effect)
    return found


def _gist(message: Mapping[str, Any]) -> dict[str, Any]:
    gist: dict[str, Any] = {"type": message.get("type"), "trimmed": True}
    for name in ("text", "altText"):
        if isinstance(message.get(name), str):
            gist[name] = message[name][:_GIST_TEXT]
    return gist
