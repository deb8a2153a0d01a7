"""One action on one sheet: changes in place, or an effect to carry out after the write. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.actions.kinds import Apply, kind_of, parts
from chalicelib.actions.loading import with_loading
from chalicelib.actions.model import CannotRun, Decision, Effect
from chalicelib.events.kinds import Fact
from chalicelib.messages import render
from chalicelib.messages.values import Filling, NoValue
from chalicelib.reaction.action_context import DecisionContext
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit
from chalicelib.sheets.trim import size_of
from chalicelib.sheets.values import UnfitValue

MAX_RECORDED, MAX_CHANGES = 8_000, 100_000
"""Bytes of one recorded event's props, and of all changes of an event: an item of the store takes 400 KB."""


def apply_action(
    decision: Decision, action: Mapping[str, Any], index: int, context: DecisionContext
) -> list[Fact]:
    """Apply one action; returns the facts it produced. What cannot run is kept as a failed effect."""
    name, value = parts(action)
    effect: Effect = {"rule": context.rule, "index": index, "action": name, "status": "pending"}
    try:
        filled = _filling(decision, context).action(name, value)
        return _apply_of(name)(decision, effect, filled, context)
    except (CannotRun, NoValue, UnfitValue, render.Unrenderable) as error:
        decision.effects.append(effect | {"status": "failed", "why": error.reason.kept()})
    return []


def _apply_of(name: str) -> Apply:
    apply = kind_of(name).apply
    if apply is None:
        raise CannotRun(Reason("not_available", what=name))
    return apply


def _filling(decision: Decision, context: DecisionContext) -> Filling:
    return Filling(decision.after, context.program.snapshot, context.now, context.props, context.program.zone)


# What the reaction sends and records itself


def send(
    decision: Decision, effect: Effect, value: Mapping[str, Any], context: DecisionContext
) -> list[Fact]:
    """A reply or a push, rendered."""
    decision.effects.append(_message_effect(decision, effect, value, context))
    return []


def notify(
    decision: Decision, effect: Effect, value: Mapping[str, Any], _context: DecisionContext
) -> list[Fact]:
    """A text to staff."""
    decision.effects.append(
        effect | {"to": value["to"], "text": str(value["text"])[:5000], "status": "pending"}
    )
    return []


def record_event(
    decision: Decision, _effect: Effect, value: Mapping[str, Any], _context: DecisionContext
) -> list[Fact]:
    """A custom event, as if it had come from outside."""
    props = value.get("props") or {}
    if (wrong := unfit(props, "props")) is not None:
        raise CannotRun(Reason("cannot_be_stored", path=wrong[0], why=wrong[1]))
    if size_of(props) > MAX_RECORDED or size_of(decision.changes) > MAX_CHANGES:
        raise CannotRun(Reason("too_much_to_record"))
    return [(f"custom:{value['name']}", None, dict(props))]


def _message_effect(
    decision: Decision, effect: Effect, value: Mapping[str, Any], context: DecisionContext
) -> Effect:
    # Named on the effect itself: also when it cannot be sent, the timeline shows what could not.
    effect["message"] = message = _chosen(decision, effect, value, context)
    effect = effect | {"status": "pending"}
    blocked = decision.after.get("status") == "blocked"
    if kind_of(effect["action"]).outgoing == "push" and blocked:
        return effect | {"status": "skipped", "why": "blocked"}
    if kind_of(effect["action"]).outgoing == "reply":
        effect |= {"push_fallback": bool(value.get("push_fallback"))}
        if context.event.reply_token is None:
            if blocked or not effect["push_fallback"]:
                return effect | {"status": "skipped", "why": "no_reply_token"}
            effect |= {"via": "push"}
    body = context.definition("messages", message)
    context.render(decision, effect, body)
    if context.trigger is not context.event and not render.is_static(body):
        effect |= {"event": dict(context.trigger.props)}  # what a later rendering needs of a produced fact
    effect["category"] = body.get("category", "marketing")
    if body.get("topic"):
        effect["topic"] = body["topic"]
    if body.get("repeats") or context.event.source == "line":
        effect["repeats"] = True  # what the friend asks for again is answered again
    return with_loading(effect, value, context.event)


def _chosen(
    decision: Decision, effect: Mapping[str, Any], value: Mapping[str, Any], context: DecisionContext
) -> str:
    """The message of a reply or send: the one, by turns per friend, or by chance fixed by the event."""
    options: list[str] | None = value.get("any_of")
    if not options:
        return str(value["message"])
    index = str(effect["index"])
    if value.get("choose") == "rotate":
        turns = decision.after["limits"].setdefault(context.rule, {}).setdefault("turns", {})
        turns[index] = turns.get(index, -1) + 1
        return options[int(turns[index]) % len(options)]
    names = (context.event.user_id, context.event.event_id, context.rule, index)
    return options[int(digest(*names)[:8], 16) % len(options)]
