"""What a reaction says by the one reply token of its event, and what of it has to go another way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.actions.effects import effect_key
from chalicelib.actions.kinds import kind_of
from chalicelib.actions.model import Decision
from chalicelib.messages.together import MAX_OBJECTS
from chalicelib.shared.reasons import Reason


def is_answer(effect: Mapping[str, Any]) -> bool:
    """Whether an effect is open and goes by the reply token."""
    is_open = effect["status"] == "pending" and effect.get("via") != "push"
    return bool(is_open and kind_of(effect["action"]).outgoing == "reply")


def lay_out(decision: Decision, reply_token: str | None) -> None:
    """Let the answers, in their order, ride the token as far as LINE takes them in one call; the others go by
    push where their author allows it. Decided with everything else, so that no crash changes it.
    """
    room = MAX_OBJECTS
    for effect in decision.effects if reply_token is not None else ():
        if not is_answer(effect):
            continue
        size = len(decision.payloads[effect_key(effect)])
        if size <= room:
            room -= size
        elif effect.get("push_fallback"):
            effect["via"] = "push"
        else:
            effect |= {"status": "skipped", "why": Reason("reply_full", most=MAX_OBJECTS).kept()}
