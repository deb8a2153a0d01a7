"""What the fields of a page say to a question. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.forms.kinds import QUESTION_TYPES, Unread
from chalicelib.forms.model import Question
from chalicelib.shared.reasons import Reason


def read(question: Question, values: Sequence[str], zone: ZoneInfo) -> tuple[Any, Reason | None]:
    """The answer, and what is wrong with it; None twice: nothing was answered, and need not be."""
    kind = QUESTION_TYPES[question.type]
    given = [value.strip() for value in values if value.strip()]
    if not given:
        return None, Reason(kind.needed) if question.required else None
    try:
        return kind.reader.read_field(question, given, zone), None
    except Unread as error:
        return None, error.reason
