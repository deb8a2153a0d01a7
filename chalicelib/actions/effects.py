"""Effects as values: what they are called, everywhere and always. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.actions.model import Effect
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason


def effect_key(effect: Mapping[str, Any]) -> str:
    """The name of an effect within its event: rule and index of the action."""
    return f"{effect['rule']}:{effect['index']}"


def run_id(account: str, user: str, event_id: str, effect: Mapping[str, Any]) -> str:
    """The delivery run of an effect: always the same for one event, rule and index."""
    names = (account, user, event_id, effect["rule"], str(effect["index"]))
    return f"rule-{digest(*names)[:32]}"


def effect_name(event_id: str, effect: Mapping[str, Any]) -> list[Any]:
    """An effect as jobs name it."""
    return [event_id, effect["action"], effect["rule"], effect["index"]]


def note(effect: Effect, status: str, why: Reason | None = None) -> None:
    """Write down what came of an effect."""
    effect["status"] = status
    effect.pop("why", None)
    if why is not None:
        effect["why"] = why.kept()
