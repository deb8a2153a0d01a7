"""``/f/{account}/{form}``: a form, one question at a time. Whose answers they are says a token."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from chalice.app import Blueprint, Response

from chalicelib.forms import fields as form_fields
from chalicelib.forms import results
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import Question
from chalicelib.gateways import clock
from chalicelib.http.multipart import MULTIPART, Part
from chalicelib.http.routes import Operation
from chalicelib.liff import entry
from chalicelib.links import previews
from chalicelib.pages import page as pages
from chalicelib.pages import visits
from chalicelib.pages.page import Sent
from chalicelib.shared.reasons import Reason, in_language
from chalicelib.webforms import counting, files, rendering, sittings
from chalicelib.webforms.path import walk
from chalicelib.webforms.store import Sitting
from chalicelib.webforms.visiting import Visitor, visitor

bp = Blueprint(__name__)

_PATH = "/f/{account}/{form}"
_FIELD = "a."


@bp.route(_PATH, methods=["GET"])
@pages.page_errors(bp)
def show(account: str, form: str) -> Response:
    """``GET /f/{account}/{form}?t=&q=``: the question ``q``, or the first that is not answered; the end."""
    request = bp.current_request
    query = dict(request.query_params or {})
    who = visitor(account, form, query.get("t", ""))
    sitting = sittings.current(account, who.user, form)
    if who.is_over(sitting):
        return _done(who, _reported(who, sitting))
    questions, _ = walk(who.sheet, who.form, _answers(sitting), who.program, clock.now())
    asked = _question(questions, sitting, query.get("q"))
    if previews.is_friend(request.headers):
        sitting, first = sittings.show(account, who.user, form, (asked.id,) if asked else ())
        counting.shown(account, who.user, sitting, first)
    return _question_page(who, sitting, questions, asked)


@bp.route(_PATH, methods=["POST"], content_types=[pages.FORM, MULTIPART])
@pages.page_errors(bp)
def answer(account: str, form: str) -> Response:
    """``POST /f/{account}/{form}``: answers, kept; on to the next question, or the end. With ``id_token`` of
    LIFF in the place of a token: to the form.
    """
    request = bp.current_request
    sent = pages.sent(request, files.MOST_OF_A_REQUEST)
    given = sent.fields
    query = dict(request.query_params or {})
    if given.get("id_token"):
        return _enter(account, form, given["id_token"][0])
    who = visitor(account, form, (given.get("t") or [query.get("t", "")])[0])
    visits.count(account, who.user)
    sitting = sittings.current(account, who.user, form)
    if who.is_over(sitting):
        if given.get("do") == ["again"] and not who.form.once and sitting.sent_at:
            sittings.again(account, who.user, sitting)
        else:
            _reported(who, sitting)
        return _on(who)
    asked = [one for one in who.form.questions if _is_asked(one, sent)]
    read = {one.id: _read(who, sitting, one, sent) for one in asked}
    if any(wrong is not None for _, wrong in read.values()):
        return _refused(who, sitting, asked, given, {id_: wrong for id_, (_, wrong) in read.items()})
    answers = {id_: value for id_, (value, _) in read.items()}
    sitting = _kept(who, sitting, answers, _files(asked, sent))
    counting.answered(account, who.user, sitting, answers)
    return _go_on(who, sitting, asked)


def _go_on(who: Visitor, sitting: Sitting, asked: Sequence[Question]) -> Response:
    """After some answers: the next question of the path, then what was left out, then the end."""
    now = clock.now()
    questions, sheet = walk(who.sheet, who.form, _answers(sitting), who.program, now)
    ids = [question.id for question in questions]
    last = max((ids.index(one.id) for one in asked if one.id in ids), default=-1)
    left = [id_ for id_ in ids if id_ not in sitting.answers]
    following = ids[last + 1 :] if last >= 0 else left
    if not sitting.sent_at and following:
        return _on(who, following[0])
    if not sitting.sent_at and left:
        return _on(who, left[0])
    if not sitting.sent_at:
        given = {id_: value for id_, value in _answers(sitting).items() if id_ in ids and value is not None}
        sittings.send(who.account.id, who.user, sitting, ids, results.of(who.form, given, sheet, now))
    return _on(who)


def _reported(who: Visitor, sitting: Sitting) -> Sitting:
    """Whoever sent it may have died before it was in the inbox."""
    return sittings.report_soon(who.account.id, who.user, sitting) if sitting.sent_at else sitting


def _enter(account: str, form: str, id_token: str) -> Response:
    """Whom LINE has signed in comes to the form by the place behind LIFF."""
    found = visits.account_of(account)
    where = entry.by_id_token(found, id_token, f"/f/{form}", "")
    return pages.go(str(where))


def _is_asked(question: Question, sent: Sent) -> bool:
    name, given = _FIELD + question.id, sent.fields
    return question.id in given.get("asked", ()) or name in given or name in sent.files


def _read(who: Visitor, sitting: Sitting, question: Question, sent: Sent) -> tuple[Any, Reason | None]:
    """What was answered to a question, and what is wrong with it; a file is kept when all of it is right."""
    name = _FIELD + question.id
    if not QUESTION_TYPES[question.type].takes_files:
        return form_fields.read(question, sent.fields.get(name, ()), who.account.zone)
    before, leave = _answers(sitting).get(question.id), question.id in sent.fields.get("leave", ())
    wrong = files.read(question, sent.files.get(name), before, leave=leave)
    return None if leave else before, wrong


def _files(asked: Sequence[Question], sent: Sent) -> dict[str, Part]:
    """The files that answer questions for one."""
    takers = [one.id for one in asked if QUESTION_TYPES[one.type].takes_files]
    return {id_: sent.files[_FIELD + id_] for id_ in takers if _FIELD + id_ in sent.files}


def _kept(who: Visitor, before: Sitting, answers: dict[str, Any], parts: Mapping[str, Part]) -> Sitting:
    """Keep answers. Of files those stay that are answers then: what was in their place goes."""
    account, user = who.account.id, who.user
    answers |= {id_: files.keep(account, user, part) for id_, part in parts.items()}
    after = sittings.answer(account, user, who.form.id, answers)
    for question in who.form.questions:
        if QUESTION_TYPES[question.type].takes_files and question.id in answers:
            stays = _answers(after).get(question.id)
            for one in {_answers(before).get(question.id), answers[question.id]} - {stays, None}:
                files.drop(account, user, one)
    return after


def _answers(sitting: Sitting) -> dict[str, Any]:
    return {question: entry["value"] for question, entry in sitting.answers.items()}


def _question(questions: Sequence[Question], sitting: Sitting, wanted: str | None) -> Question | None:
    """The question that is asked for, or the first that is not answered; the last when all are."""
    for question in questions:
        if question.id == wanted:
            return question
    left = [question for question in questions if question.id not in sitting.answers] or questions[-1:]
    return left[0] if left else None


def _question_page(
    who: Visitor, sitting: Sitting, questions: Sequence[Question], asked: Question | None
) -> Response:
    known = _answers(sitting).get(asked.id) if asked else None
    shown = [_shown(who, sitting, asked, rendering.as_fields(known), "")] if asked else []
    return _page(who, questions, asked, shown)


def _refused(
    who: Visitor,
    sitting: Sitting,
    asked: Sequence[Question],
    given: Mapping[str, list[str]],
    wrong: Mapping[str, Reason | None],
) -> Response:
    """The same questions, each with what is wrong beside it."""
    with in_language(pages.language_of(bp.current_request)):
        problems = {id_: reason.text() if reason else "" for id_, reason in wrong.items()}
    shown = [_shown(who, sitting, one, given.get(_FIELD + one.id, []), problems[one.id]) for one in asked]
    questions, _ = walk(who.sheet, who.form, _answers(sitting), who.program, clock.now())
    return _page(who, questions, asked[0], shown, 400)


def _shown(
    who: Visitor, sitting: Sitting, question: Question, given: list[str], wrong: str
) -> Mapping[str, Any]:
    now = clock.now()
    _, sheet = walk(who.sheet, who.form, _answers(sitting), who.program, now)
    words = rendering.text(question.text, sheet, who.program, now)
    file = _answers(sitting).get(question.id) if QUESTION_TYPES[question.type].takes_files else None
    kept = files.name_of(who.account.id, who.user, file) if file else ""
    return rendering.shown(who.form, question, words, given, wrong, kept)


def _page(
    who: Visitor,
    questions: Sequence[Question],
    asked: Question | None,
    shown: Sequence[Mapping[str, Any]],
    status: int = 200,
) -> Response:
    ids = [question.id for question in questions]
    place = ids.index(asked.id) if asked and asked.id in ids else 0
    return pages.page(
        bp.current_request,
        "form.html",
        status,
        pages.WITH_SCRIPT if any(one["file"] for one in shown) else None,
        name=who.form.name,
        action=who.form.id,
        token=who.text,
        questions=shown,
        number=place + 1,
        total=max(len(ids), 1),
        before=ids[place - 1] if place else "",
        is_last=place + 1 >= len(ids),
    )


def _done(who: Visitor, sitting: Sitting) -> Response:
    return pages.page(
        bp.current_request,
        "form_done.html",
        name=who.form.name,
        action=who.form.id,
        token=who.text,
        thanks=who.form.words["thanks"],
        result=_result(who, sitting),
        again=bool(sitting.sent_at) and not who.form.once,
    )


def _result(who: Visitor, sitting: Sitting) -> dict[str, str] | None:
    """What the answers have come to, in the words of now."""
    found = next((one for one in who.form.results if one.id == sitting.outcome.get("result")), None)
    if found is None:
        return None
    words = rendering.text(found.text, who.sheet, who.program, clock.now())
    return {"title": found.title, "text": words, "image": found.image or ""}


def _on(who: Visitor, question: str = "") -> Response:
    query = {"t": who.text, "lang": pages.language_of(bp.current_request)}
    return pages.go(f"{who.form.id}?{urlencode(query | ({'q': question} if question else {}))}")


OPERATIONS = [
    Operation(
        "GET",
        _PATH,
        "A form on the web: a question, or the end",
        None,
        query={
            "t": 'the friend\'s token: from {{ form("id") }} in a message, or from LIFF',
            "q": "the question; without it the first that is not answered yet",
            "lang": "ja or en; without it the phone's language",
        },
        any_query=True,
    ),
    Operation(
        "POST",
        _PATH,
        "Answer a form on the web",
        None,
        status=303,
        media_types=(pages.FORM, MULTIPART),
        any_query=True,
    ),
]
