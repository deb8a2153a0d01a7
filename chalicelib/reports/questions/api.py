"""``/forms/{form}/results`` and ``/answers``: how far friends come in a form, and what they have said."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib.accounts.access import require
from chalicelib.accounts.service import audit, get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Document
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_bool, query_int
from chalicelib.http.routes import Operation
from chalicelib.reports import reading, requests
from chalicelib.reports.charts import pictures
from chalicelib.reports.numbers import TOTAL
from chalicelib.reports.questions import results, submissions
from chalicelib.reports.table import BOM, CSV, Report
from chalicelib.shared import time_left
from chalicelib.shared.errors import NotFound, RuleViolation
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/forms/{form}/results"
_ANSWERS = "/v1/accounts/{account}/forms/{form}/answers"
_LONGEST = 4_000_000
"""Bytes of a file that one answer can hold (Lambda's limit is 6 MB)."""


class SentFile(BaseModel):
    """A file that answers a question. ``url``: where whoever may see the friend reads it; null besides: it is
    kept no longer, or on its way.
    """

    url: str
    status: Literal["pending", "stored", "gone"]
    kind: Literal["image", "video", "audio", "file"] | None
    name: str | None
    content_type: str | None
    bytes: int | None


class Submitted(BaseModel):
    """A form that was answered to its end: when, in the ``chat`` or on the ``web``, the answers by question
    and what they came to. ``answers`` is null where they were too long for the timeline. ``files``: of each
    answer that is a file, by question.
    """

    user_id: str
    display_name: str | None
    at: str
    on: Literal["chat", "web"]
    answers: dict[str, Any] | None
    result: str | None
    points: float | dict[str, float] | None
    files: dict[str, SentFile]


class Submissions(BaseModel):
    """A page of them, the latest first."""

    items: list[Submitted]
    next_cursor: str | None


@bp.route(_PATH, methods=["GET"])
@http_errors
def form_results(account: str, form: str) -> Response:
    """``GET /forms/{form}/results``."""
    request: Request = bp.current_request
    require(request, "viewer", account)
    known = get_account(account)
    name, document = _form(account, form)
    days = requests.span(request, known)
    found = reading.tally(account, results.asked(days, name))
    questions = {str(one["id"]): one for one in document.body.get("questions") or ()}
    report = Report(results.items(found, questions), results.numbers(found, TOTAL))
    return requests.answer(request, report, pictures.bars("forms", ("shown", "answered", "left")), days)


@bp.route(_ANSWERS, methods=["GET"])
@http_errors
def form_answers(account: str, form: str) -> Response:
    """``GET /forms/{form}/answers``: one row for each time that the form was answered; as CSV for editors."""
    request: Request = bp.current_request
    wanted = requests.choice(request, "format", ("json", "csv"))
    principal = require(request, "editor" if wanted == "csv" else "viewer", account)
    known = get_account(account)
    name, document = _form(account, form)
    days = requests.days_if_given(request, known)
    since, until = days.get("since", submissions.BEGINNING), days.get("until", submissions.END)
    if wanted == "csv":
        rows_of = submissions.every(known, name, since, until)
        linked = submissions.linked(known.id, rows_of, submissions.file_questions(document.body))
        text = _csv(submissions.header(document.body), linked)
        audit(account, principal.who, "export", f"forms/{name}/answers")
        named = {"Content-Disposition": f'attachment; filename="{name}-answers.csv"'}
        return requests.TextResponse((BOM if query_bool(request, "bom") else "") + text, CSV, named)
    limit, cursor = query_int(request, "limit", 50), query_cursor(request, "place")
    rows, after = submissions.page(known, name, since, until, limit, cursor["place"] if cursor else None)
    rows = submissions.with_files(known, rows, submissions.file_questions(document.body))
    return json_response(page(rows, {"place": after} if after else None, request))


def _form(account: str, form: str) -> tuple[str, Document]:
    name = path_id(form, "form")
    document = snapshot(account).find("forms", name)
    if document is None:
        raise NotFound(Reason("no_document", kind="form", id=name))
    return name, document


def _csv(columns: list[str], pages: Iterator[list[submissions.Row]]) -> str:
    """The file. Raises RuleViolation when it is too large for one answer, or the time does not suffice."""
    left, size, parts = time_left.current(), 0, [",".join(columns) + "\r\n"]
    for rows in pages:
        parts.append(submissions.lines(columns, rows))
        size += len(parts[-1].encode())
        if size > _LONGEST or left.is_over:
            raise RuleViolation.at("from", Reason("report_too_long"))
    return "".join(parts)


OPERATIONS = [
    Operation(
        "GET",
        _ANSWERS,
        "Each time that a form was answered to its end, the latest first; as CSV for editors",
        "viewer",
        None,
        Submissions,
        query={
            "from": "The first local date (without dates: of all time).",
            "to": "The last one.",
            "format": "json; csv: all rows as a file for spreadsheets",
            "bom": requests.FORMAT["bom"],
            "limit": "How many, at most 200 (50)",
            "cursor": "The `next_cursor` of the page before",
        },
    ),
    Operation(
        "GET",
        _PATH,
        "Of each question of a form: to how many it was put, who answered, passed it over or left there",
        "viewer",
        None,
        requests.SpanAnswer,
        query={**requests.DAYS, **requests.FORMAT},
    ),
]
