"""Which questions a friend with these answers is asked, in their order. Pure.

The form is walked as the chat walks it: each answer is kept as a fact and its choices change facts before the
condition of the next question is looked at. Nothing else follows from it here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.actions.kinds import kind_of, parts
from chalicelib.actions.model import Decision
from chalicelib.events.sheet import Sheet
from chalicelib.forms import flow, session
from chalicelib.forms.model import Form, Question
from chalicelib.reaction.action_context import DecisionContext
from chalicelib.reaction.apply import apply_action
from chalicelib.reaction.decide import copy
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso


def walk(
    sheet: Sheet, form: Form, answers: Mapping[str, Any], program: Program, now: datetime
) -> tuple[list[Question], Sheet]:
    """The questions, and the sheet as it would be then. ``answers``: by question, None: skipped."""
    after = copy(sheet)
    after.setdefault("forms", {})[form.id] = {}
    decision = Decision(before=sheet, after=after, history=None)
    event = FriendEvent(
        "walk", program.snapshot.account_id, sheet["user_id"], "form_answered", iso(now), key=form.id
    )
    found: list[Question] = []
    for question in form.questions:
        if question.condition is not None and not question.condition(after, now):
            continue
        found.append(question)
        if answers.get(question.id) is not None:
            _answer(decision, form, question, answers[question.id], event, program)
    return found, after


def _answer(
    decision: Decision, form: Form, question: Question, value: Any, event: FriendEvent, program: Program
) -> None:
    entry = decision.after["forms"][form.id].setdefault("answers", {})
    entry[question.id] = {"value": value, "at": event.at}
    turn = flow.given(form, question, value)
    context = DecisionContext(event, event, turn.rule, program, parse_iso(event.at))
    session.keep(decision, turn, context)
    for index, action in enumerate(turn.then):
        if kind_of(parts(action)[0]).changes_facts_alone:
            apply_action(decision, action, index, context)
