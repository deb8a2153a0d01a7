"""The decision about one event. Pure: an event, a sheet, a program and now in; a ``Decision`` out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.actions.kinds import is_outgoing, kind_of, parts
from chalicelib.actions.model import Change, Decision
from chalicelib.events.kinds import type_of
from chalicelib.events.matching import failing
from chalicelib.events.sheet import Sheet
from chalicelib.forms import flow as forms
from chalicelib.forms import session as form_session
from chalicelib.forms.model import Form
from chalicelib.friends import profiles
from chalicelib.reaction import due_times
from chalicelib.reaction.action_context import DecisionContext
from chalicelib.reaction.apply import apply_action
from chalicelib.reaction.effects import replies
from chalicelib.reaction.model import Counted
from chalicelib.reaction.traces import deciding_leaf
from chalicelib.rules import limits, news
from chalicelib.rules.model import Program, Rule
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, local_date, parse_iso
from chalicelib.sheets import fact_lines, purchases
from chalicelib.sheets import sheet as sheets
from chalicelib.sheets.model import TIME_PASSED, Fact, shows_friendship

MAX_DEPTH = 8
"""How far facts produced by reactions may lead."""
MAX_TRACE = 60
"""Entries about rules that did not match; the others are counted."""
_UNTRACED = Reason("unmet_if")


def decide(
    event: FriendEvent,
    sheet: Sheet | None,
    program: Program,
    now: datetime,
    *,
    counted: Counted | None = None,
    profile: profiles.Profile | None = None,
) -> Decision:
    """What the event changes and causes; changes nothing given. ``sheet`` None: a friend never heard of.
    ``profile``: what LINE has just reported of the friend.

    ``counted``: the sheet holds this event already, and this is what it did by itself then; only what the
    rules do about it is decided.
    """
    after = sheets.new_sheet(event.account_id, event.user_id, event.at) if sheet is None else copy(sheet)
    past = counted.history if counted else news.history(event, program.react_within, now, after)
    decision = Decision(before=sheet, after=after, history=past)
    changed = profiles.fold(after, profile) if profile is not None else []
    if changed:
        decision.changes.append({"type": "profile_fetched", "fields": changed, "by": "line"})
    left_out = _left_out(after, event, program) if counted is None else None
    if left_out is not None:
        decision.rules.append(left_out)
        return decision
    facts = _fold(decision, event, program, now) if counted is None else []
    if not event.props.get("standby") and not is_taken_back(event):
        reaction = _Reaction(decision, event, program, now)
        if counted is None:
            reaction.run(facts)
        else:
            reaction.run_again(counted)
    replies.lay_out(decision, event.reply_token)
    due_times.plan(after, program, _by_now(event, now))
    limits.forget_gone(after["limits"], program.snapshot, local_date(parse_iso(event.at), program.zone))
    trimmed = sheets.tidy(after, max(local_date(parse_iso(event.at), program.zone), now.date()))
    if trimmed:
        decision.changes.append({"type": "trimmed", "names": trimmed[:50]})
    return decision


def _left_out(after: Sheet, event: FriendEvent, program: Program) -> dict[str, Any] | None:
    """The trace of an event that its own limit keeps from this friend; counts the limit otherwise."""
    kind = type_of(event.type)
    limit = limits.read_limit(kind.limit(event.props))
    if limit is None or kind.acts_as is None:
        return None
    name = kind.acts_as(event.props)
    after["limits"][name], why = limits.take(limit, after["limits"].get(name), event.at, program.zone)
    return None if why is None else {"rule": name, "matched": False, "why": why.kept()}


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
    # What has happened by time alone is left for news to report: reported by history it would wake no rule.
    by_time = [] if decision.history else due_times.fold(decision.after, program, _by_now(event, now))
    decision.changes += [fact_lines.line(fact, "time") for fact in by_time]
    status = decision.after["status"]
    kind, by = type_of(event.type), event.source
    stage = _stage(decision, event, program) if kind.reports_order else ""
    facts = sheets.fold_event(decision.after, event, program.zone)
    if kind.reports_order:
        facts += purchases.stage_changed(stage, _stage(decision, event, program))
    if shows_friendship(event.type, event.source) and decision.after["status"] != status:
        decision.changes.append(_befriended(status, event))
    if kind.change is not None:
        changed = kind.change(decision.after, event, program.snapshot, program.zone)
        by, facts = changed.by, facts + changed.facts
        decision.changes += [{"type": "refused", "why": why.kept()} for why in changed.refused]
    decision.changes += [_dated(fact_lines.line(fact, by), fact, event, program, now) for fact in facts]
    return by_time + facts


def _stage(decision: Decision, event: FriendEvent, program: Program) -> str:
    limits_ = purchases.limits_of(program.snapshot)
    return purchases.stage(decision.after["purchases"], parse_iso(event.at), limits_)


def _dated(line: Change, fact: Fact, event: FriendEvent, program: Program, now: datetime) -> Change:
    """The line of a fact, with its own time where it has one: what is history by that wakes nothing."""
    kind, _, props = fact
    at = news.fact_at(event, kind, props)
    return line if at == event.at else fact_lines.dated(line, at, news.late(at, program.react_within, now))


def _befriended(before: str, event: FriendEvent) -> Change:
    """What the timeline shows of one who turned out to be a friend by what they did."""
    why = Reason("befriended", event=event.type).kept()
    return {"type": "status_changed", "before": before, "after": "following", "why": why, "by": event.source}


def _by_now(event: FriendEvent, now: datetime) -> str:
    """Up to when time has passed: a reservation for later makes nobody older."""
    return event.at if event.type == TIME_PASSED else min(event.at, iso(now))


class _Reaction:
    """The rules' work on one event, fact after fact."""

    def __init__(self, decision: Decision, event: FriendEvent, program: Program, now: datetime) -> None:
        self._decision, self._event, self._program, self._now = decision, event, program, now
        self._timestamp = parse_iso(event.at)
        self._ran: set[str] = set()
        self._queue: deque[tuple[FriendEvent, int, int]] = deque()
        self._facts = 0
        self._untraced = 0
        self._answered: str | None = None
        self._claimed = False

    def run(self, facts: list[Fact]) -> None:
        """React to the event and to everything that follows from it."""
        self._queue.append((self._event, 0, 0))
        self._follow(facts, 1)
        acts_as = type_of(self._event.type).acts_as
        if acts_as is not None:
            self._follow(self._run_own(acts_as(self._event.props)), 1)
        elif self._decision.history is None:
            self._follow(self._answer(), 1)
        self._work_off()

    def run_again(self, counted: Counted) -> None:
        """The rules' part alone, of an event whose own part is done."""
        self._queue.append((self._event, 0, 0))
        self._queue.extend((self._produced(fact), 1, n) for n, fact in enumerate(counted.facts, 1))
        if counted.answered is not None:
            self._answer_again(counted.answered)
        self._work_off()

    def _answer_again(self, answered: Mapping[str, Any]) -> None:
        """What followed an answer besides changes, which are counted: effects, and the next question."""
        decision, program, turn = self._decision, self._program, self._turn()
        if self._claimed:
            return  # By now a rule takes it from the form.
        decision.rules.append(dict(answered))
        self._answered = answered["rule"]
        before = Reason.of(answered["why"])
        if turn is None or (turn.rule, turn.why.code) != (answered["rule"], before.code):
            return  # The form is another one by now.
        changes = list(decision.changes)
        context = DecisionContext(self._event, self._event, turn.rule, program, self._now)
        for index, action in enumerate(turn.then):
            if not kind_of(parts(action)[0]).changes_facts_alone:
                apply_action(decision, action, index, context)
        form_session.carry_on(decision, turn, context)
        decision.changes = changes

    def _work_off(self) -> None:
        while self._queue:
            self._react(*self._queue.popleft())
        if self._untraced:
            why = Reason("more_unmatched", n=self._untraced).kept()
            self._decision.rules.append({"rule": "*", "matched": False, "why": why})

    def _react(self, trigger: FriendEvent, depth: int, number: int) -> None:
        answered, stopped = self._answered if depth == 0 else None, None
        history = self._history(trigger)
        for rule in self._program.rules.get(trigger.type, ()):
            before = stopped or (None if rule.over_forms else answered)
            why = Reason("stopped_by", rule=before) if before else self._refusal(rule, trigger, history)
            if why is not None and self._is_full():
                self._untraced += 1
                continue
            self._trace(rule, trigger, depth, why)
            if why is not None:
                continue
            self._ran.add(rule.id)
            context = DecisionContext(
                self._event, trigger, rule.id, self._program, self._now, rule.tests, number
            )
            self._follow(self._run(rule.then, context), depth + 1)
            stopped = rule.id if rule.stop else None

    def _run_own(self, name: str) -> list[Fact]:
        """The actions that the event itself brings: a scenario's action node, a request for many friends."""
        context = DecisionContext(self._event, self._event, name, self._program, self._now)
        return self._run(self._event.props.get("then") or (), context)

    def _run(self, then: Sequence[Mapping[str, Any]], context: DecisionContext) -> list[Fact]:
        """Apply actions in their order; returns the facts they produced."""
        produced: list[Fact] = []
        before = len(self._decision.effects)
        for index, action in enumerate(then):
            produced += self._noted(apply_action(self._decision, action, index, context), context)
        for effect in self._decision.effects[before:]:
            if effect["status"] == "pending" and is_outgoing(effect) and context.captured:
                # After a crash the message is rendered again, from what the effect keeps.
                effect["match"] = context.captured
        return produced

    def _noted(self, facts: list[Fact], context: DecisionContext) -> list[Fact]:
        self._decision.changes += [fact_lines.line(fact, context.by) for fact in facts]
        return facts

    def _answer(self) -> list[Fact]:
        """What the event says to the form that waits for an answer; rules do not look at an answer."""
        gone = forms.drop_if_gone(self._decision.after, self._program.forms)
        if gone is not None:
            form_id, question = gone
            self._decision.changes.append({"type": "question_gone", "form": form_id, "question": question})
        if type_of(self._event.type).brings_answers and self._event.source != "rule":
            form = self._program.forms.get(self._event.key or "")
            return self._answered_on_page(form) if form is not None else []
        turn = self._turn()
        if turn is None:
            return []
        self._answered = turn.rule
        context = self._context_of(turn)
        produced = self._taken(turn, context)
        return produced + self._noted(form_session.carry_on(self._decision, turn, context), context)

    def _answered_on_page(self, form: Form) -> list[Fact]:
        """All answers to a form at once, and what they come to."""
        turns = forms.all_given(form, self._event.props.get("answers") or {})
        produced = [fact for turn in turns for fact in self._taken(turn, self._context_of(turn))]
        context = DecisionContext(self._event, self._event, form.rule, self._program, self._now)
        form_session.finish_page(self._decision, form, self._event.props.get("result"), context)
        return produced

    def _context_of(self, turn: forms.Turn) -> DecisionContext:
        return DecisionContext(self._event, self._event, turn.rule, self._program, self._now)

    def _taken(self, turn: forms.Turn, context: DecisionContext) -> list[Fact]:
        """An answer kept as a fact, and what its choices mean."""
        self._decision.rules.append({"rule": turn.rule, "matched": True, "why": turn.why.kept()})
        produced = self._noted(form_session.keep(self._decision, turn, context), context)
        return produced + self._run(turn.then, context)

    def _turn(self) -> forms.Turn | None:
        """What the event means to the form that asks, unless it is clearly something else."""
        program = self._program
        return forms.take(self._decision.after, self._event, program.forms, program.zone, self._is_claimed)

    def _is_claimed(self, fits: bool) -> bool:
        """Whether a rule takes a message from the form: one that looks over forms and names what is said,
        or, where it does not fit the question, one that waits for exactly this.
        """

        def takes(rule: Rule) -> bool:
            text_tests = [test for test in rule.tests if test.path == "text"]
            return bool(text_tests) and (
                rule.over_forms or (not fits and any(test.exact for test in text_tests))
            )

        rule = self._claimant(takes)
        if rule is None:
            return False
        session = self._decision.after["form_session"]
        name = f"form:{session['form']}:{session['question']}"
        why = Reason("form_claimed", rule=rule.id).kept()
        self._decision.rules.append({"rule": name, "matched": False, "why": why})
        self._claimed = True
        return True

    def _claimant(self, is_meant: Callable[[Rule], bool]) -> Rule | None:
        """The first of some rules that would run for the event now. Counts nothing."""
        for rule in self._program.rules.get(self._event.type, ()):
            if is_meant(rule) and self._obstacle(rule, self._event, self._decision.history) is None:
                states = self._decision.after["limits"]
                if rule.limit is None or not self._limited(rule, states)[1]:
                    return rule
        return None

    def _refusal(self, rule: Rule, trigger: FriendEvent, history: news.History | None) -> Reason | None:
        """None when the rule is to run, else why not; counts its limit."""
        why = self._obstacle(rule, trigger, history)
        if why is None and rule.limit is not None:
            states = self._decision.after["limits"]
            states[rule.id], why = self._limited(rule, states)
        return why

    def _limited(self, rule: Rule, states: Mapping[str, Any]) -> tuple[dict[str, Any], Reason | None]:
        """The state of a rule's limit after one more match, and why it keeps the rule from running."""
        assert rule.limit is not None
        return limits.take(rule.limit, states.get(rule.id), self._event.at, self._program.zone)

    def _obstacle(self, rule: Rule, trigger: FriendEvent, history: news.History | None) -> Reason | None:
        """Why the rule does not run, its limit aside; None when nothing else keeps it."""
        if history is not None and (hidden := news.hides(history, also_late=rule.also_late)) is not None:
            return hidden
        failed = failing(rule.tests, trigger.props)
        if failed is not None:
            return _UNTRACED if self._is_full() else failed.seen(trigger.props)
        if rule.id in self._ran:
            return Reason("ran_already")
        closed = rule.window.closed(self._timestamp, self._program.zone) if rule.window else None
        if closed is not None:
            return closed
        if rule.condition is not None and not rule.condition(self._decision.after, self._now):
            return _UNTRACED if self._is_full() else self._unmet(rule)
        return None

    def _history(self, trigger: FriendEvent) -> news.History | None:
        """Why the event, or a fact of it that has a time of its own, is history."""
        if self._decision.history is not None or trigger.at == self._event.at:
            return self._decision.history
        return news.late(trigger.at, self._program.react_within, self._now)

    def _is_full(self) -> bool:
        """Whether the trace is full: nobody reads the reasons of rules that are only counted."""
        return len(self._decision.rules) >= MAX_TRACE

    def _unmet(self, rule: Rule) -> Reason:
        assert rule.explain is not None
        return Reason("unmet", why=deciding_leaf(rule.explain(self._decision.after, self._now)))

    def _trace(self, rule: Rule, trigger: FriendEvent, depth: int, why: Reason | None) -> None:
        kept = (why or Reason("matched")).kept()
        entry: dict[str, Any] = {"rule": rule.id, "matched": why is None, "why": kept}
        if depth:
            entry["on"] = trigger.type if trigger.key is None else f"{trigger.type}:{trigger.key}"
        self._decision.rules.append(entry)

    def _follow(self, facts: list[Fact], depth: int) -> None:
        """Count produced facts on the sheet and feed them back, unless they lead too far."""
        for fact in facts:
            kind, key, _ = fact
            self._facts += 1
            produced = self._produced(fact)
            # Changes are counted by their type alone: their keys would fill the sheet.
            counted = replace(produced, key=None, props={}) if type_of(kind).is_change else produced
            sheets.fold_event(self._decision.after, counted, self._program.zone)
            if depth > MAX_DEPTH:
                self._decision.changes.append({"type": "cut", "fact": kind, "key": key, "depth": depth})
            else:
                self._queue.append((produced, depth, self._facts))

    def _produced(self, fact: Fact) -> FriendEvent:
        """A fact as an event that rules look at."""
        kind, key, props = fact
        event, at = self._event, news.fact_at(self._event, kind, props)
        return FriendEvent(
            event.event_id, event.account_id, event.user_id, kind, at, key, props, source="rule"
        )
