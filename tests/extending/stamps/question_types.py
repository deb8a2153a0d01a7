"""How friends say how many stamps they wish for: by as many hearts."""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

from chalicelib.forms.kinds import Answer, Asked, QuestionType, Tap, Unread
from chalicelib.forms.model import Question
from chalicelib.shared.reasons import Reason


class _Hearts:
    def read_text(self, _asked: Asked, text: str) -> Answer | None:
        return Answer("answer", len(text)) if set(text) == {"♥"} else None

    def read_tap(self, _asked: Asked, _tap: Tap) -> Answer | None:
        return None

    def read_field(self, _question: Question, given: Sequence[str], _zone: ZoneInfo) -> int:
        if set(given[0]) != {"♥"}:
            raise Unread(Reason("field_unread"))
        return len(given[0])


QUESTION_TYPES: dict[str, QuestionType] = {
    "hearts": QuestionType(_Hearts(), field="lines", fact="number"),
}
