"""A question as a page shows it: its words for this friend, and what was answered before. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import Form, Question
from chalicelib.messages import render
from chalicelib.rules.model import Program
from chalicelib.webforms import files

_VARIABLE = re.compile(r"\{\{.*?\}\}", re.DOTALL)


def text(words: str, sheet: Sheet, program: Program, now: datetime) -> str:
    """Words with their variables filled in; what a friend has no value for is left out."""
    body = {"messages": [{"type": "text", "text": words}]}
    try:
        return str(render.render(body, sheet, program.snapshot, now, zone=program.zone)[0]["text"])
    except render.Unrenderable:
        return _VARIABLE.sub("", words).strip()


def as_fields(value: Any) -> list[str]:
    """An answer as its fields hold it."""
    if value is None:
        return []
    if isinstance(value, bool):
        return ["true" if value else "false"]
    if isinstance(value, float) and value.is_integer():
        return [str(int(value))]
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def shown(
    form: Form, question: Question, words: str, given: list[str], wrong: str, kept: str = ""
) -> Mapping[str, Any]:
    """All that the page of a question says; ``kept``: what the file is called that answers it by now."""
    kind = QUESTION_TYPES[question.type]
    return {
        "id": question.id,
        "field": kind.field,
        "text": words,
        "required": question.required,
        "options": [one._asdict() for one in kind.options(form, question)],
        "given": given,
        "wrong": wrong,
        "file": files.field(question, kept) if kind.takes_files else None,
    }
