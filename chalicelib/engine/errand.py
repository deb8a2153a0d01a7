"""One event's effects while they are carried out: what they need, and how they are named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.engine.model import Program
from chalicelib.friends.model import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest


@dataclass(frozen=True)
class Errand:
    """Everything that carrying out one event's effects needs."""

    account: Account
    event: FriendEvent
    sheet: Sheet
    program: Program
    payloads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    first: bool = False
    """Whether this invocation made the decision (only then may a reply token be used)."""


def run_id(account: str, user: str, event_id: str, effect: Mapping[str, Any]) -> str:
    """The delivery run of an effect: always the same for one event, rule and index."""
    names = (account, user, event_id, effect["rule"], str(effect["index"]))
    return f"rule-{digest(*names)[:32]}"


def note(effect: dict[str, Any], status: str, why: str | None = None) -> None:
    """Write down what came of an effect."""
    effect["status"] = status
    effect.pop("why", None)
    if why is not None:
        effect["why"] = why[:300]
