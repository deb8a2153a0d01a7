"""A form as its author tries it: the page that friends would see after some answers. Nothing is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog import validation
from chalicelib.catalog.kinds import DOCUMENTS
from chalicelib.catalog.service import Write
from chalicelib.events.sheet import Sheet
from chalicelib.forms import fields, results
from chalicelib.forms.kinds import QUESTION_TYPES
from chalicelib.forms.model import Form, Question
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.pages import page as pages
from chalicelib.rules.compile import program_of
from chalicelib.rules.model import Program
from chalicelib.shared.reasons import Language, Reason, in_language
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from chalicelib.webforms import rendering
from chalicelib.webforms.path import walk

NOBODY = "U" + "0" * 32
Given = Mapping[str, Sequence[str]]
"""What the fields of the pages hold, by question."""


@dataclass(frozen=True)
class Trial:
    """A draft put to somebody: the form as it would be, who answers, and in which language."""

    form: Form
    program: Program
    sheet: Sheet
    account: Account
    language: Language


def begin(
    account: Account, form: str, body: Mapping[str, Any], user: str | None, language: Language
) -> Trial:
    """Raises as saving the draft would."""
    known = catalog.candidate(catalog.snapshot(account.id), [Write("forms", form, dict(body))])
    validation.verify(DOCUMENTS, known)
    program = program_of(known, account.zone, account.react_within)
    sheet = friends.load(account.id, account.shards, user) if user else None
    whose = sheet or new_sheet(account.id, NOBODY, iso(clock.now()))
    return Trial(program.forms[form], program, whose, account, language)


def show(trial: Trial, given: Given, at: str | None) -> dict[str, Any]:
    """``{"html", "question", "result", "points"}``: the page of the question ``at`` (on the way or not), or
    of the first that has no fitting answer; the last page when all have one, with what they come to.
    """
    read = {
        one.id: fields.read(one, given[one.id], trial.account.zone)
        for one in trial.form.questions
        if one.id in given
    }
    answers = {id_: value for id_, (value, wrong) in read.items() if wrong is None}
    now = clock.now()
    questions, after = walk(trial.sheet, trial.form, answers, trial.program, now)
    left = [one for one in questions if one.id not in answers]
    asked = trial.form.find(at) if at else None
    if asked is None and not left:
        return _end(trial, questions, answers, after)
    asked = asked or left[0]
    wrong = None if at else read.get(asked.id, (None, None))[1]
    html = _question(trial, questions, asked, after, given.get(asked.id, ()), wrong)
    return {"html": html, "question": asked.id, "result": None, "points": None}


def _end(
    trial: Trial, questions: Sequence[Question], answers: Mapping[str, Any], after: Sheet
) -> dict[str, Any]:
    answered = {one.id: answers[one.id] for one in questions if answers[one.id] is not None}
    outcome = results.of(trial.form, answered, after, clock.now())
    found = next((one for one in trial.form.results if one.id == outcome.get("result")), None)
    shown = None
    if found is not None:
        words = rendering.text(found.text, after, trial.program, clock.now())
        shown = {"title": found.title, "text": words, "image": found.image or ""}
    values = {"thanks": trial.form.words["thanks"], "result": shown, "again": False}
    html = _page(trial, "form_done.html", values)
    return {"html": html, "question": None, "result": outcome.get("result"), "points": outcome.get("points")}


def _question(
    trial: Trial,
    questions: Sequence[Question],
    asked: Question,
    after: Sheet,
    given: Sequence[str],
    wrong: Reason | None,
) -> str:
    with in_language(trial.language):
        problem = wrong.text() if wrong else ""
    words = rendering.text(asked.text, after, trial.program, clock.now())
    ids = [one.id for one in questions]
    place = ids.index(asked.id) if asked.id in ids else 0
    values = {
        "questions": [rendering.shown(trial.form, asked, words, list(given), problem, _file(asked, given))],
        "number": place + 1,
        "total": max(len(ids), 1),
        "before": ids[place - 1] if place else "",
        "is_last": place + 1 >= len(ids),
    }
    return _page(trial, "form.html", values)


def _file(asked: Question, given: Sequence[str]) -> str:
    """What stands for a file that was chosen: no trial keeps one."""
    return given[0] if given and QUESTION_TYPES[asked.type].takes_files else ""


def _page(trial: Trial, template: str, values: Mapping[str, Any]) -> str:
    """Shown within a page of ours at the place where our paths begin; it leads nowhere."""
    shared = {"name": trial.form.name, "action": "", "token": ""}
    return pages.text(template, trial.language, "", shared | dict(values))
