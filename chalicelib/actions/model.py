"""What an action works with while it is decided on, carried out and rehearsed, as every room sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NotRequired, Protocol, TypeAlias, TypedDict
from zoneinfo import ZoneInfo

from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Kept, Reason, Reasoned


class Effect(TypedDict):
    """Something to be done, as it is kept: what every effect has, and what actions put beside.

    An action of another capability that needs more says so with a TypedDict of its own below this one.
    """

    rule: str
    index: int
    action: str
    status: str
    why: NotRequired[Kept | None]
    at: NotRequired[str]
    """The time as of which it is done."""
    history: NotRequired[bool]
    """The event was no news: nothing is to be woken."""

    # What is sent to the friend
    message: NotRequired[str]
    messages: NotRequired[list[dict[str, Any]] | None]
    form: NotRequired[str]
    question: NotRequired[str]
    asked_at: NotRequired[str]
    asks_again: NotRequired[bool]
    """The rule's condition is asked once more when what policies hold is let go."""
    sent_at: NotRequired[str]
    sent_in: NotRequired[list[str]]
    """Where what was sent is stored once for many: a delivery's run and chunk."""
    test: NotRequired[Any]
    quick_replies_left_out: NotRequired[int]
    trimmed: NotRequired[bool]
    category: NotRequired[str]
    topic: NotRequired[str]
    repeats: NotRequired[bool]
    push_fallback: NotRequired[bool]
    via: NotRequired[str]
    loading: NotRequired[int | Kept]
    event: NotRequired[dict[str, Any]]
    match: NotRequired[dict[str, Any]]
    """What a later rendering needs: of a produced fact its properties, of a match what it captured."""

    # What else actions name
    scenario: NotRequired[str]
    value: NotRequired[str]
    anchor: NotRequired[dict[str, Any]]
    on: NotRequired[int]
    menu: NotRequired[str | None]
    until: NotRequired[str]
    to: NotRequired[str]
    text: NotRequired[str]
    url: NotRequired[str]
    secret: NotRequired[str]
    nonce: NotRequired[str]
    message_id: NotRequired[str]
    kind: NotRequired[str]
    delivery: NotRequired[str]
    run: NotRequired[str]
    variant: NotRequired[str]
    touched_at: NotRequired[str]
    asked: NotRequired[list[list[Any]]]


class Result(TypedDict):
    """What came of an effect that was put off, as it is written over the effect on its activity."""

    status: str
    why: NotRequired[Kept | None]
    until: NotRequired[str]
    messages: NotRequired[list[dict[str, Any]] | None]
    sent_at: NotRequired[str]


class Change(TypedDict):
    """What was changed, or why nothing was. The line of a fact has its properties beside (``fact_lines``)."""

    type: str
    by: NotRequired[str]
    why: NotRequired[Kept]
    before: NotRequired[str]
    after: NotRequired[str]
    action: NotRequired[str]
    what: NotRequired[str]
    score: NotRequired[str]
    points: NotRequired[float]
    added: NotRequired[float]
    fields: NotRequired[list[str]]
    names: NotRequired[list[str]]
    fact: NotRequired[str]
    key: NotRequired[str | None]
    depth: NotRequired[int]
    form: NotRequired[str]
    question: NotRequired[str]
    at: NotRequired[str]
    history: NotRequired[Kept]


Done: TypeAlias = tuple[str, Reason | None]
"""What came of an effect: its status, and why where it is not ``done``."""


class CannotRun(Reasoned, ValueError):
    """The action cannot be carried out for this friend; the message says why."""


@dataclass
class Decision:
    """What one event comes to. ``payloads``: rendered messages by effect key, in memory only; ``history``:
    why nothing was to react to it.
    """

    before: Sheet | None
    after: Sheet
    rules: list[dict[str, Any]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    payloads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    history: Kept | None = None


class ActionContext(Protocol):
    """What an action is decided with.

    ``event`` is being reacted to, ``trigger`` is it or a fact that it produced (the ``number``-th). ``by``:
    how changes name their cause.
    """

    @property
    def event(self) -> FriendEvent: ...
    @property
    def trigger(self) -> FriendEvent: ...
    @property
    def rule(self) -> str: ...
    @property
    def by(self) -> str: ...
    @property
    def number(self) -> int: ...
    @property
    def now(self) -> datetime: ...
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def snapshot(self) -> Snapshot: ...
    @property
    def forms(self) -> Mapping[str, Any]:
        """The account's forms, ready to run."""

    def definition(self, kind: str, name: str) -> dict[str, Any]:
        """A document's body. Raises CannotRun when there is none."""

    def render(
        self, decision: Decision, effect: Mapping[str, Any], body: Mapping[str, Any]
    ) -> list[dict[str, Any]]:
        """The message objects of an effect, kept as its payload. Raises Unrenderable."""


class EffectContext(Protocol):
    """What one event's effects have while they are carried out."""

    @property
    def account(self) -> Account: ...
    @property
    def event(self) -> FriendEvent: ...
    @property
    def sheet(self) -> Sheet: ...
    @property
    def changes(self) -> Sequence[Mapping[str, Any]]:
        """What the decision changed, as its record shows it."""


class Rehearsal(Protocol):
    """One friend's way through a scenario under a simulated clock, as effects see it."""

    @property
    def scenario(self) -> str:
        """The scenario that is rehearsed."""

    def notice(self, effect: Mapping[str, Any], to: str) -> None:
        """Staff would be notified."""

    def enter(self, effect: Mapping[str, Any], event: FriendEvent) -> None:
        """The friend would enter the scenario anew."""

    def leave(self, effect: Mapping[str, Any]) -> None:
        """The friend would leave the scenario."""
