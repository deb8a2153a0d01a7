"""The decision about one event. Pure: an event, a sheet, a program and now in; a ``Decision`` out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.engine import asking, limits, moments
from chalicelib.engine.apply import apply_action
from chalicelib.engine.at import At
from chalicelib.engine.model import CHANGING, PRODUCED, SPEAKING, Counted, Decision, Program, Rule
from chalicelib.forms import flow as forms
from chalicelib.friends import csv_rows, edits
from chalicelib.friends import sheet as sheets
from chalicelib.friends.model import TIME_PASSED, Fact, Sheet
from chalicelib.messages.actions import parts
from chalicelib.segments import conditions
from chalicelib.segments.matching import shown
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, local_date, parse_iso

MAX_DEPTH = 8
"""How far facts produced by reactions may lead."""
MAX_TRACE = 60
"""Entries about rules that did not match; the others are counted."""


def decide(
    event: FriendEvent,
    sheet: Sheet | None,
    program: Program,
    now: datetime,
    *,
    counted: Counted | None = None,
) -> Decision:
    """What the event changes and causes; changes nothing given. ``sheet`` None: a friend never heard of.

    ``counted``: the sheet holds this event already, and this is what it did by itself then; only what the
    rules do about it is decided.
    """
    after = sheets.new_sheet(event.account_id, event.user_id, event.at) if sheet is None else copy(sheet)
    decision = Decision(before=sheet, after=after)
    facts = _fold(decision, event, program, now) if counted is None else []
    if not event.props.get("standby") and not is_taken_back(event):
        reaction = _Reaction(decision, event, program, now)
        if counted is None:
            reaction.run(facts)
        else:
            reaction.run_again(counted)
    moments.plan(after, program, _by_now(event, now))
    limits.forget_gone(after["limits"], program.snapshot, local_date(parse_iso(event.at), program.zone))
    trimmed = sheets.tidy(after, max(local_date(parse_iso(event.at), program.zone), now.date()))
    if trimmed:
        decision.changes.append({"type": "trimmed", "names": trimmed[:50]})
    return decision


def is_taken_back(event: FriendEvent) -> bool:
    """Whether it is a message that was taken back before it came: it counts, and nothing answers it."""
    return event.type == "messaged" and "unsent_at" in event.props


def copy(value: Any) -> Any:
    """A deep copy of plain data (several times faster than ``copy.deepcopy``)."""
    if isinstance(value, dict):
        return {
            name: copy(inner) if isinstance(inner, dict | list | set) else inner
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [copy(inner) for inner in value]
    return set(value) if isinstance(value, set) else value


def _fold(decision: Decision, event: FriendEvent, program: Program, now: datetime) -> list[Fact]:
    """What the event itself says of the friend."""
    by_time = moments.fold(decision.after, program, _by_now(event, now))
    decision.changes += [_change(fact, "time") for fact in by_time]
    facts = sheets.fold_event(decision.after, event, program.zone)
    by = event.source
    if event.type == TIME_PASSED:
        moments.came(decision.after, event.at)
    elif event.type == "console_edit":
        by = str(event.props.get("by") or "console")
        produced, refused = edits.apply(
            decision.after, event.props, program.snapshot, program.zone, event.at, by
        )
        facts += produced
        decision.changes += [{"type": "refused", "why": why} for why in refused]
    elif event.type == "imported":
        by = f"import:{event.props.get('job')}"
        row, zone = event.props["row"], program.zone
        facts += csv_rows.fold_row(decision.after, row, program.snapshot, zone, event.at, by)
    decision.changes += [_change(fact, by) for fact in facts]
    return by_time + facts


def _by_now(event: FriendEvent, now: datetime) -> str:
    """Up to when time has passed: a reservation for later makes nobody older."""
    return event.at if event.type == TIME_PASSED else min(event.at, iso(now))


def _change(fact: Fact, by: str) -> dict[str, Any]:
    kind, _, props = fact
    return {"type": kind, **(props if kind in PRODUCED else {"props": props}), "by": by}


class _Reaction:
    """The rules' work on one event, fact after fact."""

    def __init__(self, decision: Decision, event: FriendEvent, program: Program, now: datetime) -> None:
        self._decision, self._event, self._program, self._now = decision, event, program, now
        self._moment = parse_iso(event.at)
        self._ran: set[str] = set()
        self._queue: deque[tuple[FriendEvent, int]] = deque()
        self._untraced = 0
        self._answered: str | None = None

    def run(self, facts: list[Fact]) -> None:
        """React to the event and to everything that follows from it."""
        self._queue.append((self._event, 0))
        self._follow(facts, 1)
        if self._event.type == "scenario_action":
            self._follow(self._run_node(), 1)
        else:
            self._follow(self._answer(), 1)
        self._work_off()

    def run_again(self, counted: Counted) -> None:
        """The rules' part alone, of an event whose own part is done."""
        self._queue.append((self._event, 0))
        self._queue.extend((self._produced(fact), 1) for fact in counted.facts)
        if counted.answered is not None:
            self._decision.rules.append(counted.answered)
            self._answered = counted.answered["rule"]
            self._say_again(counted.answered)
        self._work_off()

    def _say_again(self, answered: Mapping[str, Any]) -> None:
        """What followed an answer besides changes, which are counted: effects, and the next question."""
        decision, program = self._decision, self._program
        turn = forms.take(decision.after, self._event, program.forms, program.zone)
        if turn is None or (turn.rule, turn.why.split()[0]) != (answered["rule"], answered["why"].split()[0]):
            return  # The form is another one by now.
        changes = list(decision.changes)
        at = At(self._event, self._event, turn.rule, program, self._now)
        for index, action in enumerate(turn.then):
            if parts(action)[0] not in CHANGING:
                apply_action(decision, action, index, at)
        asking.carry_on(decision, turn, at)
        decision.changes = changes

    def _work_off(self) -> None:
        while self._queue:
            trigger, depth = self._queue.popleft()
            self._react(trigger, depth)
        if self._untraced:
            self._decision.rules.append(
                {"rule": "*", "matched": False, "why": f"{self._untraced} more did not match"}
            )

    def _react(self, trigger: FriendEvent, depth: int) -> None:
        stopped = self._answered if depth == 0 else None
        for rule in self._program.rules.get(trigger.type, ()):
            why = f"stopped by {stopped}" if stopped else self._refusal(rule, trigger)
            self._trace(rule, trigger, depth, why)
            if why is not None:
                continue
            self._ran.add(rule.id)
            at = At(self._event, trigger, rule.id, self._program, self._now, rule.tests)
            self._follow(self._run(rule.then, at), depth + 1)
            stopped = rule.id if rule.stop else None

    def _run_node(self) -> list[Fact]:
        """The actions of a scenario's action node, carried by its event."""
        props = self._event.props
        name = f"scenario:{props.get('scenario')}:{props.get('node')}"
        at = At(self._event, self._event, name, self._program, self._now)
        return self._run(props.get("then") or (), at)

    def _run(self, then: Sequence[Mapping[str, Any]], at: At) -> list[Fact]:
        """Apply actions in their order; answers the facts they produced."""
        produced: list[Fact] = []
        before = len(self._decision.effects)
        for index, action in enumerate(then):
            produced += self._noted(apply_action(self._decision, action, index, at), at)
        for effect in self._decision.effects[before:]:
            if effect["status"] == "pending" and effect["action"] in SPEAKING and at.captured:
                # After a crash the message is rendered again, from what the effect keeps.
                effect["match"] = at.captured
        return produced

    def _noted(self, facts: list[Fact], at: At) -> list[Fact]:
        self._decision.changes += [_change(fact, at.by) for fact in facts]
        return facts

    def _answer(self) -> list[Fact]:
        """What the event says to the form that waits for an answer; rules do not look at an answer."""
        gone = forms.drop_if_gone(self._decision.after, self._program.forms)
        if gone is not None:
            self._decision.changes.append({"type": "question_gone", **gone})
        turn = forms.take(self._decision.after, self._event, self._program.forms, self._program.zone)
        if turn is None:
            return []
        self._answered = turn.rule
        self._decision.rules.append({"rule": turn.rule, "matched": True, "why": turn.why})
        at = At(self._event, self._event, turn.rule, self._program, self._now)
        produced = self._noted(asking.keep(self._decision, turn, at), at)
        produced += self._run(turn.then, at)
        return produced + self._noted(asking.carry_on(self._decision, turn, at), at)

    def _refusal(self, rule: Rule, trigger: FriendEvent) -> str | None:
        """None when the rule is to run, else why not; counts its limit."""
        for test in rule.tests:
            failure = test.failure(trigger.props)
            if failure is not None:
                return failure
        if trigger.props.get("refund_of") and not any(test.path == "refund_of" for test in rule.tests):
            return "a refund (match refund_of to react to refunds)"
        if rule.id in self._ran:
            return "ran already for this event"
        closed = rule.window.closed(self._moment, self._program.zone) if rule.window else None
        if closed is not None:
            return closed
        sheet = self._decision.after
        if rule.condition is not None and not rule.condition(sheet, self._now):
            return self._unmet(rule)
        if rule.limit is None:
            return None
        states = sheet["limits"]
        state, why = limits.take(rule.limit, states.get(rule.id), self._event.at, self._program.zone)
        states[rule.id] = state
        return why

    def _unmet(self, rule: Rule) -> str:
        if len(self._decision.rules) >= MAX_TRACE:
            return "if"
        tree = conditions.explain(rule.source, self._program.context, self._decision.after, self._now)
        return "if: " + deciding_leaf(tree)

    def _trace(self, rule: Rule, trigger: FriendEvent, depth: int, why: str | None) -> None:
        if why is not None and len(self._decision.rules) >= MAX_TRACE:
            self._untraced += 1
            return
        entry: dict[str, Any] = {"rule": rule.id, "matched": why is None, "why": why or "matched"}
        if depth:
            entry["on"] = trigger.type if trigger.key is None else f"{trigger.type}:{trigger.key}"
        self._decision.rules.append(entry)

    def _follow(self, facts: list[Fact], depth: int) -> None:
        """Count produced facts on the sheet and feed them back, unless they lead too far."""
        for fact in facts:
            kind, key, _ = fact
            produced = self._produced(fact)
            # Changes are counted by their type alone: their keys would fill the sheet.
            counted = replace(produced, key=None, props={}) if kind in PRODUCED else produced
            sheets.fold_event(self._decision.after, counted, self._program.zone)
            if depth > MAX_DEPTH:
                self._decision.changes.append({"type": "cut", "fact": kind, "key": key, "depth": depth})
            else:
                self._queue.append((produced, depth))

    def _produced(self, fact: Fact) -> FriendEvent:
        """A fact as an event that rules look at."""
        kind, key, props = fact
        event = self._event
        return FriendEvent(
            event.event_id, event.account_id, event.user_id, kind, event.at, key, props, source="rule"
        )


def deciding_leaf(tree: Mapping[str, Any]) -> str:
    """The leaf of an explanation that made it come out as it did, with the value seen."""
    children = tree.get("children") or ()
    if tree["kind"] == "not" and children:
        return f"not {deciding_leaf(children[0])}"
    for child in children:
        if child["value"] == tree["value"]:
            return deciding_leaf(child)
    text = f"{tree['kind']} {shown(tree['condition'])}" if "condition" in tree else str(tree["kind"])
    return f"{text} is {shown(tree['value'])} (seen {shown(tree['seen'])})"[:200]
