"""The types of questions: words to tap, choices, and what friends write themselves. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.forms import ask, naming
from chalicelib.forms.kinds import Answer, Asked, Option, QuestionType, Tap, Unread
from chalicelib.forms.model import SCALE, Form, Question
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.folding import fold
from chalicelib.sheets.values import UnfitValue, fit

MOST_LETTERS = 1_000
"""What a page takes of an answer that friends write themselves."""
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?\Z")


@dataclass(frozen=True)
class _Word:
    """A word of the form that answers; ``means``: what typed texts mean the same."""

    name: str
    means: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Words:
    """One of the form's own words is the answer, by the value that each means."""

    words: Mapping[str, _Word]

    def options(self, form: Form, _question: Question) -> list[Option]:
        return [Option(value, form.words[word.name]) for value, word in self.words.items()]

    def buttons(self, form: Form, question: Question, _chosen: Collection[str]) -> Iterator[dict[str, Any]]:
        for value, label, _ in self.options(form, question):
            yield ask.button(form, question, value, label)

    def read_text(self, asked: Asked, text: str) -> Answer | None:
        folded = fold(text)
        for value, word in self.words.items():
            if folded in {fold(asked.form.words[word.name]), *word.means}:
                return Answer("answer", _flag(value))
        return None

    def read_tap(self, _asked: Asked, tap: Tap) -> Answer | None:
        return Answer("answer", _flag(tap.mark)) if tap.mark in self.words else None

    def read_field(self, _question: Question, given: Sequence[str], _zone: ZoneInfo) -> bool:
        if given[0] not in self.words:
            raise Unread(Reason("field_unread"))
        return _flag(given[0])


def _flag(value: str) -> bool:
    return value == "true"


@dataclass(frozen=True)
class _One:
    """One of the choices is the answer."""

    value_of: Callable[[str], Any] = str

    def read_text(self, asked: Asked, text: str) -> Answer | None:
        named = naming.one(asked.question, text)
        return Answer("ambiguous") if named == naming.AMBIGUOUS else self.answer(asked.question, named)

    def read_tap(self, asked: Asked, tap: Tap) -> Answer | None:
        return self.answer(asked.question, _tapped(asked.question, tap))

    def read_field(self, question: Question, given: Sequence[str], _zone: ZoneInfo) -> Any:
        made = _known(question, given)
        if len(made) != 1:
            raise Unread(Reason("field_unread"))
        return self.value_of(made[0])

    def answer(self, question: Question, values: Iterable[str]) -> Answer | None:
        wanted = set(values)
        picked = [choice for choice in question.choices if choice.value in wanted][:1]
        return Answer("answer", self.value_of(picked[0].value), tuple(picked)) if picked else None


class _Several:
    """Some of the choices are the answer; who taps makes them one after the other."""

    def read_text(self, asked: Asked, text: str) -> Answer | None:
        named = naming.several(asked.question, text)
        if named == naming.AMBIGUOUS:
            return Answer("ambiguous")
        return self.answer(asked.question, [*asked.chosen, *named]) if named else None

    def read_tap(self, asked: Asked, tap: Tap) -> Answer | None:
        picked = _tapped(asked.question, tap)
        made = {*asked.chosen, *picked}
        if not picked or len(made) == len(asked.question.choices):
            return self.answer(asked.question, made) if picked else None
        return Answer("choosing", [one.value for one in asked.question.choices if one.value in made])

    def done(self, asked: Asked) -> Answer | None:
        return self.answer(asked.question, asked.chosen)

    def read_field(self, question: Question, given: Sequence[str], _zone: ZoneInfo) -> list[str]:
        return _known(question, given)

    def answer(self, question: Question, values: Iterable[str]) -> Answer | None:
        wanted = set(values)
        picked = tuple(choice for choice in question.choices if choice.value in wanted)
        return Answer("answer", [choice.value for choice in picked], picked) if picked else None


def _tapped(question: Question, tap: Tap) -> list[str]:
    return [choice.value for choice in question.choices if ask.mark_of(choice) == tap.mark][:1]


def _known(question: Question, given: Sequence[str]) -> list[str]:
    known = [choice.value for choice in question.choices]
    if any(value not in known for value in given):
        raise Unread(Reason("field_gone"))
    return [value for value in known if value in given]


def _choices(_form: Form, question: Question) -> list[Option]:
    return [Option(one.value, one.label, one.image) for one in question.choices]


def _choice_buttons(form: Form, question: Question, chosen: Collection[str]) -> Iterator[dict[str, Any]]:
    for choice in question.choices:
        if choice.value not in chosen:
            yield ask.button(form, question, ask.mark_of(choice), choice.label)


@dataclass(frozen=True)
class _Written:
    """Friends write the answer themselves; it is read as an attribute of that type is."""

    type: str
    wrong: str = "field_unread"

    def read_text(self, asked: Asked, text: str) -> Answer | None:
        try:
            return Answer("answer", fit({"type": self.type}, text, zone=asked.zone))
        except UnfitValue:
            return None

    def read_tap(self, _asked: Asked, _tap: Tap) -> Answer | None:
        return None

    def read_field(self, _question: Question, given: Sequence[str], zone: ZoneInfo) -> Any:
        if len(given[0]) > MOST_LETTERS:
            raise Unread(Reason("field_long", most=MOST_LETTERS))
        try:
            return fit({"type": self.type}, given[0].replace("\r\n", "\n"), zone=zone)
        except UnfitValue as error:
            raise Unread(Reason(self.wrong)) from error


class _Date(_Written):
    """A date, picked or written as people write it."""

    def read_text(self, asked: Asked, text: str) -> Answer | None:
        found = _DATE.match(unicodedata.normalize("NFKC", text).strip())
        return super().read_text(asked, f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}" if found else text)

    def read_tap(self, asked: Asked, tap: Tap) -> Answer | None:
        return super().read_text(asked, str(tap.params.get("date") or ""))

    def buttons(self, form: Form, question: Question, _chosen: Collection[str]) -> Iterator[dict[str, Any]]:
        yield ask.date_picker(form, question)


class _File:
    """A picture, a video, a sound or a file is the answer: the id under which it is kept."""

    def read_text(self, _asked: Asked, _text: str) -> Answer | None:
        return None

    def read_tap(self, _asked: Asked, _tap: Tap) -> Answer | None:
        return None

    def read_content(self, asked: Asked, props: Mapping[str, Any]) -> Answer | None:
        return Answer("answer", props["message_id"]) if asked.question.takes(props["message_type"]) else None

    def read_field(self, _question: Question, given: Sequence[str], _zone: ZoneInfo) -> str:
        return given[0][:MOST_LETTERS]

    def buttons(self, form: Form, question: Question, _chosen: Collection[str]) -> Iterator[dict[str, Any]]:
        """LINE's own, where it can be a photo."""
        if question.takes("image"):
            yield ask.opener("cameraRoll", form.words["album"])
            yield ask.opener("camera", form.words["camera"])


def _sent(_question: Question, _value: Any) -> Reason:
    return Reason("answered_file")


def _agreed(question: Question, _value: Any) -> Reason:
    """What a friend has agreed to is the question's text, as it was."""
    return Reason("agreed", wording=question.text)


def _scale(question: Mapping[str, Any]) -> list[str]:
    return [str(n) for n in range(1, int(question.get("scale") or SCALE) + 1)]


_YES_NO = _Words(
    {"true": _Word("yes", frozenset({"true", "yes"})), "false": _Word("no", frozenset({"false", "no"}))}
)
_CONSENT = _Words({"true": _Word("agree")})
_TEXT, _NUMBER, _DAY = _Written("text"), _Written("number", "field_number"), _Date("date", "field_date")
_CHOICE, _RATING, _MULTI, _FILE = _One(), _One(int), _Several(), _File()

QUESTION_TYPES: dict[str, QuestionType] = {
    "text": QuestionType(
        _TEXT,
        field="lines",
        fact="text",
    ),
    "number": QuestionType(
        _NUMBER,
        field="decimal",
        fact="number",
        also_facts=frozenset({"text"}),
    ),
    "boolean": QuestionType(
        _YES_NO,
        field="one",
        fact="boolean",
        options=_YES_NO.options,
        buttons=_YES_NO.buttons,
        value_of=_flag,
    ),
    "date": QuestionType(
        _DAY,
        field="date",
        fact="date",
        also_facts=frozenset({"text"}),
        buttons=_DAY.buttons,
    ),
    "choice": QuestionType(
        _CHOICE,
        field="one",
        fact="choice",
        also_facts=frozenset({"multi_choice", "text"}),
        options=_choices,
        buttons=_choice_buttons,
        has_choices=True,
    ),
    "multi_choice": QuestionType(
        _MULTI,
        done=_MULTI.done,
        field="several",
        fact="multi_choice",
        options=_choices,
        buttons=_choice_buttons,
        has_choices=True,
    ),
    "rating": QuestionType(
        _RATING,
        field="scale",
        fact="number",
        also_facts=frozenset({"text"}),
        options=_choices,
        buttons=_choice_buttons,
        value_of=int,
        numbers=_scale,
    ),
    "consent": QuestionType(
        _CONSENT,
        field="tick",
        fact="boolean",
        options=_CONSENT.options,
        buttons=_CONSENT.buttons,
        value_of=_flag,
        reported=_agreed,
        needed="field_agree",
    ),
    "file": QuestionType(
        _FILE,
        field="file",
        fact="text",
        buttons=_FILE.buttons,
        reported=_sent,
        needed="field_file_needed",
        read_content=_FILE.read_content,
        takes_files=True,
    ),
}
