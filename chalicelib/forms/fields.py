"""What a field of a page says to a question. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.forms.model import Question
from chalicelib.shared.reasons import Reason
from chalicelib.sheets.values import UnfitValue, fit

MOST_LETTERS = 1_000


def read(question: Question, values: Sequence[str], zone: ZoneInfo) -> tuple[Any, Reason | None]:
    """The answer, and what is wrong with it; None twice: nothing was said, and need not be."""
    given = [value.strip() for value in values if value.strip()]
    if not given:
        needed = Reason("field_agree") if question.type == "consent" else Reason("field_needed")
        return None, needed if question.required else None
    if question.type == "consent":
        return (True, None) if given[0] == "true" else (None, Reason("field_unread"))
    if question.choices:
        return _chosen(question, given)
    if question.type == "boolean":
        return (given[0] == "true", None) if given[0] in {"true", "false"} else (None, Reason("field_unread"))
    if len(given[0]) > MOST_LETTERS:
        return None, Reason("field_long", most=MOST_LETTERS)
    return _fitted(question, given[0].replace("\r\n", "\n"), zone)


def _chosen(question: Question, given: Sequence[str]) -> tuple[Any, Reason | None]:
    known = [choice.value for choice in question.choices]
    if any(value not in known for value in given):
        return None, Reason("field_gone")
    made = [value for value in known if value in given]
    if question.type == "multi_choice":
        return made, None
    if len(made) != 1:
        return None, Reason("field_unread")
    return int(made[0]) if question.type == "rating" else made[0], None


def _fitted(question: Question, text: str, zone: ZoneInfo) -> tuple[Any, Reason | None]:
    try:
        return fit({"type": question.type}, text, zone=zone), None
    except UnfitValue:
        wrong = {"number": Reason("field_number"), "date": Reason("field_date")}
        return None, wrong.get(question.type, Reason("field_unread"))
