"""What happens to a friend whose turn has come. Pure: definition, enrollment, sheet and ``now`` in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.deliveries.policies import Ruling
from chalicelib.enrollments import anchors, nodes
from chalicelib.enrollments.model import (
    ACTION_RETRY,
    CANCELLED,
    EARLY,
    ERASED,
    Enrollment,
    Park,
    Position,
    Step,
    is_of_erased,
)
from chalicelib.enrollments.nodes import schedule
from chalicelib.events import matching
from chalicelib.events.sheet import Sheet
from chalicelib.shared.reasons import Kept
from chalicelib.shared.times import parse_duration, parse_iso

Test = Callable[[Sheet, datetime], bool]
MAX_HOPS = 1_000
_NO_WAYS = frozenset({"exit", "late"})
"""What a trail has where a friend leaves the scenario: the node was not passed."""
NONE_REFUSED: Mapping[str, str] = MappingProxyType({})
Rule = Callable[[str, str], Ruling | None]
"""What the policies say of sending a message or form (its kind, its id) now; None: nothing."""
Passed = tuple[str | None, str | None, Position | None]
"""The way by which a node is left (None: it is stayed at), and another node, or a position."""


def ruled_by_none(_kind: str, _id: str) -> None:
    """No policy has anything to say."""


@dataclass(frozen=True)
class Program:
    """A published definition, its conditions compiled. ``nodes_named``: as ``language.nodes_named``."""

    scenario: str
    version: int
    paused: bool
    body: Mapping[str, Any]
    zone: ZoneInfo
    goals: tuple[Test, ...]
    cases: Mapping[str, tuple[Test, ...]]
    awaited: Mapping[str, tuple[matching.Test, ...]]
    nodes_named: frozenset[str] = frozenset()

    @property
    def per(self) -> str | None:
        """The property for each of whose values a friend has a run; None: one run for everything."""
        return (self.body.get("entry") or {}).get("per")

    def node(self, name: str | None) -> Mapping[str, Any] | None:
        """The node, or None."""
        return self.body["nodes"].get(name)  # type: ignore[no-any-return]


def find_program(snapshot: Snapshot, scenario: str, zone: ZoneInfo) -> Program | None:
    """What friends in a scenario follow; None when it was never published, or was deleted."""
    document = snapshot.find("published", scenario)
    if document is None or snapshot.find("scenarios", scenario) is None:
        return None
    key, body = ("scenarios.program", scenario, zone.key), document.body
    return snapshot.derived(key, lambda at: build(scenario, body, at, zone))


def build(scenario: str, published: Mapping[str, Any], snapshot: Snapshot, zone: ZoneInfo) -> Program:
    """Compile a published document."""
    context, definition = Context(snapshot, zone), published["definition"]
    return Program(
        scenario=scenario,
        version=published["version"],
        paused=bool(published.get("paused")),
        body=definition,
        zone=zone,
        goals=tuple(language.compile(goal["if"], context) for goal in definition.get("goals") or []),
        cases={
            name: tuple(language.compile(case["if"], context) for case in node["cases"])
            for name, node in definition["nodes"].items()
            if node.get("cases")
        },
        awaited={
            name: matching.compile_match(node.get("match") or {})
            for name, node in definition["nodes"].items()
            if nodes.kind_of(node).awaits_event
        },
        nodes_named=language.nodes_named(snapshot),
    )


def due_at(program: Program, node_name: str | None, entered: datetime, sheet: Mapping[str, Any]) -> datetime:
    """When a friend who entered a node then is to go on, by the definition in force."""
    node = program.node(node_name)
    return nodes.kind_of(node).due_at(node, sheet, entered, program.zone) if node else entered


def step(
    program: Program | None,
    item: Enrollment,
    sheet: Sheet | None,
    now: datetime,
    refused: Mapping[str, Kept] = NONE_REFUSED,
    *,
    rule: Rule = ruled_by_none,
    happened_at: datetime | None = None,
) -> Park | Step:
    """What a friend's turn comes to: nothing yet, or a step to the next message, wait, action or end.

    ``refused`` names message nodes that cannot be sent to this friend, and why. ``rule``: what policies
    hold back, a message's node or an action's, is waited for at its node, and everything about it is judged
    anew when the hold ends.
    ``happened_at``: what the friend's ``wait_for`` waits for has happened then; then as by ``go_on``.
    """
    found = _step(program, item, sheet, now, refused, rule, happened_at)
    if isinstance(found, Park) or not found.stays_at(item.node) or not found.position.due_at:
        return found
    return Park(found.position.due_at, held=found.position.held)


def _step(
    program: Program | None,
    item: Enrollment,
    sheet: Sheet | None,
    now: datetime,
    refused: Mapping[str, Kept],
    rule: Rule,
    happened_at: datetime | None,
) -> Park | Step:
    if program is None:
        return Step(Position("exited", reason="deleted"))
    node = program.node(item.node)
    reason = _why_over(program, item, node, sheet)
    if sheet is None or reason is not None:
        return Step(Position("exited", reason=reason))
    sheet = anchors.seen_by(item, sheet)
    came = parse_iso(max(item.due_at or "", item.node_at))
    turn = _Turn(program, item, sheet, now, now, came, refused, rule)
    if node is None:
        redirects = program.body.get("redirects") or {}
        if item.node not in redirects:
            return Step(Position("exited", reason="changed"))
        return turn.walk(redirects[item.node], "redirected")
    entered = parse_iso(item.node_at)
    if nodes.kind_of(node).acts:
        return turn.act(entered)
    if happened_at is not None:
        return go_on(program, item, sheet, now, happened_at)
    due = due_at(program, item.node, entered, sheet)
    if due > now + EARLY:
        return Park(due)
    return replace(turn, due=due, came=max(due, turn.came)).leave(node, entered)


def _why_over(
    program: Program, item: Enrollment, node: Mapping[str, Any] | None, sheet: Sheet | None
) -> str | None:
    """Why a friend goes no further, wherever they are; None: they do."""
    if sheet is None or sheet.get("status") == "erased" or is_of_erased(item, sheet):
        return ERASED
    if sheet.get("status") == "blocked" and on_block(program) == "exit":
        return "blocked"
    return CANCELLED if anchors.ends_cancelled(item, node, sheet) else None


def go_on(
    program: Program | None, item: Enrollment, sheet: Sheet | None, now: datetime, happened_at: datetime
) -> Step:
    """What follows when what a friend's node waits for came at that time: the action's end, or the event.

    Nothing is sent here: a message that comes next is due at once.
    """
    node = program.node(item.node) if program else None
    if program is None or sheet is None or node is None:
        return Step(Position("exited", reason="changed" if program else "deleted"))
    if anchors.ends_cancelled(item, None, sheet):
        return Step(Position("exited", item.node, reason=CANCELLED))
    seen, way = anchors.seen_by(item, sheet), nodes.kind_of(node).way_on
    came = schedule.as_of(max(parse_iso(item.node_at), min(happened_at, now)), now)
    return _Turn(program, item, seen, now, came, came, may_send=False).walk(node.get("next"), way)


def on_block(program: Program) -> str:
    """What a block does: ``exit`` or ``keep``."""
    return str((program.body.get("entry") or {}).get("on_block", "exit"))


@dataclass(frozen=True)
class _Turn:
    """One friend's turn. ``due``: when it should have been (behind a date that has passed, that time);
    ``came``: when it could have been (of a date that was moved into the past: then). Nodes are entered
    ``as_of`` that, so that small delays neither add up nor lead another way; after a long outage as of now,
    so that nobody gets in a heap what should have come one by one.
    """

    program: Program
    item: Enrollment
    sheet: Sheet
    now: datetime
    due: datetime
    came: datetime
    refused: Mapping[str, Kept] = field(default_factory=dict)
    rule: Rule = ruled_by_none
    may_send: bool = True

    @property
    def as_of(self) -> datetime:
        return schedule.as_of(self.came, self.now)

    def goal_reached(self) -> bool:
        return any(goal(self.sheet, self.now) for goal in self.program.goals)

    def walk(self, name: str | None, way_there: str | None = None) -> Step:
        """From a node on through everything that takes no time, past at most one message. ``way_there``: by
        which way of the node at which the friend stood; None: from that node itself.
        """
        send: str | None = None
        position: Position | None = None
        last, turn = self.item.node, self
        skipped: dict[str, Kept] = {}
        trail: list[tuple[str, str]] = []
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
            if nodes.kind_of(node).sends:
                why_not, position = turn._judge(name, node, is_second=send is not None)
                if why_not == "exit":
                    position = Position("exited", name, reason="late")
                    trail.append((name, "late"))
                elif position is None:
                    if why_not:
                        skipped[name] = why_not
                    else:
                        send = name
                    trail.append((name, "next"))
                    name = node.get("next")
            else:
                way, name, position = turn._pass(name, node, is_second=send is not None)
                if way is not None:
                    trail.append((last, way))
                if node.get("until") and (way == "next" or (way == "past" and not node.get("on_past"))):
                    due = due_at(self.program, last, turn.as_of, self.sheet)
                    turn = replace(turn, due=due, came=max(turn.came, due))
        message = self.program.body["nodes"][send]["message"] if send else None
        end = position or Position("exited", name, reason="circle")
        left = [(self.item.node or "", way_there)] if way_there else []
        passed = tuple(one for one in (*left, *trail) if one[1] not in _NO_WAYS)
        return Step(replace(end, passed=passed), send, message, skipped, tuple(trail))

    def _pass(self, name: str, node: Mapping[str, Any], *, is_second: bool) -> Passed:
        """Where a node other than a message leads: the way (None: it is stayed at), and another node, or a
        position.
        """
        if held := self._held(name, node, is_second=is_second):
            return None, name, held
        return PASSED.get(node["type"], _Turn.stays)(self, name, node)

    def exits(self, name: str, node: Mapping[str, Any]) -> Passed:
        return "exit", name, Position("exited", name, reason=node.get("reason") or "exit")

    def waits(self, name: str, node: Mapping[str, Any]) -> Passed:
        due = due_at(self.program, name, self.as_of, self.sheet)
        if due > self.as_of:
            return self.stays(name, node) if due > self.now else ("next", node.get("next"), None)
        return "past", *(self._past(node, self.as_of) if node.get("until") else (node.get("next"), None))

    def stays(self, name: str, _node: Mapping[str, Any]) -> Passed:
        return None, name, self._standing(name, due_at(self.program, name, self.as_of, self.sheet))

    def _standing(self, name: str, due: datetime) -> Position:
        return Position("active", name, due, since=self.as_of if self.as_of < self.now else None)

    def leave(self, node: Mapping[str, Any], entered: datetime) -> Step:
        """From the node at which the friend has stood for as long as it takes."""
        way_out = LEFT.get(node["type"])
        return way_out(self, node, entered) if way_out else self.walk(self.item.node)

    def times_out(self, node: Mapping[str, Any], _entered: datetime) -> Step:
        return self.walk(node.get("on_timeout"), "timeout")

    def has_waited(self, node: Mapping[str, Any], entered: datetime) -> Step:
        if node.get("until") and self.due <= entered:
            return (replace(self, due=entered) if node.get("on_past") else self).past(node, entered)
        return self.walk(node.get("next"), "next")

    def act(self, entered: datetime) -> Park | Step:
        """At an action node: its turn, if that is still to come; else its actions are asked for again."""
        if self.item.waits:
            return replace(self, due=entered).walk(self.item.node)
        if self.goal_reached():
            return Step(Position("exited", reason="goal"))
        return Park(self.now + ACTION_RETRY, again=True)

    def _held(self, name: str, node: Mapping[str, Any], *, is_second: bool) -> Position | None:
        """Where a friend waits whom an action is to say something that policies hold back; None: it may go.

        Where nothing may be sent, nobody has asked the policies: the action has a turn of its own.
        """
        for kind, id_ in nodes.sent_by(node):
            if not self.may_send:
                return Position("active", name, self.now, waits=True)
            ruling = self.rule(kind, id_)
            if ruling is not None and ruling.kind == "hold":
                since = self.now if is_second else self.due
                return Position("active", name, ruling.until, since=since, held=ruling.reason, waits=True)
        return None

    def past(self, node: Mapping[str, Any], entered: datetime) -> Step:
        """The way of a friend whose date lies before the time of entering the node, or is gone."""
        onwards, position = self._past(node, entered)
        return Step(position) if position else self.walk(onwards, "past")

    def _past(self, node: Mapping[str, Any], entered: datetime) -> tuple[str | None, Position | None]:
        if anchors.ends_cancelled(self.item, node, self.sheet):
            return None, Position("exited", reason=CANCELLED)
        if node.get("on_past"):
            return node["on_past"], None
        if schedule.until(node["until"], self.sheet, self.program.zone, entered) is None:
            # Nothing to remind of: going on as if the time had come would send a false reminder.
            return None, Position("exited", reason="no_date")
        return node.get("next"), None

    def _judge(
        self, name: str, node: Mapping[str, Any], *, is_second: bool
    ) -> tuple[Kept | None, Position | None]:
        """Why a message is passed without being sent, or where the friend waits for it; neither: it is sent.

        After a message that is sent now, the next one has a turn of its own.
        """
        why_not = self._why_not(name, node)
        if why_not:
            return why_not, None
        if is_second or not self.may_send:
            return None, self._standing(name, self.as_of)
        ruling = self.rule("messages", node["message"])
        if ruling is None or ruling.kind == "go":
            return None, None
        if ruling.kind == "skip":
            return ruling.reason, None
        return None, Position("active", name, ruling.until, since=self.due, held=ruling.reason)

    def _why_not(self, name: str, node: Mapping[str, Any]) -> Kept | None:
        """Why a message is passed without being sent (``exit``: and the scenario left), or None."""
        if self.sheet.get("status") == "blocked":
            return "blocked"
        late = node.get("late") or self.program.body.get("late")
        if late and self.now - self.due > parse_duration(late["max"]):
            if late["then"] == "skip":
                return "late"
            if late["then"] == "exit":
                return "exit"
        return self.refused.get(name)

    def branches(self, name: str, node: Mapping[str, Any]) -> Passed:
        for number, (case, test) in enumerate(zip(node["cases"], self.program.cases[name], strict=True), 1):
            if test(self.sheet, self.now):
                return f"case {number}", case.get("next"), None
        return "else", node.get("else"), None

    def splits(self, name: str, node: Mapping[str, Any]) -> Passed:
        """The arm, by a hash of the friend's run, so that deciding again goes the same way."""
        item = self.item
        seed = f"{item.scenario}:{name}:{item.run}:{item.user_id}"
        number, onwards = nodes.arm(node, seed if item.value is None else f"{seed}:{item.value}")
        return f"arm {number}", onwards, None


PASSED: dict[str, Callable[[_Turn, str, Mapping[str, Any]], Passed]] = {
    "exit": _Turn.exits,
    "branch": _Turn.branches,
    "split": _Turn.splits,
    "wait": _Turn.waits,
}
"""Where nodes lead that are come to; at any other one a friend stays."""
LEFT: dict[str, Callable[[_Turn, Mapping[str, Any], datetime], Step]] = {
    "wait_for": _Turn.times_out,
    "wait": _Turn.has_waited,
}
"""Where nodes lead once their time is over; at any other one it is its turn."""
