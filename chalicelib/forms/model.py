"""A form ready to be asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from chalicelib.conditions import language
from chalicelib.conditions.model import Context, Predicate
from chalicelib.events.contents import KINDS, ContentKind
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.shared.text.folding import fold
from chalicelib.shared.times import parse_duration

WORDS: Mapping[str, str] = {
    "yes": "はい",
    "no": "いいえ",
    "skip": "スキップ",
    "done": "以上",
    "pick": "日付を選ぶ",
    "agree": "同意する",
    "album": "写真を選ぶ",
    "camera": "カメラで撮る",
    "again": "すみません、もう一度お答えください。",
    "cancelled": "回答を中止しました。",
    "thanks": "ご回答ありがとうございました。",
}
"""What a form says and shows of its own accord, unless its author has other words."""
CANCEL = ("キャンセル", "やめる", "中止")
EXPIRES = "1d"
SCALE = 5
"""Up to which number a rating goes unless its author says otherwise."""


@dataclass(frozen=True)
class Choice:
    """One answer to choose, and the actions that it means. ``points``: what it counts, or for which results;
    ``image``: what a page shows beside it.
    """

    value: str
    label: str
    then: tuple[Mapping[str, Any], ...] = ()
    points: float | Mapping[str, float] | None = None
    image: str | None = None


@dataclass(frozen=True)
class Result:
    """What a form comes to, and the actions that it means."""

    id: str
    title: str
    text: str
    image: str | None = None
    condition: Predicate | None = None
    low: float | None = None
    high: float | None = None
    then: tuple[Mapping[str, Any], ...] = ()

    @property
    def says_itself(self) -> bool:
        """Whether its actions say something, so that its title and text need not be sent."""
        return any(action.keys() & {"reply", "send"} for action in self.then)

    def spans(self, points: float) -> bool:
        """Whether so many points are its."""
        return (self.low is None or self.low <= points) and (self.high is None or points <= self.high)


@dataclass(frozen=True)
class Question:
    """One question. ``definition`` is that of the attribute which keeps the answer as a fact; ``accept``:
    what one that takes files may be answered with.
    """

    id: str
    text: str
    type: str = "text"
    required: bool = False
    choices: tuple[Choice, ...] = ()
    attribute: str | None = None
    definition: Mapping[str, Any] | None = None
    condition: Predicate | None = None
    accept: tuple[ContentKind, ...] = KINDS

    def takes(self, kind: str) -> bool:
        """Whether a content of this kind fits; where files do, whatever can be saved as one does."""
        return kind in self.accept or "file" in self.accept


@dataclass(frozen=True)
class Form:
    """A form: its questions in their order, and what is done when the last one is answered. ``web``: friends
    may open it on the web; ``once``: there, whoever has answered it does not so again; ``says_results``: what
    it comes to there is sent to the chat too.
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
    says_results: bool = True
    results: tuple[Result, ...] = ()

    @property
    def rule(self) -> str:
        """How the timeline names the form as a cause."""
        return f"form:{self.id}"

    def rule_of(self, result: Result) -> str:
        """How the timeline names one of its results as a cause; no question is called so."""
        return f"form:{self.id}:result.{result.id}"

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
        says_results=body.get("say_results", True),
        results=tuple(_result(one, context) for one in body.get("results") or ()),
    )


def _question(body: Mapping[str, Any], context: Context | None) -> Question:
    attribute = body.get("attribute")
    known = context.snapshot.find("attributes", attribute) if context and attribute else None
    return Question(
        id=body["id"],
        text=body["text"],
        type=body.get("type", "text"),
        required=body.get("required", False),
        choices=tuple(
            Choice(
                one["value"],
                one.get("label") or one["value"],
                tuple(one.get("then") or ()),
                one.get("points"),
                one.get("image"),
            )
            for one in _choices(body)
        ),
        attribute=attribute,
        definition=known.body if known else None,
        condition=_condition(body, context),
        accept=tuple(body.get("accept") or KINDS),
    )


def _result(body: Mapping[str, Any], context: Context | None) -> Result:
    return Result(
        id=body["id"],
        title=body["title"],
        text=body["text"],
        image=body.get("image"),
        condition=_condition(body, context),
        low=body.get("from"),
        high=body.get("to"),
        then=tuple(body.get("then") or ()),
    )


def _choices(body: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    """The choices of a question, its author's or its type's own."""
    numbers = QUESTION_TYPES[body.get("type", "text")].numbers
    return [{"value": one} for one in numbers(body)] if numbers else body.get("choices") or ()


def _condition(body: Mapping[str, Any], context: Context | None) -> Predicate | None:
    condition = body.get("if")
    return language.compile(condition, context) if context and condition is not None else None
