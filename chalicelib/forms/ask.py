"""A question as LINE shows it: a text, and the answers to tap as quick replies, or as pictures. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode

from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import Choice, Form, Question, Result
from chalicelib.messages.text import shorten
from chalicelib.shared.ids import digest

MAX_TAPS = 13
"""Quick replies that LINE shows with one message."""
MAX_LABEL, MAX_CAPTION = 20, 12
MAX_PICTURES = 10
"""Columns of an image carousel; the labels below them are shorter than those of quick replies."""
MAX_ALT = 400
SKIP, DONE = "skip", "done"
MARK = "todoku-form"
"""How the data of these taps begins; nobody else's should."""


def messages(
    form: Form,
    question: Question,
    *,
    chosen: Collection[str] = (),
    again: bool = False,
    numbered: bool = False,
) -> list[dict[str, Any]]:
    """The message objects of a question, with variables still in them.

    ``chosen``: what has been tapped so far of a multi_choice. ``again``: the last answer did not fit;
    ``numbered``: it might have meant several of the choices, so that each gets a number to answer with.
    """
    text = f"{form.words['again']}\n{question.text}" if again else question.text
    if chosen:
        text += "\n✓ " + "、".join(c.label for c in question.choices if c.value in chosen)
    taps = list(QUESTION_TYPES[question.type].buttons(form, question, chosen))
    beside = list(_beside(form, question, chosen))
    pictures = [] if numbered else list(_pictures(form, question, chosen))
    if pictures:
        columns = {"type": "image_carousel", "columns": pictures}
        carousel = {"type": "template", "altText": _named(question), "template": columns}
        return [{"type": "text", "text": text}, carousel | _quick_replies(beside)]
    too_many = len(taps) + len(beside) > MAX_TAPS
    if too_many or numbered:
        text = "\n".join([text, *(f"{n}. {choice.label}" for n, choice in enumerate(question.choices, 1))])
    if too_many:
        taps = []
    return [{"type": "text", "text": text} | _quick_replies([*taps, *beside])]


def _quick_replies(taps: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"quickReply": {"items": [{"type": "action", "action": tap} for tap in taps]}} if taps else {}


def _pictures(form: Form, question: Question, chosen: Collection[str]) -> Iterator[dict[str, Any]]:
    """The choices as pictures to tap, where each of them has one and there are not too many."""
    left = [one for one in question.choices if one.value not in chosen]
    if len(left) <= MAX_PICTURES and all(one.image for one in left):
        for one in left:
            tap = button(form, question, mark_of(one), one.label)
            yield {"imageUrl": one.image, "action": tap | {"label": shorten(one.label, MAX_CAPTION)}}


def _named(question: Question) -> str:
    """What replaces pictures where none are shown."""
    return shorten(" / ".join(choice.label for choice in question.choices), MAX_ALT)


def of_result(result: Result) -> list[dict[str, Any]]:
    """The message objects of what a form has come to: its picture, its title and text."""
    text = {"type": "text", "text": f"{result.title}\n\n{result.text}"}
    if result.image is None:
        return [text]
    urls = {"originalContentUrl": result.image, "previewImageUrl": result.image}
    return [{"type": "image", **urls}, text]


def tapped(data: str) -> tuple[str, str, str] | None:
    """``(form, question, answer)`` of a tap on one of these quick replies; None: a tap on something else."""
    if not data.startswith(f"{MARK}="):
        return None
    given = dict(parse_qsl(data, keep_blank_values=True))
    if given.keys() != {MARK, "question", "choice"}:
        return None
    return given[MARK], given["question"], given["choice"]


def mark_of(choice: Choice) -> str:
    """What a tap on a choice carries: the same as long as the choice has its value, wherever it is."""
    return digest(choice.value)[:12]


def button(form: Form, question: Question, mark: str, label: str) -> dict[str, Any]:
    """A quick reply that answers with a mark, and shows its label as what the friend says."""
    return {
        "type": "postback",
        "label": shorten(label, MAX_LABEL),
        "data": _data(form, question, mark),
        "displayText": label,
    }


def opener(kind: str, label: str) -> dict[str, Any]:
    """A quick reply that opens the friend's ``camera`` or ``cameraRoll``."""
    return {"type": kind, "label": shorten(label, MAX_LABEL)}


def date_picker(form: Form, question: Question) -> dict[str, Any]:
    """A quick reply by which LINE asks for a date."""
    label = shorten(form.words["pick"], MAX_LABEL)
    return {"type": "datetimepicker", "label": label, "data": _data(form, question, "date"), "mode": "date"}


def _beside(form: Form, question: Question, chosen: Collection[str]) -> Iterator[dict[str, Any]]:
    """What else may be tapped: enough has been chosen, or no answer is to be given."""
    if chosen:
        yield button(form, question, DONE, form.words["done"])
    elif not question.required:
        yield button(form, question, SKIP, form.words["skip"])


def _data(form: Form, question: Question, mark: str) -> str:
    return urlencode({MARK: form.id, "question": question.id, "choice": mark})
