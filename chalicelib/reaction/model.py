"""What the reaction keeps of an event that it has decided on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict

from chalicelib.actions.model import Change, Effect
from chalicelib.shared.reasons import Kept
from chalicelib.sheets.model import Fact


@dataclass(frozen=True)
class Counted:
    """Of an event that the sheet holds already: the facts that it produced by itself then, and the trace of
    the form's question that it answered, and why it was history then.
    """

    facts: list[Fact]
    answered: dict[str, Any] | None = None
    history: Kept | None = None


class PendingEvent(TypedDict):
    """The event of a pending reaction, as far as the activity needs it."""

    type: str
    key: str | None
    at: str
    props: dict[str, Any]
    source: str


class PendingReaction(TypedDict):
    """A decision as the sheet keeps it (``pending.<event id>``) until the activity exists."""

    event: PendingEvent
    rules: list[dict[str, Any]]
    changes: list[Change]
    effects: list[Effect]
    history: NotRequired[Kept]
