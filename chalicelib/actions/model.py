"""What an action works with while it is decided on, carried out and rehearsed, as every room sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeAlias
from zoneinfo import ZoneInfo

from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Kept, Reason, Reasoned

Sheet: TypeAlias = dict[str, Any]
Effect: TypeAlias = dict[str, Any]
"""``{"rule", "index", "action", "status"}``, and what its action puts beside."""
Change: TypeAlias = dict[str, Any]
"""``{"type"}`` of what was changed, or why nothing was, and what the one that makes it puts beside."""
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
    """Where an action stands while it is decided on.

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
        """What the decision changed, as its record tells it."""


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
