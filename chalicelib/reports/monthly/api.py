"""``GET /reports/monthly``: a month as JSON, as a page that prints on A4, or as a PDF file."""

from __future__ import annotations

from datetime import date
from typing import Any

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.queries import query_text
from chalicelib.http.routes import Operation
from chalicelib.reports import requests
from chalicelib.reports.monthly import figures, page, pdf
from chalicelib.reports.monthly.figures import Figures
from chalicelib.reports.periods import Span
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso

bp = Blueprint(__name__)

_PATH = "/v1/accounts/{account}/reports/monthly"
HTML, PDF = "text/html; charset=utf-8", "application/pdf"


class ByLineAnswer(BaseModel):
    """What LINE itself counted; null: it could not be asked. ``missing_days``: not counted yet."""

    reply: int | None
    push: int | None
    multicast: int | None
    broadcast: int | None
    missing_days: int


class YenAnswer(BaseModel):
    """``spent`` is the larger of the two counts. ``saved``: by replies, segments, caps and topics."""

    spent: int
    by_ledger: int
    by_line: int | None
    per_message: int
    saved: dict[str, int | None]
    saved_total: int


class MonthlyAnswer(BaseModel):
    """A month, and of the one before what is compared with it."""

    month: str
    since: str
    until: str
    as_of: str
    is_over: bool
    friends: dict[str, Any]
    deliveries: dict[str, Any]
    skipped: dict[str, int]
    best: list[dict[str, Any]]
    line: ByLineAnswer
    yen: YenAnswer
    before: dict[str, Any]


@bp.route(_PATH, methods=["GET"])
@http_errors
def monthly_report(account: str) -> Response:
    """``GET /reports/monthly``."""
    request: Request = bp.current_request
    require(request, "viewer", account)
    known = get_account(account)
    days, wanted = _month(request, known), requests.choice(request, "format", ("json", "html", "pdf"))
    found, earlier = figures.find(known, days), figures.find(known, figures.before(known, days))
    answer = _answer(known, found, earlier)
    if wanted == "html":
        return requests.TextResponse(page.html(known.name, answer, found), HTML, page.headers())
    if wanted == "pdf":
        named = {"Content-Disposition": f'attachment; filename="{answer["month"]}.pdf"'}
        return requests.TextResponse(pdf.pdf(known.name, answer, found), PDF, page.headers() | named)
    return json_response(answer)


def _month(request: Request, account: Account) -> Span:
    """The month that is asked for; without one the last that is over. Raises InvalidInput."""
    text, today = query_text(request, "month"), requests.today(account)
    if text is None:
        return figures.before(account, figures.month_of(account, today.replace(day=1)))
    try:
        first = date.fromisoformat(f"{text}-01") if len(text) == len("2026-11") else None
    except ValueError:
        first = None
    if first is None or not date(2000, 1, 1) <= first <= today:
        raise InvalidInput.at("month", Reason("must_be_month"))
    return figures.month_of(account, first)


def _answer(account: Account, found: Figures, earlier: Figures) -> dict[str, Any]:
    line = figures.by_line(account, found.days)
    counted = line.sent or dict.fromkeys(ByLineAnswer.model_fields.keys() - {"missing_days"})
    before = {"friends": earlier.friends_total, "deliveries": earlier.deliveries_total}
    return {
        "month": found.days.first.isoformat()[:7],
        "since": found.days.first.isoformat(),
        "until": found.days.last.isoformat(),
        "as_of": iso(clock.now()),
        "is_over": found.days.last < requests.today(account),
        "friends": found.friends_total,
        "deliveries": found.deliveries_total,
        "skipped": dict(sorted(found.skipped.items())),
        "best": found.best(),
        "line": {**counted, "missing_days": line.missing},
        "yen": found.yen(line).answer(),
        "before": before | {"month": earlier.days.first.isoformat()[:7]},
    }


OPERATIONS = [
    Operation(
        "GET",
        _PATH,
        "A month: friends, messages, what came of them, yen spent and saved",
        "viewer",
        None,
        MonthlyAnswer,
        query={
            "month": "2026-11; without it the last month that is over.",
            "format": "json; html: a page that prints on A4; pdf: a file of one A4 page",
        },
    )
]
