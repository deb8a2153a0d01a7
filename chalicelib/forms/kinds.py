"""The table of question types: what each is in the chat, on a page, as a fact and in a report.

A type is an entry in a capability's ``question_types.py``; nothing else in the house asks which type a
question has. This module is the mechanism, and imports no type.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol
from zoneinfo import ZoneInfo

from chalicelib.events.matching import shown
from chalicelib.shared.reasons import Reason, Reasoned
from chalicelib.shared.tables import Table

if TYPE_CHECKING:
    from chalicelib.forms.model import Choice, Form, Question


@dataclass(frozen=True)
class Answer:
    """An answer, nothing (``skip``), one of several choices that are still being made (``choosing``), or what
    may mean this choice or that one (``ambiguous``).
    """

    kind: Literal["answer", "skip", "choosing", "ambiguous"]
    value: Any = None
    picked: tuple[Choice, ...] = ()


@dataclass(frozen=True)
class Asked:
    """A question as it waits in the chat; ``chosen``: what was tapped before, of one that takes several."""

    form: Form
    question: Question
    chosen: Collection[str]
    zone: ZoneInfo


class Tap(NamedTuple):
    """What a tap carries: its mark, and what LINE adds (of a date picker the date)."""

    mark: str
    params: Mapping[str, Any]


class Option(NamedTuple):
    """What can be chosen. ``value`` is what a page sends; ``image`` is beside it there."""

    value: str
    label: str
    image: str | None = None


class Unread(Reasoned, ValueError):
    """Why what a page sent is no answer."""


class Reader(Protocol):
    """How what a friend says becomes an answer. An empty answer never comes here."""

    def read_text(self, asked: Asked, text: str) -> Answer | None:
        """What is written in the chat; None: it fits nothing."""

    def read_tap(self, asked: Asked, tap: Tap) -> Answer | None:
        """What is tapped in the chat; None: it fits nothing."""

    def read_field(self, question: Question, given: Sequence[str], zone: ZoneInfo) -> Any:
        """What the fields of a page say, at least one, without spaces around. Raises Unread."""


def _no_options(_form: Form, _question: Question) -> list[Option]:
    return []


def _no_buttons(_form: Form, _question: Question, _chosen: Collection[str]) -> Iterable[dict[str, Any]]:
    return ()


def _never_done(_asked: Asked) -> Answer | None:
    return None


def _no_content(_asked: Asked, _props: Mapping[str, Any]) -> Answer | None:
    return None


def _as_value(_question: Question, value: Any) -> Reason:
    return Reason("answered", value=shown(value))


@dataclass(frozen=True)
class QuestionType:
    """What a type of question is.

    ``reader``: how what a friend says becomes an answer; ``done``: the answer when a friend who may choose
    several has chosen enough. Any question may be skipped that is not required; ``needed`` is what a page
    says of one that is.

    ``takes_files``: it is answered by a picture, video, sound or file; ``read_content`` says what one of the
    chat means, by the props of its message. Of a page the reader is given the id under which it is kept.

    ``options``: what there is to choose, the same in the chat, on a page and in reports; ``value_of``: what
    one of them is kept as. ``buttons``: LINE's actions for quick replies, without what is ``chosen``.
    ``field``: how a page asks. ``reported``: how the timeline says an answer.

    ``has_choices``: an author writes its choices; ``numbers``: those that it has of its own accord, by the
    question's document (``scale`` in it is theirs). ``fact``: the type of attribute that keeps an answer as
    it is; ``also_facts``: other types that can.
    """

    reader: Reader
    field: Literal["lines", "decimal", "date", "one", "scale", "tick", "several", "file"]
    fact: str
    also_facts: frozenset[str] = frozenset()
    options: Callable[[Form, Question], list[Option]] = _no_options
    buttons: Callable[[Form, Question, Collection[str]], Iterable[dict[str, Any]]] = _no_buttons
    value_of: Callable[[str], Any] = str
    done: Callable[[Asked], Answer | None] = _never_done
    reported: Callable[[Question, Any], Reason] = _as_value
    read_content: Callable[[Asked, Mapping[str, Any]], Answer | None] = _no_content
    takes_files: bool = False
    numbers: Callable[[Mapping[str, Any]], Sequence[str]] | None = None
    has_choices: bool = False
    needed: str = "field_needed"

    def condition(self, option: str) -> dict[str, Any]:
        """The condition ``form`` of whoever chose that option."""
        return {"in": [option]} if self.has_choices else {"eq": self.value_of(option)}


QUESTION_TYPES: Table[QuestionType] = Table("question_types", QuestionType)
