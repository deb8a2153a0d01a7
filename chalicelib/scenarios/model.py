"""Enrollments, pointers and positions: values only."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

State = Literal["active", "finished", "exited"]

EARLY = timedelta(seconds=1)
"""A pointer may come this much before its moment: queues and executions wait in whole seconds."""

ACTION_RETRY = timedelta(minutes=1)
"""How long an action node waits for the engine before its event is put in the inbox again."""

CAUSES_KEPT = 20

ERASED, NOWHERE = "erased", "-"
"""Reason and node of an enrollment of somebody who was erased: only its numbers are left, which go on."""

MOST_RE_ENTRIES = 8
RE_ENTRY_WINDOW = timedelta(minutes=1)
"""A friend enters a scenario anew at most so often in so long: whatever goes round ends here."""


@dataclass(frozen=True)
class Enrollment:
    """Where one friend stands in one scenario. ``v`` grows with every move, over all runs.

    ``node_at`` is when ``node`` was entered. ``claim`` is what has been decided and is being sent:
    ``{"run", "chunk", "send", "message", "at", "state", "node", "due_at", "reason"}``, the last four
    being the position that follows. ``re_entries`` are the moments at which the friend entered anew lately.
    """

    account: str
    user_id: str
    scenario: str
    state: State
    run: int
    v: int
    node: str | None
    node_at: str
    entered_at: str
    due_at: str | None = None
    causes: list[str] = field(default_factory=list)
    claim: dict[str, Any] | None = None
    reason: str | None = None
    ended_at: str | None = None
    re_entries: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Pointer:
    """A due entry as the advance worker receives it: look at version ``v`` of run ``run``."""

    account: str
    user_id: str
    scenario: str
    run: int
    v: int
    due_at: str


@dataclass(frozen=True)
class Position:
    """Where a friend stands next: a node with its due moment, or the end with its reason."""

    state: State
    node: str | None = None
    due_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Park:
    """Not due yet by the definition in force: the same version, later. ``again``: its action is repeated."""

    due_at: datetime
    again: bool = False


@dataclass(frozen=True)
class Step:
    """What happens now: at most one message node is sent, then the friend stands at ``position``.

    ``skipped`` names message nodes that were passed without sending, with the reason. ``trail`` tells the
    nodes that were gone through in this turn, each with the way taken (as ``decide`` names it).
    """

    position: Position
    send: str | None = None
    message: str | None = None
    skipped: dict[str, str] = field(default_factory=dict)
    trail: tuple[tuple[str, str], ...] = field(default=(), compare=False)


@dataclass(frozen=True)
class Result:
    """What enrolling one friend came to; ``why`` says why not."""

    user_id: str
    accepted: bool
    why: str | None = None
