"""A form ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.conditions import language
from chalicelib.conditions.model import Context, Predicate
from chalicelib.shared.text.folding import fold
from chalicelib.shared.times import parse_duration

WORDS: Mapping[str, str] = {
    "yes": "はい",
    "no": "いいえ",
    "skip": "スキップ",
    "done": "以上",
    "pick": "日付を選ぶ",
    "again": "すみません、もう一度お答えください。",
    "cancelled": "回答を中止しました。",
    "thanks": "ご回答ありがとうございました。",
}
"""What a form says and shows of its own accord, unless its author has other words."""
CANCEL = ("キャンセル", "やめる", "中止")
EXPIRES = "1d"


@dataclass(frozen=True)
class Choice:
    """One answer to choose, and the actions that it means."""

    value: str
    label: str
    then: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Question:
    """One question. ``definition`` is that of the attribute which keeps the answer as a fact."""

    id: str
    text: str
    type: str = "text"
    required: bool = False
    choices: tuple[Choice, ...] = ()
    attribute: str | None = None
    definition: Mapping[str, Any] | None = None
    condition: Predicate | None = None


@dataclass(frozen=True)
class Form:
    """A form: its questions in their order, and what is done when the last one is answered. ``web``: friends
    may open it on the web; ``once``: there, whoever has answered it does not so again.
    """

    id: str
    questions: tuple[Question, ...]
    then: tuple[Mapping[str, Any], ...]
    expires: timedelta
    cancel: frozenset[str]
    words: Mapping[str, str]
    category: str
    name: str = ""
    web: bool = False
    once: bool = False

    @property
    def rule(self) -> str:
        """How the timeline names the form as a cause."""
        return f"form:{self.id}"

    def find(self, question: str) -> Question | None:
        """The question of that id."""
        return next((one for one in self.questions if one.id == question), None)


def read_form(id_: str, body: Mapping[str, Any], context: Context | None) -> Form:
    """A form document, ready. Without a context its conditions and attributes are left out."""
    return Form(
        id=id_,
        questions=tuple(_question(one, context) for one in body.get("questions") or ()),
        then=tuple(body.get("then") or ()),
        expires=parse_duration(body.get("expires", EXPIRES)),
        cancel=frozenset(map(fold, body.get("cancel", CANCEL))),
        words={**WORDS, **(body.get("words") or {})},
        category=body.get("category", "marketing"),
        name=str(body.get("name") or id_),
        web=body.get("web", False),
        once=body.get("answers") == "once",
    )


def _question(body: Mapping[str, Any], context: Context | None) -> Question:
    attribute, condition = body.get("attribute"), body.get("if")
    known = context.snapshot.find("attributes", attribute) if context and attribute else None
    return Question(
        id=body["id"],
        text=body["text"],
        type=body.get("type", "text"),
        required=body.get("required", False),
        choices=tuple(
            Choice(one["value"], one.get("label") or one["value"], tuple(one.get("then") or ()))
            for one in body.get("choices") or ()
        ),
        attribute=attribute,
        definition=known.body if known else None,
        condition=language.compile(condition, context) if context and condition is not None else None,
    )
