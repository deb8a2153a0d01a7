"""``/forms/{form}/results``: how far friends have come in a form, question by question."""

from __future__ import annotations

from chalice.app import Blueprint, Request, Response

from chalicelib.accounts.access import require
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.http.answers import http_errors
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation
from chalicelib.reports import reading, requests
from chalicelib.reports.charts import pictures
from chalicelib.reports.numbers import TOTAL
from chalicelib.reports.questions import results
from chalicelib.reports.table import Report
from chalicelib.shared.errors import NotFound
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/forms/{form}/results"


@bp.route(_PATH, methods=["GET"])
@http_errors
def form_results(account: str, form: str) -> Response:
    """``GET /forms/{form}/results``."""
    request: Request = bp.current_request
    require(request, "viewer", account)
    known = get_account(account)
    name = path_id(form, "form")
    document = snapshot(account).find("forms", name)
    if document is None:
        raise NotFound(Reason("no_document", kind="form", id=name))
    days = requests.span(request, known)
    found = reading.tally(account, results.asked(days, name))
    questions = {str(one["id"]): one for one in document.body.get("questions") or ()}
    report = Report(results.items(found, questions), results.numbers(found, TOTAL))
    return requests.answer(request, report, pictures.bars("forms", ("shown", "answered", "left")), days)


OPERATIONS = [
    Operation(
        "GET",
        _PATH,
        "Of each question of a form: to how many it was put, who answered, passed it over or left there",
        "viewer",
        None,
        requests.SpanAnswer,
        query={**requests.DAYS, **requests.FORMAT},
    )
]
