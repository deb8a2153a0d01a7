"""The lines of questions: one for each that is put to a friend, answered or passed over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from chalicelib.reports.lines import Line
from chalicelib.shared.ids import digest

ASKED = "asked"
ANSWERED = "answered_question"
SKIPPED = "skipped_question"
KINDS = frozenset({ASKED, ANSWERED, SKIPPED})
On = Literal["chat", "web"]
Told = tuple[str, str, str]
"""The kind, the form and the question."""
_SAID = {"answered": ANSWERED, "agreed": ANSWERED, "answer_skipped": SKIPPED}
"""By the code of the reason that the timeline gives for a question."""


def in_chat(activity: Mapping[str, Any]) -> list[Told]:
    """What an event has answered and put of forms, by its rules and effects: as decided or as it stands."""
    if activity["type"] == "form_answered":
        return []  # by pages, which note it themselves
    return [*_said(activity.get("rules") or ()), *_put(activity.get("effects") or ())]


def _said(rules: Iterable[Mapping[str, Any]]) -> Iterator[Told]:
    for one in rules:
        part, _, rest = str(one["rule"]).partition(":")
        form, _, question = rest.partition(":")
        why = one.get("why")
        kind = _SAID.get(str(why[0] if isinstance(why, list) and why else why))
        if part == "form" and question and kind:
            yield kind, form, question


def _put(effects: Iterable[Mapping[str, Any]]) -> Iterator[Told]:
    for one in effects:
        if one.get("question"):  # only what puts one has it
            yield ASKED, str(one["form"]), str(one["question"])


def made(user: str, at: str, name: str, told: Sequence[Told], on: On) -> list[Line]:
    """The lines of what was told under a name, in its order; the same name makes the same lines."""
    return [
        Line(
            at, user, f"{n:02}{digest(name, *one)[:14]}", kind, {"form": form, "question": question, "on": on}
        )
        for n, one in enumerate(told)
        for kind, form, question in [one]
    ]
