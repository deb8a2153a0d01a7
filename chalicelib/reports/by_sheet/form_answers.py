"""What friends have answered to a form: how many gave each answer, and whom each result has. As it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.forms import results
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import Form, Question, read_form
from chalicelib.reports.by_sheet.counts import Counted, Counts, Params, SheetReport


def _needs(params: Params, context: Context) -> frozenset[str]:
    body = context.snapshot.get("forms", params["form"]).body
    conditions = [one["if"] for one in body.get("results") or () if one.get("if") is not None]
    asked = (language.needs(one, context.snapshot) for one in conditions)
    return frozenset({"forms"}).union(*asked)


def _counter(params: Params, context: Context, now: datetime) -> Callable[[Sheet], Counted]:
    form = read_form(params["form"], context.snapshot.get("forms", params["form"]).body, context)

    def counted(sheet: Sheet) -> Iterator[tuple[str, int]]:
        state = (sheet.get("forms") or {}).get(form.id) or {}
        answers = {id_: entry["value"] for id_, entry in (state.get("answers") or {}).items()}
        if state.get("at"):
            yield "answered", 1
            outcome = results.of(form, answers, sheet, now).get("result")
            yield from [(f"result.{outcome}", 1)] if outcome else []
        if answers or state.get("at"):
            yield "begun", 1
        for question in form.questions:
            yield from ((name, 1) for name in _names(form, question, answers.get(question.id)))

    return counted


def _names(form: Form, question: Question, value: Any) -> Iterator[str]:
    """Under which names an answer is counted: its question's, and of what is chosen each choice's."""
    if value is None:
        return
    yield f"question.{question.id}"
    values = value if isinstance(value, list) else [value]
    known = {one.value for one in QUESTION_TYPES[question.type].options(form, question)}
    yield from (f"answer.{question.id}.{one}" for one in dict.fromkeys(map(_text, values)) if one in known)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


REPORT = SheetReport(_needs, _counter)


def items(found: Counts, form: Form) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each question, and each answer that can be chosen; then for each result."""
    rows = [row for question in form.questions for row in _rows(found, form, question)]
    ends = [
        {"row": result.title, "kind": "result", "id": result.id, "friends": found[f"result.{result.id}"]}
        for result in form.results
    ]
    return [*rows, *ends], {"begun": found["begun"], "answered": found["answered"]}


def _rows(found: Counts, form: Form, question: Question) -> Iterator[dict[str, Any]]:
    of = {"id": question.id, "type": question.type, "question": question.text}
    yield {"row": question.text, "kind": "question", **of, "friends": found[f"question.{question.id}"]}
    kind = QUESTION_TYPES[question.type]
    for value, label, _ in kind.options(form, question):
        n = found[f"answer.{question.id}.{value}"]
        answer = {"kind": "answer", **of, "value": value, "friends": n}
        meant = {"id": form.id, "question": question.id, **kind.condition(value)}
        yield {"row": label, **answer, "condition": {"form": meant}}
