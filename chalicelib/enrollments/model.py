"""Enrollments, pointers and positions: values only."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.events.sheet import Sheet
from chalicelib.shared.reasons import Kept
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import positions
from chalicelib.sheets.model import erased_at

State = Literal["active", "finished", "exited"]

EARLY = timedelta(seconds=1)
"""A pointer may come this much before its due time: queues and executions wait in whole seconds."""

ACTION_RETRY = timedelta(minutes=1)
"""How long an action node waits for the reaction before its event is put in the inbox again."""

CANCELLED = "cancelled"
"""Reason of a run that ended because its reservation was cancelled: as if it had never begun."""

CAUSES_KEPT = 20

ERASED, NOWHERE = "erased", "-"
"""Reason and node of an enrollment of somebody who was erased: only its numbers are left, which go on."""

MOST_RE_ENTRIES = 8
RE_ENTRY_WINDOW = timedelta(minutes=1)
"""A friend enters a scenario anew at most so often in so long: whatever goes round ends here."""


USED_KEPT = 10
"""How many of the events that led a friend on are remembered with the enrollment, so that none does twice."""

MOST_PRODUCED = 8
"""A friend is led on by facts that reactions produced at most so often within ``RE_ENTRY_WINDOW``: a wait
that is ended by what it leads to ends here.
"""


@dataclass(frozen=True)
class Cause:
    """What led a friend to a node: an event, or one of the facts that its reaction produced.

    ``number``: which of the facts, in their order; 0 is the event itself. Later ones still count there.
    """

    event_id: str
    at: str
    number: int = 0


@dataclass(frozen=True)
class Enrollment:
    """Where one friend is in one scenario. ``v`` grows with every move, over all runs.

    ``node_at`` is when ``node`` was entered (of what is held back: when it was due). ``claim`` is what
    has been decided and is being sent: ``{"run", "chunk", "send", "message", "at", "state", "node",
    "due_at", "reason", "since", "waits"}``, the last six being the position that follows. ``re_entries``
    are the times at which the friend entered anew lately. ``since``: events count for the node from
    then on, where that is before ``node_at`` (the time of the event that led there). ``used``: the
    events that led the friend on lately, ``[event id, number, time]``. ``waits``: at an action node
    that says something, its turn is still to come, and the policies are asked then. ``value``: the one
    for which the run is, in a scenario that runs once for each; ``anchor``: what entered it
    (``enrollments.anchors``). ``passed``: the nodes that the run has left behind, latest last
    (``passed_by``).
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
    since: str | None = None
    used: list[list[Any]] = field(default_factory=list)
    waits: bool = False
    value: str | None = None
    anchor: dict[str, Any] | None = None
    passed: list[str] = field(default_factory=list)

    @property
    def shown_as(self) -> str:
        """Under which name the sheet shows the run."""
        return positions.name(self.scenario, self.value)


def is_of_erased(item: Enrollment, sheet: Sheet | None) -> bool:
    """Whether an enrollment belongs to what was erased of a friend, also of one who has come back since."""
    return item.reason == ERASED or item.entered_at <= erased_at(sheet)


def led_by(item: Enrollment, cause: Cause | None, timestamp: str) -> tuple[str | None, list[list[Any]]]:
    """``since`` and ``used`` of a friend who is led on at this time by a cause (None: by time)."""
    if cause is None:
        return None, item.used
    before = [one for one in item.used if one[0] != cause.event_id]
    used = [*before, [cause.event_id, cause.number, timestamp]]
    return min(cause.at, timestamp), used[-USED_KEPT:]


@dataclass(frozen=True)
class Pointer:
    """A due entry as the advance worker receives it: look at version ``v`` of run ``run`` (of that value)."""

    account: str
    user_id: str
    scenario: str
    run: int
    v: int
    due_at: str
    value: str | None = None


def triage(item: Enrollment | None, pointer: Pointer) -> Literal["go", "drop", "later", "moved"]:
    """Whether a pointer still means something.

    ``later``: it is newer than the item, whose mover is between two writes; look again in a moment.
    ``moved``: this very pointer moved the friend; what follows a move may be still missing.
    """
    if item is None or item.run != pointer.run:
        return "drop"
    if item.v == pointer.v + 1:
        return "moved"
    if item.state != "active" or item.v > pointer.v:
        return "drop"
    return "go" if item.v == pointer.v else "later"


@dataclass(frozen=True)
class Position:
    """Where a friend is next: a node with its due time, or the end with its reason.

    At what policies hold back: ``held`` says which of them, and ``since`` when it was really due. ``waits``
    is the enrollment's. ``passed``: the nodes that are left behind on the way there, each with the way taken.
    """

    state: State
    node: str | None = None
    due_at: datetime | None = None
    reason: str | None = None
    since: datetime | None = None
    held: str | None = None
    waits: bool = False
    passed: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def entered(self, timestamp: str) -> str:
        """When the node counts as entered by a move at that time: what is late is late from then on."""
        return timestamp if self.since is None else min(iso(self.since), timestamp)


PASSED_KEPT = 100
"""So many nodes of a run are remembered as passed: the latest, and each once, as it was passed last."""


def passed_by(item: Enrollment, position: Position, timestamp: str) -> list[str]:
    """The nodes that a run has left behind after a move, ``node:seconds:way`` each: how long it stood there,
    and which way it went (``next`` is left out).
    """
    if not position.passed:
        return item.passed
    stood = max(0, round((parse_iso(timestamp) - parse_iso(item.node_at)).total_seconds()))
    found = {line.partition(":")[0]: line for line in item.passed}
    for number, (node, way) in enumerate(position.passed):
        seconds = stood if not number and node == item.node else 0
        found.pop(node, None)
        found[node] = f"{node}:{seconds}" + ("" if way == "next" else f":{way}")
    return list(found.values())[-PASSED_KEPT:]


def of_passed(line: str) -> tuple[str, int, str]:
    """A node that was passed, how many seconds the run stood there, and which way it went on."""
    node, seconds, *way = line.split(":")
    return node, int(seconds), way[0] if way else "next"


@dataclass(frozen=True)
class Park:
    """Not yet: the same version, later. ``again``: its action is repeated; ``held``: by which policy."""

    due_at: datetime
    again: bool = False
    held: str | None = None


@dataclass(frozen=True)
class Step:
    """What happens now: at most one message node is sent, then the friend is at ``position``.

    ``skipped`` names message nodes that were passed without sending, with the reason. ``trail`` has the
    nodes that were gone through in this turn, each with the way taken (as ``decide`` names it).
    """

    position: Position
    send: str | None = None
    message: str | None = None
    skipped: dict[str, Kept] = field(default_factory=dict)
    trail: tuple[tuple[str, str], ...] = field(default=(), compare=False)

    def stays_at(self, node: str | None) -> bool:
        """Whether nothing has happened but that the friend goes on waiting there: a message is held back."""
        return self.position.held is not None and self.position.node == node and not self.trail


@dataclass(frozen=True)
class Result:
    """What enrolling one friend came to; ``why`` says why not."""

    user_id: str
    accepted: bool
    why: str | None = None


def one_per_friend(pointers: Iterable[Pointer]) -> list[tuple[tuple[str, str], dict[str, Pointer]]]:
    """Pointers by account and scenario; a friend's older one in an earlier group than the newer, and each of
    their runs in a group of its own.
    """
    distinct = {(p.account, p.scenario, p.user_id, p.value or "", p.run, p.v): p for p in pointers}
    groups: dict[tuple[int, str, str], dict[str, Pointer]] = defaultdict(dict)
    earlier: Counter[tuple[str, str, str]] = Counter()
    for key in sorted(distinct):
        friend = key[:3]
        groups[earlier[friend], key[0], key[1]][key[2]] = distinct[key]
        earlier[friend] += 1
    return [(key[1:], groups[key]) for key in sorted(groups)]
