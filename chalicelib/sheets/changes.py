"""What actions change on a friend's sheet, by the time of the event that they react to. Pure: the decision's
sheet is changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.actions.model import ActionContext, Change, Decision
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import local_date, parse_iso
from chalicelib.sheets import folds, limit_states
from chalicelib.sheets import sheet as sheets
from chalicelib.sheets.model import Fact
from chalicelib.sheets.values import number


def add_tag(decision: Decision, action: str, tag: str, context: ActionContext) -> list[Fact]:
    """The tag, unless it was taken away later."""

    def change() -> list[Fact]:
        context.definition("tags", tag)
        return sheets.add_tag(decision.after, tag, context.event.at, context.by)

    return _recorded(decision, action, tag, decision.after["untagged"].get(tag, ""), context, change)


def remove_tag(decision: Decision, action: str, tag: str, context: ActionContext) -> list[Fact]:
    """No tag, unless it was given later."""
    later = decision.after["tags"].get(tag, {}).get("at", "")
    change = lambda: sheets.remove_tag(decision.after, tag, context.event.at)  # noqa: E731
    return _recorded(decision, action, tag, later, context, change)


def add_score(
    decision: Decision, action: str, value: Mapping[str, Any], context: ActionContext
) -> list[Fact]:
    """Points, as far as the day has room for them, unless the score was set later."""
    score = value["score"]
    later = (decision.after["scores"].get(score) or {}).get("set_at", "")

    def change() -> list[Fact]:
        definition, points = context.definition("scores", score), number(value["points"])
        if value.get("max_per_day") is not None and not context.event.at < str(later):
            points = _within_day(decision, value, points, context)
        return sheets.add_score(decision.after, score, definition, points, context.event.at)

    return _recorded(decision, action, score, later, context, change)


def set_score(
    decision: Decision, action: str, value: Mapping[str, Any], context: ActionContext
) -> list[Fact]:
    """The score's value, unless something later is known."""
    score = value["score"]
    later = (decision.after["scores"].get(score) or {}).get("at", "")

    def change() -> list[Fact]:
        definition, points = context.definition("scores", score), number(value["value"])
        return sheets.set_score(decision.after, score, definition, points, context.event.at)

    return _recorded(decision, action, score, later, context, change)


def set_attribute(
    decision: Decision, action: str, value: Mapping[str, Any], context: ActionContext
) -> list[Fact]:
    """The attribute's value, unless something later is known."""
    name = value["attribute"]

    def change() -> list[Fact]:
        definition = context.definition("attributes", name)
        return sheets.set_attribute(
            decision.after, name, definition, value.get("value"), context.event.at, context.zone
        )

    return _recorded(decision, action, name, decision.after["attributes_at"].get(name, ""), context, change)


def choose(decision: Decision, action: str, value: Mapping[str, Any], context: ActionContext) -> list[Fact]:
    """The choice among those of the attribute, or no more, unless something later is known."""
    held = decision.after["attributes"].get(value["attribute"])
    kept = [choice for choice in held if choice != value["choice"]] if isinstance(held, list) else []
    added = [value["choice"]] if action == "add_choice" else []
    if added and isinstance(held, list) and value["choice"] in held:
        kept, added = held, []
    whole = {"attribute": value["attribute"], "value": kept + added or None}
    return set_attribute(decision, action, whole, context)


def set_topic(
    decision: Decision, action: str, topic: str, context: ActionContext, *, out: bool
) -> list[Fact]:
    """What the friend wants of a topic, unless they said something else later."""
    consent = (decision.after.get("topics") or {}).get(topic) or {}
    change = lambda: folds.consent(decision.after, topic, out=out, at=context.event.at, by=context.by)  # noqa: E731
    return _recorded(decision, action, topic, consent.get("at", ""), context, change)


def _recorded(
    decision: Decision,
    action: str,
    what: str,
    later: str,
    context: ActionContext,
    change: Callable[[], list[Fact]],
) -> list[Fact]:
    """Make a change. One that comes to nothing is recorded, with the reason where there is one.

    ``later``: when that was done which it may not undo.
    """
    recorded = len(decision.changes)
    if context.event.at < str(later):
        decision.changes.append({"type": "overtaken", "action": action, "what": what, "by": context.by})
    facts = change()
    if not facts and len(decision.changes) == recorded:
        decision.changes.append({"type": "unchanged", "action": action, "what": what, "by": context.by})
    return facts


def _within_day(decision: Decision, value: Mapping[str, Any], points: float, context: ActionContext) -> float:
    """The points that the day of the event still has room for; what was cut off is recorded."""
    if points <= 0:
        return points
    day = local_date(parse_iso(context.event.at), context.zone).isoformat()
    days = decision.after["limits"].get(context.rule, {}).get("points", {}).get(value["score"], {})
    used, forgotten = limit_states.used(days, day), limit_states.is_forgotten(days, day)
    allowed = 0.0 if forgotten else max(0.0, min(points, float(value["max_per_day"]) - used))
    if allowed != points:
        shortened: Change = {
            "type": "capped",
            "score": value["score"],
            "points": points,
            "added": allowed,
            "by": context.by,
        }
        if forgotten:
            shortened["why"] = Reason("day_forgotten", day=day).kept()
        decision.changes.append(shortened)
    if allowed:
        state = decision.after["limits"].setdefault(context.rule, {}).setdefault("points", {})
        state[value["score"]] = limit_states.with_used(days, day, used + allowed)
    return allowed
