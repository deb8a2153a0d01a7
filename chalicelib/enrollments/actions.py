"""What actions do with scenarios, and what scenarios hear of a reaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.actions.kinds import ActionKind, Produced, named
from chalicelib.actions.model import (
    ActionContext,
    CannotRun,
    Decision,
    Done,
    Effect,
    EffectContext,
    Rehearsal,
)
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.kinds import Fact
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.fields import Id
from chalicelib.shared.reasons import Reason


def _exited(scenario: str, _snapshot: Snapshot) -> Iterable[Produced]:
    yield "scenario_exited", {"scenario": scenario}


def _enter(decision: Decision, effect: Effect, scenario: str, context: ActionContext) -> list[Fact]:
    value, anchor = _entry(scenario, context)
    entered: Effect = {**effect, "anchor": anchor} if anchor else {**effect}
    if context.number:
        entered["on"] = context.number
    _decide(decision, entered, scenario, context, value)
    return []


def _entry(scenario: str, context: ActionContext) -> tuple[str | None, dict[str, Any] | None]:
    """For which value the event enters the friend, and what of it the run is anchored to."""
    from chalicelib.enrollments import anchors

    published = context.snapshot.find("published", scenario)
    per = (published.body["definition"].get("entry") or {}).get("per") if published else None
    value = anchors.value_of(per, {**context.event.props, **context.trigger.props}) if per else None
    return value, anchors.of_event(context.event, per, value)


def _exit(decision: Decision, effect: Effect, scenario: str, context: ActionContext) -> list[Fact]:
    _decide(decision, effect, scenario, context, _entry(scenario, context)[0])
    return []


def _decide(
    decision: Decision, effect: Effect, scenario: str, context: ActionContext, value: str | None
) -> None:
    if context.snapshot.find("scenarios", scenario) is None:
        raise CannotRun(Reason("no_document", kind="scenario", id=scenario))
    effect = effect | {"scenario": scenario, "at": context.event.at, "status": "pending"}
    decision.effects.append(effect if value is None else effect | {"value": value})


def _carry_in(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.actions.effects import effect_key
    from chalicelib.enrollments import service as enrollments
    from chalicelib.shared.times import parse_iso

    event = context.event
    cause = f"{event.event_id}:{effect_key(effect)}"
    at = parse_iso(effect["at"])
    by = enrollments.Cause(event.event_id, event.at, effect.get("on", 0))
    heard_at = parse_iso(event.received_at) if event.received_at else None
    entry = enrollments.Entry(effect.get("value"), effect.get("anchor"), heard_at)
    result = enrollments.enroll(
        context.account.id, [event.user_id], effect["scenario"], at, cause, by, entry
    )[0]
    return ("done", None) if result.accepted else ("skipped", Reason.of(result.why or "rejected"))


def _carry_out(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.enrollments import service as enrollments
    from chalicelib.shared.times import parse_iso

    user, at = context.event.user_id, parse_iso(effect["at"])
    reason = f"rule:{effect['rule']}"
    value = effect.get("value")
    result = enrollments.exit(context.account.id, [user], effect["scenario"], reason, at, value)[0]
    return ("done", None) if result.accepted else ("skipped", Reason.of(result.why or "rejected"))


def _scenario_event(context: EffectContext, effect: Effect) -> Done:
    from chalicelib.enrollments import service as enrollments

    account, user, fires = context.account.id, context.event.user_id, "history" not in effect
    enrollments.on_friend_event(account, user, context.sheet, context.event, context.changes, fires=fires)
    return "done", None


def _scenario_action_done(context: EffectContext, _effect: Effect) -> Done:
    from chalicelib.enrollments import service as enrollments

    enrollments.action_done(context.account.id, context.event.user_id, context.event)
    return "done", None


def _rehearse_entry(rehearsal: Rehearsal, effect: Mapping[str, Any], event: FriendEvent) -> None:
    if effect["scenario"] == rehearsal.scenario:
        rehearsal.enter(effect, event)


def _rehearse_exit(rehearsal: Rehearsal, effect: Mapping[str, Any], _event: FriendEvent) -> None:
    if effect["scenario"] == rehearsal.scenario:
        rehearsal.leave(effect)


ACTIONS: dict[str, ActionKind] = {
    "enter_scenario": ActionKind(
        model=Id,
        references=named("scenarios"),
        apply=_enter,
        carry_out=_carry_in,
        rehearse=_rehearse_entry,
        begins="scenarios",
    ),
    "exit_scenario": ActionKind(
        model=Id,
        references=named("scenarios"),
        apply=_exit,
        carry_out=_carry_out,
        rehearse=_rehearse_exit,
        by_effect=_exited,
    ),
    "scenario_event": ActionKind(carry_out=_scenario_event, is_shown=False),
    "scenario_action_done": ActionKind(carry_out=_scenario_action_done, is_shown=False),
}
