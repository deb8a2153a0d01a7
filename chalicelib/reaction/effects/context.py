"""One event's effects while they are carried out: what they need, and how they are named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.events.sheet import Sheet
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent


@dataclass(frozen=True)
class EffectContext:
    """Everything that carrying out one event's effects needs."""

    account: Account
    event: FriendEvent
    sheet: Sheet
    program: Program
    payloads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    changes: Sequence[Mapping[str, Any]] = ()
    """What the decision changed, as its record shows it."""
    first: bool = False
    """Whether this invocation made the decision (only then may a reply token be used)."""
