"""What friends have answered to a form: how many gave each answer, and whom each result has. As it is now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.forms import results
from chalicelib.forms.model import Form, Question, read_form
from chalicelib.reports.by_sheet.counts import Counted, Counts, Params, SheetReport
from chalicelib.sheets.model import Sheet

_YES_NO = ("true", "false")
_WORDS = {"boolean": ("yes", "no"), "consent": ("agree",)}


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
            yield from ((name, 1) for name in _names(question, answers.get(question.id)))

    return counted


def _names(question: Question, value: Any) -> Iterator[str]:
    """Under which names an answer is counted: its question's, and of what is chosen each choice's."""
    if value is None:
        return
    yield f"question.{question.id}"
    said = value if isinstance(value, list) else [value]
    known = {given for given, _ in _options(question, {})}
    yield from (f"answer.{question.id}.{one}" for one in dict.fromkeys(map(_text, said)) if one in known)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)


def _options(question: Question, words: Mapping[str, str]) -> list[tuple[str, str]]:
    """What can be chosen, as value and label; nothing where friends write themselves."""
    if question.type in _WORDS:
        named = zip(_YES_NO, _WORDS[question.type], strict=False)
        return [(value, words.get(word, value)) for value, word in named]
    return [(choice.value, choice.label) for choice in question.choices]


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
    for value, label in _options(question, form.words):
        n = found[f"answer.{question.id}.{value}"]
        answer = {"kind": "answer", **of, "value": value, "friends": n}
        yield {"row": label, **answer, "condition": {"form": _meant(form, question, value)}}


def _meant(form: Form, question: Question, value: str) -> dict[str, Any]:
    """The condition of whoever gave an answer."""
    asked = {"id": form.id, "question": question.id}
    if question.type in _WORDS:
        return asked | {"eq": value == "true"}
    return asked | ({"eq": int(value)} if question.type == "rating" else {"in": [value]})
