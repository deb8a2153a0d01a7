"""One friend's way through a scenario under a simulated clock. Nothing is read, written or sent.

Every decision is made by the functions that make it in earnest (``rendering``, ``decide``, ``entry``,
``hearing``, ``moves``, the delivery policies, and the reaction's decision, handed in as ``react`` because the
reaction is imported above this room). What queues, timers and tables do in earnest is a heap here: everything
arrives at its due time, and what is put first arrives first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.actions.kinds import goes_by_push, kind_of
from chalicelib.actions.model import Effect
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.deliveries import policies
from chalicelib.enrollments import anchors, decide, entry, event_handling, follow_ups, moves, rendering
from chalicelib.enrollments.advance import run_id
from chalicelib.enrollments.model import CANCELLED, Cause, Enrollment, Park, Pointer, Position, Step, triage
from chalicelib.events.sheet import Sheet
from chalicelib.rehearsals.posting import CAUSE, Agenda, Anew, Message, Post
from chalicelib.rehearsals.story import Story
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Kept, Reason
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import positions, reservations
from chalicelib.sheets.model import TIME_PASSED
from chalicelib.topics import consent

HEARD_AFTER = timedelta(seconds=1)
"""How long after an event its reaction comes."""


@dataclass(frozen=True)
class Reaction:
    """What the reaction decides about one event: the sheet after it, changes and effects as on the timeline,
    and whether it is news.
    """

    sheet: Sheet
    changes: Sequence[Mapping[str, Any]]
    effects: Sequence[Effect]
    is_news: bool = True


React = Callable[[FriendEvent, Sheet, datetime], Reaction]


@dataclass(frozen=True)
class Stage:
    """What all friends of a rehearsal have in common."""

    account: Account
    program: decide.Program
    snapshot: Snapshot
    policy: policies.Policy
    react: React
    anew: Anew
    start: datetime
    end: datetime
    most_steps: int
    most_entries: int


class Simulation:
    """One friend, from entering to the end of the rehearsal. The given sheet is changed: hand in a copy."""

    def __init__(self, stage: Stage, sheet: Sheet, events: Sequence[FriendEvent]) -> None:
        self.stage, self.sheet = stage, sheet
        self.story = Story(stage.program, stage.most_entries)
        self.items: dict[str | None, Enrollment] = {}
        """Where the friend is, by the value for which each run is (None: for none)."""
        self.agenda = Agenda(stage.start)
        scenario, anew = stage.program.scenario, stage.anew
        self.post = Post(stage.policy, self.agenda, self.story, lambda: self.sheet, scenario, anew)
        self._heard: list[event_handling.Heard] = []
        self._reported: set[str] = set()
        self._given = {event.event_id for event in events}
        for event in events:
            self.agenda.put(parse_iso(event.reported_at) + HEARD_AFTER, self._hear, event)

    @property
    def now(self) -> datetime:
        """The simulated time."""
        return self.agenda.now

    def run(self) -> None:
        """Enter, and let time pass; whatever goes round for ever is cut off, and that is reported."""
        stopped: Reason | None = None
        try:
            self._begin()
            for _ in range(self.stage.most_steps):
                work = self.agenda.next(self.stage.end)
                if work is None:
                    break
                work()
            else:
                stopped = Reason("stopped_after", steps=self.stage.most_steps)
        except OverflowError:
            stopped = Reason("beyond_calendar")
        except RecursionError:
            stopped = Reason("too_many_nodes")
        self.story.close(self.now, self._node(), stopped)

    # Entering

    def _begin(self) -> None:
        """Enter as if for the first time; an earlier run only gives its numbers, and is reported. Where there
        is a run for each value of something, for each reservation to come; else events enter the friend.
        """
        due_at = self.sheet.get("due_at")
        if due_at is not None and parse_iso(due_at) >= self.now:
            self._report(self._time_passed(due_at), parse_iso(due_at))
        program, shown = self.stage.program, self.sheet.setdefault("scenarios", {})
        stood = positions.runs(self.sheet, program.scenario)
        for value in stood:
            del shown[positions.name(program.scenario, value)]
        for of in self._entries(program.per):
            refused = entry.refusal(self.sheet, program, of)
            if refused:
                self.story.report(self.now, None, "refused", why=refused, value=of.value)
            else:
                self._begin_run(stood.get(of.value), of)

    def _entries(self, per: str | None) -> list[entry.Entry]:
        """For which values the friend enters at the beginning."""
        if per is None:
            return [entry.Entry()]
        known = reservations.of_sheet(self.sheet) if per == reservations.ID else {}
        ahead = [id_ for id_, one in known.items() if one["status"] in reservations.OPEN]
        values = [id_ for id_ in ahead if known[id_]["at"] > iso(self.now)]
        return [entry.Entry(value, anchors.by_hand(per, value, iso(self.now))) for value in values]

    def _begin_run(self, stood: Mapping[str, Any] | None, of: entry.Entry) -> None:
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
            verdict = entry.verdict(seen, entry.re_entry(self.stage.program), CAUSE, self.now)
            refused = entry.REFUSED.get(verdict)
            why = Reason("in_earnest_refused", why=Reason.of(refused)).kept() if refused else None
        self._enter(seen, iso(self.now), CAUSE, why, of=of)

    def _enter(
        self,
        seen: Enrollment | None,
        at: str,
        cause: str,
        why: Kept | None = None,
        by: Cause | None = None,
        *,
        of: entry.Entry,
    ) -> None:
        item = entry.fresh(self.stage.program, self.sheet, seen, self.now, cause, by, of)
        self.items[item.value] = item
        self._arm(item, item.v, parse_iso(item.due_at or item.node_at))
        self._report(follow_ups.entered(item, at, cause))
        self.story.entered(self.now, item, why)
        self._follow(item)

    def _enter_again(self, at: str, cause: str, by: Cause, of: entry.Entry) -> None:
        """A rule or an action enters the friend anew, if that is allowed."""
        program, seen = self.stage.program, self.items.get(of.value)
        is_off = anchors.is_off(of.anchor, self.sheet)
        verdict = entry.verdict(seen, entry.re_entry(program), cause, self.now, is_off=is_off)
        why = entry.refusal(self.sheet, program, of) or entry.REFUSED.get(verdict)
        if why:
            self.story.report(self.now, None, "refused", why=why, value=of.value)
        elif verdict == "enter":
            self._enter(seen, at, cause, by=by, of=of)

    # Turns

    def _arm(self, item: Enrollment, v: int, due_at: datetime) -> None:
        names = item.account, item.user_id, item.scenario
        pointer = Pointer(*names, item.run, v, iso(due_at), item.value)
        self.agenda.put(due_at, self._turn, pointer)

    def _turn(self, pointer: Pointer) -> None:
        item = self.items.get(pointer.value)
        if item is None or triage(item, pointer) != "go":
            return
        cause = self._has_happened(item)
        stage = self.stage
        found, words = rendering.take(
            stage.account,
            stage.snapshot,
            stage.program,
            item,
            self.sheet,
            self.now,
            happened=cause,
        )
        if isinstance(found, Park):
            parked = self.items[item.value] = replace(item, due_at=iso(found.due_at))
            self._report_hold(item.node, found)
            self._arm(parked, item.v, found.due_at)
            for fact in moves.facts(self.stage.program, [parked] if found.again else []):
                self._report(fact)
            return
        if found.skipped:
            self._report(follow_ups.skipped(item, found.skipped, self.now))
        self._take(item, found, cause=cause, words=words)

    def _go_on(self, item: Enrollment, cause: Cause) -> None:
        step = event_handling.step_on(self.stage.program, item, self.sheet, cause, self.now)
        self._take(item, step, cause=cause)

    def _take(
        self, item: Enrollment, step: Step, *, cause: Cause | None, words: rendering.Payload | None = None
    ) -> None:
        """Go through the nodes of a step, send its message (``words``: the friend's own), and stay where it
        leads.
        """
        if step.trail or step.position.node is not None:
            self.story.left(self.now, item, happened=cause is not None)
        for index, (name, _) in enumerate(step.trail):
            self.story.passed(self.now, item, step, index)
            if name == step.send:
                self._send_node(name, step.message or "", item.value, words)
        if step.position.state == "active" and step.position.due_at is not None:
            self._arm(item, item.v + 1, step.position.due_at)
        there = self.items[item.value] = moves.moved(item, step.position, iso(self.now), cause)
        self.story.arrived(self.now, there)
        self._report_hold(step.position.node, step.position)
        self._follow(there)

    def _report_hold(self, node: str | None, position: Park | Position) -> None:
        """Policies hold the message of this node back."""
        if position.held is not None and position.due_at is not None:
            message = (self.stage.program.node(node) or {}).get("message")
            self.story.deferred(self.now, node, position.held, position.due_at, message=message)

    def _exit(self, item: Enrollment, reason: str, at: str) -> None:
        if item.state == "active":
            position = Position("exited", item.node, reason=reason)
            there = self.items[item.value] = moves.moved(item, position, at)
            self.story.arrived(self.now, there)
            self._follow(there)

    def _follow(self, item: Enrollment) -> None:
        """What follows a move: the sheet shows it, facts are reported, what is waited for may be there."""
        self.sheet["scenarios"][item.shown_as] = follow_ups.shown(item)
        for fact in moves.facts(self.stage.program, [item]):
            self._report(fact)
        if (cause := self._has_happened(item)) is not None:
            self._go_on(item, cause)

    def _has_happened(self, item: Enrollment) -> Cause | None:
        return event_handling.ended_by_any(self.stage.program, item, self._heard)

    # Events and reactions

    def _report(self, event: FriendEvent, at: datetime | None = None) -> None:
        if event.event_id not in self._reported:
            self._reported.add(event.event_id)
            self.agenda.put(at or self.now, self._hear, event)

    def _hear(self, event: FriendEvent) -> None:
        """One event reaches the reaction; then its effects, then what it means for the scenario."""
        was_in = [value for value, item in self.items.items() if item.state == "active"]
        due_at = self.sheet.get("due_at")
        node = event.props.get("node") if event.type == "scenario_action" else self._node()
        if event.event_id in self._given:
            self.story.report(self.now, node, "happened", why=Reason("on_event", event=event.type).kept())
        reaction = self.stage.react(event, self.sheet, self.now)
        heard = event_handling.heard(event, reaction.changes, fires=reaction.is_news)
        self._heard.append(heard)
        self.sheet = reaction.sheet
        self.story.acted(self.now, node, reaction.changes, reaction.effects)
        for effect in reaction.effects:
            if effect["status"] == "pending":
                self._carry_out(effect, event, node)
        if event.type == "scenario_action":
            self._act_is_done(event)
        for value in was_in:
            self._mean(self.items[value], heard)
        later = self.sheet.get("due_at")
        if later is not None and later != due_at:
            self._report(self._time_passed(later), parse_iso(later))

    def _time_passed(self, due_at: str) -> FriendEvent:
        user = self.sheet["user_id"]
        return FriendEvent(f"time:{due_at}", self.stage.account.id, user, TIME_PASSED, due_at, source="timer")

    def _node(self) -> str | None:
        """Where the friend is; None: nowhere, or at several nodes."""
        nodes = {item.node for item in self.items.values() if item.state == "active"}
        return nodes.pop() if len(nodes) == 1 else None

    def _act_is_done(self, event: FriendEvent) -> None:
        item = self.items.get(event.props.get("value"))
        named = event.props["run"], event.props["v"]
        if item is not None and item.state == "active" and (item.run, item.v) == named:
            self._go_on(item, Cause(event.event_id, event.at))

    def _mean(self, item: Enrollment, event: event_handling.Heard) -> None:
        meant = event_handling.meaning(self.stage.program, item, self.sheet, event)
        if meant == "exit":
            self._exit(item, "blocked", event["at"])
        elif meant == "cancelled":
            self._exit(item, CANCELLED, iso(self.now))
        elif isinstance(meant, Cause):
            self._go_on(item, meant)
        elif isinstance(meant, datetime):
            later = self.items[item.value] = replace(item, due_at=iso(meant))
            self._arm(later, item.v, meant)
            why = Reason("until", at=later.due_at).kept()
            self.story.report(self.now, item.node, "waiting", why=why, value=item.value)

    # What effects do within the rehearsal: messages, and this scenario itself

    @property
    def scenario(self) -> str:
        """The one that is rehearsed."""
        return self.stage.program.scenario

    def _carry_out(self, effect: Effect, event: FriendEvent, node: str | None) -> None:
        rehearse = kind_of(effect["action"]).rehearse
        if goes_by_push(effect):
            category, message = effect.get("category", "marketing"), effect.get("message")
            rule = str(effect["rule"])
            if consent.holds_back(self.sheet, effect, self.stage.snapshot):
                self.story.skipped(self.now, node, "opted_out", message=message, by=rule)
                return
            repeats = bool(effect.get("repeats"))
            what = Message(node, message, category, rule, effect=effect, event=event, repeats=repeats)
            self.post.send(what)
        elif rehearse is not None:
            rehearse(self, effect, event)

    def notice(self, effect: Mapping[str, Any], to: str) -> None:
        """Staff would be notified."""
        self.story.sent(self.now, None, by=str(effect["rule"]), why=Reason("notice_to", to=to).kept())

    def enter(self, effect: Mapping[str, Any], event: FriendEvent) -> None:
        """An effect enters the friend anew."""
        by = Cause(event.event_id, event.at, effect.get("on", 0))
        cause = f"{event.event_id}:{effect['rule']}:{effect['index']}"
        self._enter_again(effect["at"], cause, by, self._entry_of(effect, event))

    def _entry_of(self, effect: Mapping[str, Any], event: FriendEvent) -> entry.Entry:
        """As the action decides it in earnest; a draft may run for another property than what is in force."""
        per = self.stage.program.per
        value = (effect.get("value") or anchors.value_of(per, event.props)) if per is not None else None
        return entry.Entry(value, anchors.of_event(event, per, value))

    def leave(self, effect: Mapping[str, Any]) -> None:
        """An effect takes the friend out."""
        value = effect.get("value")
        for item in list(self.items.values()):
            if value is None or item.value == value:
                self._exit(item, f"rule:{effect['rule']}", effect["at"])

    def _send_node(self, node: str, message: str, value: str | None, words: rendering.Payload | None) -> None:
        body = self.stage.snapshot.get("messages", message).body
        what = Message(
            node,
            message,
            body.get("category", "marketing"),
            run=run_id(self.stage.program.scenario, self.now),
            value=value,
            words=words or body["messages"],
            repeats=rendering.may_repeat(body, value),
        )
        self.post.send(what)
