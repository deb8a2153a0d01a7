"""Where a friend is in a form, and what an event means to it. Pure: changes the given sheet in place.

``form_session`` on the sheet is the question that waits for an answer: ``{"form", "question", "at", "since"?,
"tries"?, "chosen"?, "held"?, "sent_at"?}``. ``at`` is when it was put last, ``since`` when first; one that
goes by push is ``held`` until LINE has taken it, at ``sent_at``. One form asks at a time. Everything goes by
the events' own times: what was sent before the question is no answer to it, whenever it arrives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from chalicelib.events.contents import is_kept_by_line
from chalicelib.events.sheet import Sheet
from chalicelib.forms import ask
from chalicelib.forms.kinds import QUESTION_TYPES, Answer, Asked, Tap
from chalicelib.forms.model import Choice, Form, Question
from chalicelib.forms.reading import names_a_choice, read_tap, read_text
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.folding import fold
from chalicelib.shared.times import parse_iso

MAX_TRIES = 2
"""How often a question is put again when the answer does not fit; then the rules look at the text."""


@dataclass(frozen=True)
class Turn:
    """What an event meant to a form; ``picked`` are the choices that were made."""

    form: str
    question: str
    outcome: Literal["answered", "skipped", "choosing", "unfit", "ambiguous", "cancelled", "stale"]
    why: Reason
    value: Any = None
    picked: tuple[Choice, ...] = ()

    @property
    def then(self) -> list[Mapping[str, Any]]:
        """What the choices that were made mean."""
        return [action for choice in self.picked for action in choice.then]

    @property
    def rule(self) -> str:
        """How the timeline names the question as a cause."""
        return f"form:{self.form}:{self.question}"


def given(form: Form, question: Question, value: Any) -> Turn:
    """What an answer means that was given on a page: as if it had been given in the chat."""
    values = [str(one) for one in (value if isinstance(value, list) else [value])]
    picked = tuple(choice for choice in question.choices if choice.value in values)
    return Turn(form.id, question.id, "answered", _answer_reason(question, value), value, picked)


def _answer_reason(question: Question, value: Any) -> Reason:
    """An answer as the timeline shows it."""
    return QUESTION_TYPES[question.type].reported(question, value)


def all_given(form: Form, answers: Mapping[str, Any]) -> list[Turn]:
    """What answers mean that were given on a page, in the order of the questions."""
    return [given(form, one, answers[one.id]) for one in form.questions if answers.get(one.id) is not None]


def overtaken(sheet: Sheet, form: str, at: str) -> bool:
    """Whether a form must not begin as of ``at``, because something later is stored."""
    finished = str(((sheet.get("forms") or {}).get(form) or {}).get("at") or "")
    return at < max(finished, str((sheet.get("form_session") or {}).get("at") or ""))


def proceed(sheet: Sheet, form: Form, after: str | None, at: str, now: datetime) -> Question | None:
    """The next question after that one (None: the first) that is for this friend; it is waited for now.

    Earlier answers to questions that are passed over are dropped. None: nothing is left to ask.
    """
    order = [question.id for question in form.questions]
    answers = _answers(sheet, form.id)
    for question in form.questions[order.index(after) + 1 if after in order else 0 :]:
        if question.condition is None or question.condition(sheet, now):
            sheet["form_session"] = {"form": form.id, "question": question.id, "at": at}
            return question
        answers.pop(question.id, None)
    sheet.pop("form_session", None)
    return None


def answers_of(sheet: Sheet, form: Form) -> dict[str, Any]:
    """The friend's answers, in the order of the questions."""
    answers = _answers(sheet, form.id)
    return {one.id: answers[one.id]["value"] for one in form.questions if one.id in answers}


def drop_if_gone(sheet: Sheet, forms: Mapping[str, Form]) -> tuple[str, str] | None:
    """Wait no longer for an answer to a question that was deleted; returns its form and which it was."""
    session = sheet.get("form_session")
    form = forms.get(session["form"]) if session else None
    if session is None or (form is not None and form.find(session["question"]) is not None):
        return None
    del sheet["form_session"]
    return session["form"], session["question"]


def _is_not_claimed(_fits: bool) -> bool:
    return False


def take(
    sheet: Sheet,
    event: FriendEvent,
    forms: Mapping[str, Form],
    zone: ZoneInfo,
    is_claimed: Callable[[bool], bool] = _is_not_claimed,
) -> Turn | None:
    """What the event means to the form that asks; None: it is no answer, and the rules look at it.

    ``is_claimed`` is asked about a text, with whether it fits the question: is it clearly something else?
    """
    session: dict[str, Any] = sheet.get("form_session") or {}
    form = forms.get(session.get("form", ""))
    question = form.find(session["question"]) if form else None
    if event.type == "postback":
        tap = ask.tapped(str(event.props.get("data") or ""))
        return _take_tap(sheet, event, tap, form, question, zone) if tap and tap[0] in forms else None
    if event.type != "messaged" or form is None or question is None:
        return None
    waited = parse_iso(event.at) - parse_iso(session.get("sent_at") or session["at"])
    if session.get("held") or not 0 <= waited.total_seconds() < form.expires.total_seconds():
        return None
    asked, text = Asked(form, question, session.get("chosen") or (), zone), event.props.get("text")
    kind = QUESTION_TYPES[question.type]
    if kind.takes_files and is_kept_by_line(event.props):
        return _fold(sheet, form, question, event.at, kind.read_content(asked, event.props))
    if not isinstance(text, str):
        return None
    answer = read_text(asked, text)
    leaves = fold(text) in form.cancel and not names_a_choice(question, text)
    if is_claimed(leaves or (answer is not None and answer.kind != "ambiguous")):
        return None
    if leaves:
        del sheet["form_session"]
        return Turn(form.id, question.id, "cancelled", Reason("cancelled_by_friend"))
    return _fold(sheet, form, question, event.at, answer)


def _take_tap(
    sheet: Sheet,
    event: FriendEvent,
    tap: tuple[str, str, str],
    form: Form | None,
    question: Question | None,
    zone: ZoneInfo,
) -> Turn | None:
    session: dict[str, Any] = sheet.get("form_session") or {}
    if form is None or question is None or tap[:2] != (form.id, question.id):
        return Turn(tap[0], tap[1], "stale", Reason("question_not_asked"))
    if event.at < (session.get("since") or session["at"]):
        return Turn(tap[0], tap[1], "stale", Reason("tapped_too_early"))
    asked = Asked(form, question, session.get("chosen") or (), zone)
    answer = read_tap(asked, Tap(tap[2], event.props.get("params") or {}))
    return _fold(sheet, form, question, event.at, answer)


def _fold(sheet: Sheet, form: Form, question: Question, at: str, answer: Answer | None) -> Turn | None:
    """Fold the text into the sheet. None: it fits nothing, once too often."""
    session = sheet["form_session"]
    if answer is None or answer.kind == "ambiguous":
        tries = int(session.get("tries") or 0) + 1
        if tries > MAX_TRIES:
            return None
        sheet["form_session"] = _again(session, at) | {"tries": tries}
        if answer is not None:
            return Turn(form.id, question.id, "ambiguous", Reason("answer_ambiguous"))
        return Turn(form.id, question.id, "unfit", Reason("answer_unfit", type=question.type))
    if answer.kind == "choosing":
        sheet["form_session"] = _again(session, at) | {"chosen": answer.value}
        chosen = ", ".join(answer.value)[:200]
        return Turn(form.id, question.id, "choosing", Reason("chosen_so_far", chosen=chosen))
    if answer.kind == "skip":
        _answers(sheet, form.id).pop(question.id, None)
        return Turn(form.id, question.id, "skipped", Reason("answer_skipped"))
    _answers(sheet, form.id)[question.id] = {"value": answer.value, "at": at}
    why = _answer_reason(question, answer.value)
    return Turn(form.id, question.id, "answered", why, answer.value, answer.picked)


def _again(session: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The same question put once more."""
    kept = {name: session[name] for name in ("form", "question", "tries", "chosen") if name in session}
    return kept | {"at": max(at, session["at"]), "since": session.get("since") or session["at"]}


def _answers(sheet: Sheet, form: str) -> dict[str, Any]:
    entry: dict[str, Any] = sheet.setdefault("forms", {}).setdefault(form, {})
    answers: dict[str, Any] = entry.setdefault("answers", {})
    return answers
