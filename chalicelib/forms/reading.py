"""What a tap or a typed text says to a question. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from zoneinfo import ZoneInfo

from chalicelib.forms import ask
from chalicelib.forms.model import Choice, Form, Question
from chalicelib.friends.values import UnfitValue, fit
from chalicelib.segments.matching import fold

_SEVERAL = re.compile(r"[、,，/／|\s]+")
_DATE = re.compile(r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?\Z")


@dataclass(frozen=True)
class Said:
    """An answer, nothing (``skip``), or one of several choices that are still being made (``choosing``)."""

    kind: Literal["answer", "skip", "choosing"]
    value: Any = None
    picked: tuple[Choice, ...] = ()


def read_tap(
    question: Question,
    answer: str,
    params: Mapping[str, Any] | None,
    chosen: Collection[str],
    zone: ZoneInfo,
) -> Said | None:
    """What a tap says; ``chosen`` are the values tapped before. None: nothing that fits the question."""
    if answer == ask.SKIP:
        return None if question.required else Said("skip")
    if question.type == "boolean":
        return Said("answer", answer == "true") if answer in {"true", "false"} else None
    if question.type == "date":
        return _fitted("date", (params or {}).get("date"), zone)
    several = question.type == "multi_choice"
    if answer == ask.DONE and several:
        return _choices(question, chosen)
    if not answer.isdecimal() or int(answer[:6]) >= len(question.choices):
        return None
    picked = question.choices[int(answer[:6])]
    if not several:
        return _choices(question, [picked.value])
    made = {*chosen, picked.value}
    every = len(made) == len(question.choices)
    return _choices(question, made) if every else Said("choosing", [*chosen, picked.value])


def read_text(form: Form, question: Question, text: str, zone: ZoneInfo) -> Said | None:
    """What a typed text says; width, case and kana do not count. None: nothing that fits the question."""
    said = fold(text)
    if not question.required and said == fold(form.words["skip"]):
        return Said("skip")
    if question.type == "boolean":
        yes, no = ({fold(form.words["yes"]), "true", "yes"}, {fold(form.words["no"]), "false", "no"})
        return Said("answer", said in yes) if said in yes | no else None
    if question.choices:
        return _choices(question, _named(question, said))
    if question.type == "date":
        found = _DATE.match(unicodedata.normalize("NFKC", text).strip())
        text = f"{found[1]}-{found[2]:0>2}-{found[3]:0>2}" if found else text
    return _fitted(question.type, text, zone)


def _named(question: Question, said: str) -> list[str]:
    """The values of the choices that a text names; empty when any part of it names none."""
    whole = _pick(question, said)
    if whole or question.type == "choice":
        return [whole.value] if whole else []
    parts = [_pick(question, part) for part in _SEVERAL.split(said) if part]
    return [part.value for part in parts if part] if all(parts) else []


def _pick(question: Question, said: str) -> Choice | None:
    """A choice by its label, its value or, unless a choice is named like that, its number."""
    for choice in question.choices:
        if said in {fold(choice.label), fold(choice.value)}:
            return choice
    number = int(said[:6]) if said.isdecimal() else 0
    return question.choices[number - 1] if 0 < number <= len(question.choices) else None


def _choices(question: Question, values: Iterable[str]) -> Said | None:
    wanted = set(values)
    picked = tuple(choice for choice in question.choices if choice.value in wanted)
    if not picked:
        return None
    made = [choice.value for choice in picked]
    return Said("answer", made if question.type == "multi_choice" else made[0], picked)


def _fitted(kind: str, value: Any, zone: ZoneInfo) -> Said | None:
    try:
        return Said("answer", fit({"type": kind}, value, zone=zone))
    except UnfitValue:
        return None
