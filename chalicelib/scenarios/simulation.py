"""One friend's way through a scenario under a simulated clock. Nothing is read, written or sent.

Every decision is made by the functions that make it in earnest (``wording``, ``decide``, ``entering``,
``hearing``, ``moves``, the delivery policies, and the engine's decision, handed in as ``react`` because the
engine stands above this room). What queues, timers and tables do in earnest is a heap here: everything
arrives at its moment, and what is put first arrives first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.deliveries import policies
from chalicelib.friends.model import TIME_PASSED, Sheet
from chalicelib.scenarios import decide, entering, follow, hearing, moves, wording
from chalicelib.scenarios.advance import run_id
from chalicelib.scenarios.model import Enrollment, Park, Pointer, Position, Step
from chalicelib.scenarios.posting import CAUSE, Agenda, Message, Post
from chalicelib.scenarios.story import Story
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso

HEARD_AFTER = timedelta(seconds=1)
"""How long after an event its reaction comes."""


@dataclass(frozen=True)
class Reaction:
    """What the engine decides about one event: the sheet after it, changes and effects as on the timeline."""

    sheet: Sheet
    changes: Sequence[Mapping[str, Any]]
    effects: Sequence[dict[str, Any]]


React = Callable[[FriendEvent, Sheet, datetime], Reaction]


@dataclass(frozen=True)
class Stage:
    """What all friends of a rehearsal have in common."""

    account: Account
    program: decide.Program
    snapshot: Snapshot
    policy: policies.Policy
    react: React
    start: datetime
    end: datetime
    most_steps: int
    most_entries: int


class Simulation:
    """One friend, from entering to the end of the rehearsal. The given sheet is changed: hand in a copy."""

    def __init__(self, stage: Stage, sheet: Sheet, events: Sequence[FriendEvent]) -> None:
        self.stage, self.sheet = stage, sheet
        self.story = Story(stage.program, stage.most_entries)
        self.item: Enrollment | None = None
        self.agenda = Agenda(stage.start)
        self.post = Post(stage.policy, self.agenda, self.story, lambda: self.sheet, stage.program.scenario)
        self._heard: list[dict[str, Any]] = []
        self._told: set[str] = set()
        self._given = {event.event_id for event in events}
        for event in events:
            self.agenda.put(parse_iso(event.at) + HEARD_AFTER, self._hear, event)

    @property
    def now(self) -> datetime:
        """The simulated moment."""
        return self.agenda.now

    def run(self) -> None:
        """Enter, and let time pass; whatever goes round for ever is cut off, and that is said."""
        cut: str | None = None
        try:
            self._begin()
            for _ in range(self.stage.most_steps):
                work = self.agenda.next(self.stage.end)
                if work is None:
                    break
                work()
            else:
                cut = f"stopped after {self.stage.most_steps} steps; fewer friends may take more each"
        except OverflowError:
            cut = "a moment lies beyond the calendar"
        except RecursionError:
            cut = "too many nodes are passed in one moment"
        self.story.close(self.now, self._node(), cut)

    # Entering

    def _begin(self) -> None:
        """Enter as if for the first time; an earlier run only gives its numbers, and is told."""
        moment = self.sheet.get("moment")
        if moment is not None and parse_iso(moment) >= self.now:
            self._tell(self._time_passed(moment), parse_iso(moment))
        stood = self.sheet.setdefault("scenarios", {}).pop(self.stage.program.scenario, None)
        refused = entering.refusal(self.sheet, self.stage.program)
        if refused:
            self.story.tell(self.now, None, "refused", why=refused)
            return
        seen, why = None, None
        if stood is not None:
            seen = Enrollment(
                self.stage.account.id,
                self.sheet["user_id"],
                self.stage.program.scenario,
                stood["state"],
                stood["run"],
                stood["v"],
                stood.get("node"),
                stood["at"],
                stood["at"],
            )
            verdict = decide.entering(seen, entering.re_entry(self.stage.program), CAUSE, self.now)
            why = f"in earnest refused: {entering.REFUSED[verdict]}" if verdict in entering.REFUSED else None
        self._enter(seen, iso(self.now), CAUSE, why)

    def _enter(self, seen: Enrollment | None, at: str, cause: str, why: str | None = None) -> None:
        item = entering.fresh(self.stage.program, self.sheet, seen, self.now, cause)
        self.item = item
        self._arm(item, item.v, parse_iso(item.due_at or item.node_at))
        self._tell(follow.entered(item, at, cause))
        self.story.entered(self.now, item, why)
        self._follow()

    def _enter_again(self, at: str, cause: str) -> None:
        """A rule or an action enters the friend anew, if that is allowed."""
        program, seen = self.stage.program, self.item
        verdict = decide.entering(seen, entering.re_entry(program), cause, self.now)
        why = entering.refusal(self.sheet, program) or entering.REFUSED.get(verdict)
        if why:
            self.story.tell(self.now, None, "refused", why=why)
        elif verdict == "enter":
            self._enter(seen, at, cause)

    # Turns

    def _arm(self, item: Enrollment, v: int, due_at: datetime) -> None:
        pointer = Pointer(item.account, item.user_id, item.scenario, item.run, v, iso(due_at))
        self.agenda.put(due_at, self._turn, pointer)

    def _turn(self, pointer: Pointer) -> None:
        item = self.item
        if item is None or decide.triage(item, pointer) != "go":
            return
        happened = self._has_happened(item)
        stage = self.stage
        found, _ = wording.take(
            stage.account, stage.snapshot, stage.program, item, self.sheet, self.now, happened=happened
        )
        if isinstance(found, Park):
            self.item = replace(item, due_at=iso(found.due_at))
            self._arm(self.item, item.v, found.due_at)
            for fact in moves.facts(self.stage.program, [self.item] if found.again else []):
                self._tell(fact)
            return
        if found.skipped:
            self._tell(follow.skipped(item, found.skipped, self.now))
        self._take(item, found, happened=happened)

    def _go_on(self, item: Enrollment) -> None:
        self._take(item, decide.go_on(self.stage.program, item, self.sheet, self.now), happened=True)

    def _take(self, item: Enrollment, step: Step, *, happened: bool) -> None:
        """Go through the nodes of a step, send its message, and stand where it leads."""
        if step.trail or step.position.node is not None:
            self.story.left(self.now, item, happened=happened)
        for index, (name, _) in enumerate(step.trail):
            self.story.passed(self.now, item, step, index)
            if name == step.send:
                self._send_node(name, step.message or "")
        if step.position.state == "active" and step.position.due_at is not None:
            self._arm(item, item.v + 1, step.position.due_at)
        self.item = moves.moved(item, step.position, iso(self.now))
        self.story.arrived(self.now, self.item)
        self._follow()

    def _exit(self, reason: str, at: str) -> None:
        if self.item is not None and self.item.state == "active":
            position = Position("exited", self.item.node, reason=reason)
            self.item = moves.moved(self.item, position, at)
            self.story.arrived(self.now, self.item)
            self._follow()

    def _follow(self) -> None:
        """What follows a move: the sheet shows it, the facts are told, what is waited for may be there."""
        item = self.item
        assert item is not None
        self.sheet["scenarios"][item.scenario] = follow.shown(item)
        for fact in moves.facts(self.stage.program, [item]):
            self._tell(fact)
        if item.state == "active" and self._has_happened(item):
            self._go_on(item)

    def _has_happened(self, item: Enrollment) -> bool:
        return any(decide.is_awaited(self.stage.program, item, event) for event in self._heard)

    # Events and reactions

    def _tell(self, event: FriendEvent, at: datetime | None = None) -> None:
        if event.event_id not in self._told:
            self._told.add(event.event_id)
            self.agenda.put(at or self.now, self._hear, event)

    def _hear(self, event: FriendEvent) -> None:
        """One event reaches the engine; then its effects, then what it means for the scenario."""
        was_in = self._stands()
        moment = self.sheet.get("moment")
        node = event.props.get("node") if event.type == "scenario_action" else self._node()
        if event.event_id in self._given:
            self.story.tell(self.now, node, "happened", why=event.type)
        self._heard.append({"type": event.type, "at": event.at, "props": event.props})
        reaction = self.stage.react(event, self.sheet, self.now)
        self.sheet = reaction.sheet
        self.story.acted(self.now, node, reaction.changes, reaction.effects)
        for effect in reaction.effects:
            if effect["status"] == "pending":
                self._carry_out(effect, event, node)
        if event.type == "scenario_action":
            self._act_is_done(event)
        elif was_in and self.item is not None:
            self._mean(self.item, event)
        later = self.sheet.get("moment")
        if later is not None and later != moment:
            self._tell(self._time_passed(later), parse_iso(later))

    def _time_passed(self, moment: str) -> FriendEvent:
        user = self.sheet["user_id"]
        return FriendEvent(f"time:{moment}", self.stage.account.id, user, TIME_PASSED, moment, source="timer")

    def _stands(self) -> bool:
        return self.item is not None and self.item.state == "active"

    def _node(self) -> str | None:
        return self.item.node if self.item is not None and self._stands() else None

    def _act_is_done(self, event: FriendEvent) -> None:
        item = self.item
        named = event.props["run"], event.props["v"]
        if item is not None and item.state == "active" and (item.run, item.v) == named:
            self._go_on(item)

    def _mean(self, item: Enrollment, event: FriendEvent) -> None:
        meant = hearing.meaning(self.stage.program, item, self.sheet, event)
        if meant == "exit":
            self._exit("blocked", event.at)
        elif meant == "go_on":
            self._go_on(item)
        elif meant is not None:
            self.item = replace(item, due_at=iso(meant))
            self._arm(self.item, item.v, meant)
            self.story.tell(self.now, item.node, "waiting", why=f"until {self.item.due_at}")

    def _carry_out(self, effect: Mapping[str, Any], event: FriendEvent, node: str | None) -> None:
        """What an effect does to the friend within the rehearsal: messages, and this scenario itself."""
        rule, action, mine = str(effect["rule"]), effect["action"], self.stage.program.scenario
        if action == "send" or effect.get("via") == "push":
            category = effect.get("category", "marketing")
            self.post.send(Message(node, effect.get("message"), category, by=rule))
        elif action == "notify" and "://" not in str(effect["to"]):
            self.story.sent(self.now, None, by=rule, why=f"a notice to {effect['to']}")
        elif action == "enter_scenario" and effect["scenario"] == mine:
            self._enter_again(effect["at"], f"{event.event_id}:{rule}:{effect['index']}")
        elif action == "exit_scenario" and effect["scenario"] == mine:
            self._exit(f"rule:{rule}", effect["at"])

    def _send_node(self, node: str, message: str) -> None:
        document = self.stage.snapshot.get("messages", message)
        category = document.body.get("category", "marketing")
        run = run_id(self.stage.program.scenario, self.now)
        self.post.send(Message(node, message, category, run=run))
