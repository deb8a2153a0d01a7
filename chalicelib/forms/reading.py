"""What a tap or a typed text says to a question. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from chalicelib.forms import ask, naming
from chalicelib.forms.model import Choice, Form, Question
from chalicelib.shared.text.folding import fold
from chalicelib.sheets.values import UnfitValue, fit

_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?\Z")


@dataclass(frozen=True)
class Answer:
    """An answer, nothing (``skip``), one of several choices that are still being made (``choosing``), or what
    may mean this choice or that one (``ambiguous``).
    """

    kind: Literal["answer", "skip", "choosing", "ambiguous"]
    value: Any = None
    picked: tuple[Choice, ...] = ()


def read_tap(
    question: Question,
    answer: str,
    params: Mapping[str, Any] | None,
    chosen: Collection[str],
    zone: ZoneInfo,
) -> Answer | None:
    """What a tap says; ``chosen`` are the values tapped before. None: nothing that fits the question."""
    if answer == ask.SKIP:
        return None if question.required or chosen else Answer("skip")
    if question.type == "consent":
        return Answer("answer", True) if answer == "true" else None
    if question.type == "boolean":
        return Answer("answer", answer == "true") if answer in {"true", "false"} else None
    if question.type == "date":
        return _fitted("date", (params or {}).get("date"), zone)
    several = question.type == "multi_choice"
    if answer == ask.DONE and several:
        return _choices(question, chosen)
    picked = next((choice for choice in question.choices if ask.mark_of(choice) == answer), None)
    if picked is None or not several:
        return _choices(question, [picked.value]) if picked else None
    made = {*chosen, picked.value}
    every = len(made) == len(question.choices)
    return _choices(question, made) if every else Answer("choosing", _in_order(question, made))


def names_a_choice(question: Question, text: str) -> bool:
    """Whether a text is one of the question's choices, letter by letter."""
    return any(text.strip() in {choice.label, choice.value} for choice in question.choices)


def read_text(
    form: Form, question: Question, text: str, chosen: Collection[str], zone: ZoneInfo
) -> Answer | None:
    """What a typed text says; width, case and kana do not count. None: nothing that fits the question.

    ``chosen`` are the values of a multi_choice tapped before: what is typed comes to them.
    """
    folded = fold(text)
    if not folded:
        return None
    if chosen and folded == fold(form.words["done"]):
        return _choices(question, chosen)
    if not question.required and not chosen and folded == fold(form.words["skip"]):
        return Answer("skip")
    if question.type == "consent":
        return Answer("answer", True) if folded == fold(form.words["agree"]) else None
    if question.type == "boolean":
        yes, no = ({fold(form.words["yes"]), "true", "yes"}, {fold(form.words["no"]), "false", "no"})
        return Answer("answer", folded in yes) if folded in yes | no else None
    if question.choices:
        named = (
            naming.several(question, text) if question.type == "multi_choice" else naming.one(question, text)
        )
        if named == naming.AMBIGUOUS:
            return Answer("ambiguous")
        return _choices(question, [*chosen, *named]) if named else None
    if question.type == "date":
        found = _DATE.match(unicodedata.normalize("NFKC", text).strip())
        text = f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}" if found else text
    return _fitted(question.type, text, zone)


def _in_order(question: Question, values: Collection[str]) -> list[str]:
    return [choice.value for choice in question.choices if choice.value in values]


def _choices(question: Question, values: Iterable[str]) -> Answer | None:
    wanted = set(values)
    picked = tuple(choice for choice in question.choices if choice.value in wanted)
    if not picked:
        return None
    made = [choice.value for choice in picked]
    if question.type == "multi_choice":
        return Answer("answer", made, picked)
    return Answer("answer", int(made[0]) if question.type == "rating" else made[0], picked)


def _fitted(kind: str, value: Any, zone: ZoneInfo) -> Answer | None:
    try:
        return Answer("answer", fit({"type": kind}, value, zone=zone))
    except UnfitValue:
        return None
