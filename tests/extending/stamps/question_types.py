"""How friends say how many stamps they wish for: by as many hearts."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from chalicelib.forms.kinds import Answer, Asked, QuestionType, Tap, Unread
from chalicelib.forms.model import Question
from chalicelib.shared.reasons import Reason


def _typed(_asked: Asked, text: str) -> Answer | None:
    return Answer("answer", len(text)) if set(text) == {"♥"} else None


def _tapped(_asked: Asked, _tap: Tap) -> Answer | None:
    return None


def _sent(_question: Question, values: Sequence[str], _zone: ZoneInfo) -> int:
    if set(values[0]) != {"♥"}:
        raise Unread(Reason("field_unread"))
    return len(values[0])


QUESTION_TYPES: dict[str, QuestionType] = {
    "hearts": QuestionType(_typed, _tapped, _sent, field="lines", fact="number"),
}
