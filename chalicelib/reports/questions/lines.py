"""The lines of questions: one for each that is put to a friend, answered or passed over. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal

from chalicelib.events import answers
from chalicelib.reports.lines import SUBMITTED, Line
from chalicelib.shared.ids import digest

ASKED = "asked"
ANSWERED = "answered_question"
SKIPPED = "skipped_question"
KINDS = frozenset({ASKED, ANSWERED, SKIPPED})
On = Literal["chat", "web"]
QuestionEvent = tuple[str, str, str]
"""The kind, the form and the question."""
_KIND_BY_CODE = {**dict.fromkeys(answers.ANSWERED, ANSWERED), answers.SKIPPED: SKIPPED}
"""By the code of the reason that the timeline gives for a question."""
WHOLE = "form_answered"


def of_event(activity: Mapping[str, Any]) -> list[QuestionEvent]:
    """What an event has answered, put and ended of forms, by its rules, effects and changes: as decided or as
    it is. Of a form on the web pages note the questions themselves.
    """
    ended = [(SUBMITTED, str(one["form"]), "") for one in ends(activity)]
    if activity["type"] == WHOLE:
        return ended
    return [*_of_rules(activity.get("rules") or ()), *_of_effects(activity.get("effects") or ()), *ended]


def ends(activity: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What an event says of each form that it has ended: ``{form, answers, result?, points?}``."""
    changes = [activity] if activity["type"] == WHOLE else activity.get("changes") or ()
    return [one["props"] for one in changes if isinstance(one, Mapping) and one.get("type") == WHOLE]


def on_of(activity: Mapping[str, Any]) -> On:
    """Where forms are answered that an event ends: it is the answered form itself, or what was said."""
    return "web" if activity["type"] == WHOLE else "chat"


def _of_rules(rules: Iterable[Mapping[str, Any]]) -> Iterator[QuestionEvent]:
    for one in rules:
        part, _, rest = str(one["rule"]).partition(":")
        form, _, question = rest.partition(":")
        why = one.get("why")
        kind = _KIND_BY_CODE.get(str(why[0] if isinstance(why, list) and why else why))
        if part == "form" and question and kind:
            yield kind, form, question


def _of_effects(effects: Iterable[Mapping[str, Any]]) -> Iterator[QuestionEvent]:
    for one in effects:
        if one.get("question"):  # only what puts one has it
            yield ASKED, str(one["form"]), str(one["question"])


def made(user: str, at: str, name: str, events: Sequence[QuestionEvent], on: On) -> list[Line]:
    """The lines of events under a name, in their order; the same name makes the same lines."""
    return [
        Line(at, user, f"{n:02}{digest(name, *one)[:14]}", one[0], _props(one, on, name))
        for n, one in enumerate(events)
    ]


def _props(event: QuestionEvent, on: On, name: str) -> dict[str, Any]:
    kind, form, question = event
    more = {"event": name} if kind == SUBMITTED else {"question": question}
    return {"form": form, "on": on} | more
