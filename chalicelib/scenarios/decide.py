"""What happens to a friend whose turn has come. Pure: definition, enrollment, sheet and ``now`` in."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Literal
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.scenarios import schedule
from chalicelib.scenarios.model import (
    ACTION_RETRY,
    EARLY,
    ERASED,
    MOST_RE_ENTRIES,
    RE_ENTRY_WINDOW,
    Enrollment,
    Park,
    Pointer,
    Position,
    Step,
)
from chalicelib.segments import conditions, matching
from chalicelib.segments.model import Context
from chalicelib.shared.times import parse_duration, parse_iso

Test = Callable[[dict[str, Any], datetime], bool]
MAX_HOPS = 1_000
NONE_REFUSED: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Program:
    """A published definition, its conditions compiled."""

    scenario: str
    version: int
    paused: bool
    body: Mapping[str, Any]
    zone: ZoneInfo
    goals: tuple[Test, ...]
    cases: Mapping[str, tuple[Test, ...]]
    awaited: Mapping[str, tuple[matching.Test, ...]]

    def node(self, name: str | None) -> Mapping[str, Any] | None:
        """The node, or None."""
        found: Mapping[str, Any] | None = self.body["nodes"].get(name)
        return found


def find_program(snapshot: Snapshot, scenario: str, zone: ZoneInfo) -> Program | None:
    """What friends in a scenario follow; None when it was never published, or was deleted."""
    document = snapshot.find("published", scenario)
    if document is None or snapshot.find("scenarios", scenario) is None:
        return None
    body = document.body
    return snapshot.derived(
        ("scenarios.program", scenario, zone.key), lambda at: build(scenario, body, at, zone)
    )


def build(scenario: str, published: Mapping[str, Any], snapshot: Snapshot, zone: ZoneInfo) -> Program:
    """Compile a published document."""
    context, definition = Context(snapshot, zone), published["definition"]
    return Program(
        scenario=scenario,
        version=published["version"],
        paused=bool(published.get("paused")),
        body=definition,
        zone=zone,
        goals=tuple(conditions.compile(goal["if"], context) for goal in definition.get("goals") or []),
        cases={
            name: tuple(conditions.compile(case["if"], context) for case in node["cases"])
            for name, node in definition["nodes"].items()
            if node["type"] == "branch"
        },
        awaited={
            name: matching.compile_match(node.get("match") or {})
            for name, node in definition["nodes"].items()
            if node["type"] == "wait_for"
        },
    )


def is_awaited(program: Program, item: Enrollment, event: Mapping[str, Any]) -> bool:
    """Whether a friend stands at a ``wait_for`` for which this event (``type``, ``at``, ``props``) counts."""
    node = program.node(item.node)
    if node is None or node["type"] != "wait_for" or event["type"] != node["event"]:
        return False
    props = event.get("props") or {}
    return event["at"] >= item.node_at and not any(
        test.failure(props) for test in program.awaited[item.node or ""]
    )


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


def due_at(program: Program, node_name: str | None, entered: datetime, sheet: Mapping[str, Any]) -> datetime:
    """When a friend who entered a node then is to go on, by the definition in force."""
    node = program.node(node_name)
    if node is None:
        return entered
    if node["type"] == "wait":
        if node.get("until"):
            return schedule.until(node["until"], sheet, program.zone) or entered
        return schedule.ends_at(node, entered, program.zone)
    if node["type"] == "wait_for":
        return entered + parse_duration(node["timeout"])
    if node["type"] == "action":
        return entered + ACTION_RETRY
    return entered


def step(
    program: Program | None,
    item: Enrollment,
    sheet: dict[str, Any] | None,
    now: datetime,
    refused: Mapping[str, str] = NONE_REFUSED,
    *,
    happened: bool = False,
) -> Park | Step:
    """What a friend's turn comes to: nothing yet, or a step to the next message, wait, action or end.

    ``refused`` names message nodes that cannot be sent to this friend, and why. ``happened``: what the
    friend's ``wait_for`` waits for has happened.
    """
    if program is None:
        return Step(Position("exited", reason="deleted"))
    if sheet is None or sheet.get("status") == "erased":
        return Step(Position("exited", reason="erased"))
    if sheet.get("status") == "blocked" and on_block(program) == "exit":
        return Step(Position("exited", reason="blocked"))
    turn = _Turn(program, item, sheet, now, now, refused)
    node = program.node(item.node)
    if node is None:
        redirects = program.body.get("redirects") or {}
        if item.node not in redirects:
            return Step(Position("exited", reason="changed"))
        return turn.walk(redirects[item.node])
    entered = parse_iso(item.node_at)
    due = due_at(program, item.node, entered, sheet)
    if node["type"] == "action":
        return (
            Step(Position("exited", reason="goal"))
            if turn.goal_reached()
            else Park(now + ACTION_RETRY, again=True)
        )
    if due > now + EARLY and not happened:
        return Park(due)
    turn = replace(turn, due=due)
    if node["type"] == "wait_for":
        return turn.walk(node.get("next" if happened else "on_timeout"))
    if node["type"] == "wait":
        if node.get("until") and due <= entered:
            return turn.past(node)
        return turn.walk(node.get("next"))
    return turn.walk(item.node)


def go_on(program: Program | None, item: Enrollment, sheet: dict[str, Any] | None, now: datetime) -> Step:
    """What follows when what a friend's node waits for has come: the action's end, or the event.

    Nothing is sent here: a message that comes next is due at once.
    """
    node = program.node(item.node) if program else None
    if program is None or sheet is None or node is None:
        return Step(Position("exited", reason="changed" if program else "deleted"))
    return _Turn(program, item, sheet, now, now, may_send=False).walk(node.get("next"))


def on_block(program: Program) -> str:
    """What a block does: ``exit`` or ``keep``."""
    return str((program.body.get("entry") or {}).get("on_block", "exit"))


@dataclass(frozen=True)
class _Turn:
    """One friend's turn. ``due`` is when it should have been; every node is entered at ``now``."""

    program: Program
    item: Enrollment
    sheet: dict[str, Any]
    now: datetime
    due: datetime
    refused: Mapping[str, str] = field(default_factory=dict)
    may_send: bool = True

    def goal_reached(self) -> bool:
        return any(goal(self.sheet, self.now) for goal in self.program.goals)

    def walk(self, name: str | None) -> Step:
        """From a node on through everything that takes no time, past at most one message."""
        send: str | None = None
        skipped: dict[str, str] = {}
        trail: list[tuple[str, str]] = []
        position: Position | None = None
        last = self.item.node
        if name is not None and self.goal_reached():
            position = Position("exited", name, reason="goal")
        for _ in range(MAX_HOPS):
            if position is not None:
                break
            node = self.program.node(name)
            if name is None or node is None:
                position = Position("finished", last)
                break
            last = name
            if node["type"] == "message":
                why_not = self._why_not(name, node)
                if why_not == "exit":
                    position = Position("exited", name, reason="late")
                    trail.append((name, "late"))
                elif not why_not and (send or not self.may_send):
                    position = Position("active", name, self.now)
                else:
                    if why_not:
                        skipped[name] = why_not
                    else:
                        send = name
                    trail.append((name, "next"))
                    name = node.get("next")
            else:
                way, name, position = self._pass(name, node)
                if way is not None:
                    trail.append((last, way))
        message = self.program.body["nodes"][send]["message"] if send else None
        end = position or Position("exited", name, reason="circle")
        return Step(end, send, message, skipped, tuple(trail))

    def _pass(self, name: str, node: Mapping[str, Any]) -> tuple[str | None, str | None, Position | None]:
        """Where a node other than a message leads: the way (None: it is stayed at), and another node, or a
        position.
        """
        kind = node["type"]
        if kind == "exit":
            return "exit", name, Position("exited", name, reason=node.get("reason") or "exit")
        if kind == "branch":
            return *self._branch(name, node), None
        if kind == "split":
            return *_split(node, name, self.item), None
        moment = due_at(self.program, name, self.now, self.sheet)
        if kind != "wait" or moment > self.now:
            return None, name, Position("active", name, moment)
        if node.get("until"):
            return "past", *self._past(node)
        return "past", node.get("next"), None

    def past(self, node: Mapping[str, Any]) -> Step:
        """The way of a friend whose date lies before the moment of entering the node, or is gone."""
        onwards, position = self._past(node)
        return Step(position) if position else self.walk(onwards)

    def _past(self, node: Mapping[str, Any]) -> tuple[str | None, Position | None]:
        if node.get("on_past"):
            return node["on_past"], None
        if schedule.until(node["until"], self.sheet, self.program.zone) is None:
            # Nothing to remind of: going on as if the moment had come would send a false reminder.
            return None, Position("exited", reason="no_date")
        return node.get("next"), None

    def _why_not(self, name: str, node: Mapping[str, Any]) -> str | None:
        """Why a message is passed without being sent (``exit``: and the scenario left), or None."""
        if self.sheet.get("status") == "blocked":
            return "blocked"
        late = node.get("late")
        if late and self.now - self.due > parse_duration(late["max"]):
            if late["then"] == "skip":
                return "late"
            if late["then"] == "exit":
                return "exit"
        return self.refused.get(name)

    def _branch(self, name: str, node: Mapping[str, Any]) -> tuple[str, str | None]:
        for number, (case, test) in enumerate(zip(node["cases"], self.program.cases[name], strict=True), 1):
            if test(self.sheet, self.now):
                return f"case {number}", case.get("next")
        return "else", node.get("else")


def _split(node: Mapping[str, Any], name: str, item: Enrollment) -> tuple[str, str | None]:
    """The arm, by a hash of the friend's run, so that deciding again goes the same way."""
    seed = f"{item.scenario}:{name}:{item.run}:{item.user_id}"
    point = int(hashlib.sha256(seed.encode()).hexdigest()[:8], 16) / 2**32
    point *= sum(arm["weight"] for arm in node["arms"])
    for number, arm in enumerate(node["arms"], 1):  # noqa: B007 (the last one it came to)
        point -= arm["weight"]
        if point < 0:
            break
    return f"arm {number}", arm.get("next")


def entering(
    seen: Enrollment | None, re_entry: str, cause: str, now: datetime
) -> Literal["enter", "again", "active", "ended_before", "too_often"]:
    """Whether a friend may enter; ``again``: this cause has entered them already."""
    if seen is None or seen.reason == ERASED:
        return "enter"
    if cause in seen.causes:
        return "again"
    if seen.state == "active" and re_entry != "restart":
        return "active"
    if seen.state != "active" and re_entry == "never":
        return "ended_before"
    return "too_often" if len(lately(seen, now)) >= MOST_RE_ENTRIES else "enter"


def lately(seen: Enrollment, now: datetime) -> list[str]:
    """When a friend entered anew within the window that counts, oldest first."""
    return [at for at in seen.re_entries if parse_iso(at) > now - RE_ENTRY_WINDOW]
