"""Judging an event again that has been counted already: on the friend as known now, as if it had not been
judged before. Pure.

What the event itself did is not done again; what it took of the rules' limits, and what it did to the form
that asks, is given back first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.actions.kinds import parts
from chalicelib.events.sheet import Sheet
from chalicelib.reaction.action_context import cause
from chalicelib.reaction.decide import copy
from chalicelib.reaction.model import Counted
from chalicelib.rules import limits
from chalicelib.rules.model import Program, Rule
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import local_date, parse_iso
from chalicelib.sheets import fact_lines, limit_states


def counted(activity: Mapping[str, Any]) -> Counted:
    """What an event did by itself then, as its activity shows."""
    ran = [trace for trace in activity["rules"] if trace["matched"]]
    answers = [trace for trace in ran if _is_question(trace["rule"])]
    rules = {cause(trace["rule"]) for trace in ran if trace not in answers}
    own = [change for change in activity["changes"] if change.get("by") not in rules]
    answered = answers[0] if answers else None
    return Counted(list(fact_lines.facts(own)), answered, activity.get("history"))


def give_back(sheet: Sheet, activity: Mapping[str, Any], program: Program) -> Sheet:
    """The sheet without what this event took of limits, turns and points per day, and did to forms."""
    after: Sheet = copy(sheet)
    rules = {rule.id: rule for of_event in program.rules.values() for rule in of_event}
    for trace in activity["rules"]:
        rule, state = rules.get(trace["rule"]), after["limits"].get(trace["rule"])
        if rule is None or not state:
            continue
        if rule.limit is not None:
            why = None if trace["matched"] else Reason.of(trace["why"])
            state = limits.give_back(rule.limit, state, activity["at"], program.zone, why)
        if trace["matched"]:
            state = _turned_back(rule, state, activity)
            state = _points_back(rule, state, activity, program)
        after["limits"][rule.id] = state
    _asked_back(after, activity)
    return after


def _asked_back(after: Sheet, activity: Mapping[str, Any]) -> None:
    """The question that the event answered is asked again, and forms that it began have not been begun.

    What else came of them (answers, attributes) stays as known now.
    """
    at, session = activity["at"], after.get("form_session") or {}
    begun = [e["form"] for e in activity["effects"] if e["action"] == "start_form" and "form" in e]
    answered = [
        trace["rule"] for trace in activity["rules"] if trace["matched"] and _is_question(trace["rule"])
    ]
    if (begun or answered) and session.get("at", "") >= at:
        after.pop("form_session", None)
    for form in begun:
        entry = after["forms"].get(form) or {}
        if "at" in entry:
            entry["at"] = min(entry["at"], at)
    for rule in answered[:1]:
        _, form, question = rule.split(":", 2)
        given = after["forms"].get(form, {}).get("answers", {}).get(question) or {}
        chosen = {"chosen": given["value"]} if isinstance(given.get("value"), list) else {}
        after["form_session"] = {"form": form, "question": question, "at": at, **chosen}


def _is_question(rule: str) -> bool:
    """Whether a trace is of a form's question (``form:<form>:<question>``), not of what follows the form."""
    return rule.startswith("form:") and rule.count(":") > 1


def _turned_back(rule: Rule, state: dict[str, Any], activity: Mapping[str, Any]) -> dict[str, Any]:
    """Replies and sends by turns: the one that was sent then is the next one."""
    turns = dict(state.get("turns") or {})
    for effect in activity["effects"]:
        index = str(effect.get("index"))
        if effect["rule"] != rule.id or index not in turns or int(index) >= len(rule.then):
            continue
        options = parts(rule.then[int(index)])[1]
        options = options.get("any_of") if isinstance(options, Mapping) else None
        sent = effect.get("message")
        turns[index] = (options.index(sent) if options and sent in options else int(turns[index])) - 1
    return {**state, "turns": turns} if turns else state


def _points_back(
    rule: Rule, state: dict[str, Any], activity: Mapping[str, Any], program: Program
) -> dict[str, Any]:
    """Points per day: what the actions took of the day. Points that came from a variable stay taken."""
    day = local_date(parse_iso(activity["at"]), program.zone).isoformat()
    points = {score: dict(days) for score, days in (state.get("points") or {}).items()}
    for name, value in map(parts, rule.then):
        if name != "add_score" or not isinstance(value["points"], int | float):
            continue
        if value.get("max_per_day") is not None and value["points"] > 0:
            _less(points, value["score"], day, value["points"])
    for change in activity["changes"]:
        if change["type"] == "capped" and change.get("by") == cause(rule.id):
            _less(points, change["score"], day, change["added"] - change["points"])
    return {**state, "points": points} if points else state


def _less(memories: dict[str, dict[str, Any]], score: str, day: str, points: float) -> None:
    memory = memories.get(score, {})
    if used := limit_states.used(memory, day):
        memories[score] = limit_states.with_used(memory, day, max(0.0, used - points))
