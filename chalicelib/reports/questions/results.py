"""The numbers of each question, in friends, out of lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.reports.numbers import Entry, Fold, Measurement, Part, Tally
from chalicelib.reports.periods import Span
from chalicelib.reports.questions.lines import ANSWERED, ASKED, KINDS, SKIPPED

NUMBERS = ("shown", "answered", "skipped", "left")
_NUMBER = {ASKED: "shown", ANSWERED: "answered", SKIPPED: "skipped"}
ON = ("chat", "web")
_AT = "@"


def asked(span: Span, form: str) -> Measurement:
    """What of the lines is needed of a form."""
    every = [*NUMBERS, *(f"{name}{_AT}{on}" for name in NUMBERS for on in ON)]
    return Measurement(fold(form), span.since, span.until, frozenset(every))


def fold(form: str) -> Fold:
    """A row for each question; in ``left`` whom it was put to last, and who has not said anything since."""

    def entries(part: Part) -> Iterator[Entry]:
        waiting: dict[tuple[str, str], str] = {}
        for line in part.lines(KINDS):
            props: Mapping[str, Any] = line.props
            if props["form"] != form:
                continue
            place = (line.user, props["on"])
            yield from _entries(props["question"], _NUMBER[line.kind], line.user, props["on"])
            if line.kind == ASKED:
                waiting[place] = props["question"]
            elif waiting.get(place) == props["question"]:
                del waiting[place]
        for (user, on), question in waiting.items():
            yield from _entries(question, "left", user, on)

    return entries


def _entries(question: str, number: str, user: str, on: str) -> Iterator[Entry]:
    yield Entry(question, number, (user,))
    yield Entry(question, f"{number}{_AT}{on}", (user,))


def items(found: Tally, questions: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A row for each question in the order of the form, then for those that it does not have any more."""
    gone = sorted(found.rows - questions.keys())
    return [_item(found, name, questions.get(name) or {}) for name in (*questions, *gone)]


def _item(found: Tally, name: str, question: Mapping[str, Any]) -> dict[str, Any]:
    row = {"row": name, "question": name, "text": question.get("text"), "type": question.get("type")}
    return row | numbers(found, name)


def numbers(found: Tally, row: str) -> dict[str, Any]:
    """The numbers of a row, in all, of the chat and of the web."""
    own = {name: found.of(row, name) for name in NUMBERS}
    return own | {on: {name: found.of(row, f"{name}{_AT}{on}") for name in NUMBERS} for on in ON}
