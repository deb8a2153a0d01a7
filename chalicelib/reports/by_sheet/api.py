"""``/reports`` of who friends are by now, and where: stages, cohorts, routes, cross, a scenario's nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalice.app import Blueprint, Request, Response

from chalicelib.accounts.access import require
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.deliveries import chunk_counts
from chalicelib.enrollments import funnel
from chalicelib.forms.model import read_form
from chalicelib.http.answers import http_errors
from chalicelib.http.queries import path_id, query_text
from chalicelib.http.routes import Operation
from chalicelib.reports import reading, requests, scenarios
from chalicelib.reports.by_sheet import counts, cross, customers, form_answers
from chalicelib.reports.by_sheet.counts import Counts
from chalicelib.reports.charts import pictures
from chalicelib.reports.charts.pictures import Picture
from chalicelib.reports.delivered import deliveries
from chalicelib.reports.table import Report
from chalicelib.segments import nightly

bp = Blueprint(__name__)

_REPORTS = "/v1/accounts/{account}/reports"
_BY = ("first", "latest")


class ScenarioAnswer(requests.SpanAnswer):
    """A row for each node; ``job_id``: what counts who waits exactly, where not all could be read in time."""

    job_id: str | None


class SheetsAnswer(requests.ReportAnswer):
    """A report over all friends; ``job_id``: what counts exactly, where not all could be read in time."""

    job_id: str | None


@bp.route(f"{_REPORTS}/stages", methods=["GET"])
@http_errors
def stages_report(account: str) -> Response:
    """``GET /reports/stages``."""
    request, known, by = _asked(account)
    found = _customers("stages", known, requests.days_if_given(request, known), by)
    return _answer(request, customers.stages(found), found, pictures.bars("stages", ("friends", "orders")))


@bp.route(f"{_REPORTS}/cohorts", methods=["GET"])
@http_errors
def cohorts_report(account: str) -> Response:
    """``GET /reports/cohorts``."""
    request, known, by = _asked(account)
    found = _customers("cohorts", known, requests.days_if_given(request, known), by)
    picture = pictures.by_column("cohorts", ("friends", "orders", "revenue", "ltv", "repeat_rate"))
    return _answer(request, customers.cohorts(found, requests.today(known)), found, picture)


@bp.route(f"{_REPORTS}/routes", methods=["GET"])
@http_errors
def routes_report(account: str) -> Response:
    """``GET /reports/routes``."""
    request, known, by = _asked(account)
    which = requests.choice(request, "by", _BY)
    found = _customers("routes", known, requests.days_if_given(request, known) | {"by": which}, by)
    named = {route: str(doc.body["name"]) for route, doc in snapshot(known.id).all("routes").items()}
    picture = pictures.bars("routes", ("friends", "following"))
    return _answer(request, customers.routes(found, which, named), found, picture)


@bp.route(f"{_REPORTS}/cross", methods=["GET"])
@http_errors
def cross_report(account: str) -> Response:
    """``GET /reports/cross``."""
    request, known, by = _asked(account)
    catalog, value = snapshot(known.id), query_text(request, "value") or "count"
    cross.check_value(value, catalog)
    sides = {side: cross.answers(query_text(request, side) or "", catalog, side) for side in ("rows", "cols")}
    params = {**sides, "value": value, **requests.days_if_given(request, known)}
    found = counts.count(known, "cross", cross.REPORT, params, by)
    items, total = cross.items(found, params)
    inexact = ("total", "cells") if found.job else ()
    report = Report(items, total, inexact, {"job_id": found.job, "conditions": sides})
    return requests.answer(request, report, pictures.cells())


@bp.route(f"{_REPORTS}/forms/{{form}}", methods=["GET"])
@http_errors
def form_report(account: str, form: str) -> Response:
    """``GET /reports/forms/{form}``."""
    request, known, by = _asked(account)
    id_ = path_id(form, "form")
    body = snapshot(known.id).get("forms", id_).body
    found = counts.count(known, "forms", form_answers.REPORT, {"form": id_}, by)
    items, total = form_answers.items(found, read_form(id_, body, None))
    inexact = ("friends",) if found.job else ()
    report = Report(items, total, inexact, {"job_id": found.job})
    return requests.answer(request, report, pictures.bars("form", ("friends",)))


@bp.route(f"{_REPORTS}/segments/{{segment}}", methods=["GET"])
@http_errors
def segment_report(account: str, segment: str) -> Response:
    """``GET /reports/segments/{segment}``: how large it was, night by night."""
    request, known, _ = _asked(account)
    days, id_ = requests.span(request, known), path_id(segment, "segment")
    sizes = nightly.history(known.id, id_, days.first, days.last)
    items = [
        {"row": one["date"], "day": one["date"], "friends": one["count"], "as_of": one["as_of"]}
        for one in sizes
    ]
    picture = pictures.over_time_or_not("segments", "day", ("friends",), days)
    return requests.answer(request, Report(items), picture, days)


@bp.route(f"{_REPORTS}/scenarios/{{scenario}}", methods=["GET"])
@http_errors
def scenario_report(account: str, scenario: str) -> Response:
    """``GET /reports/scenarios/{scenario}``."""
    request, known, by = _asked(account)
    days, id_ = requests.span(request, known), path_id(scenario, "scenario")
    nodes = snapshot(known.id).get("scenarios", id_).body["nodes"]
    sent = deliveries.find(known, days, "step", "scenario", id_)
    found = scenarios.Found(id_, reading.tally(known.id, deliveries.asked(known, sent)))
    for entries in reading.parts(known.id, scenarios.asked(days)):
        found.add(entries)
    found.add_chunks(chunk_counts.between(known.id, id_, days.since, days.until))
    standing = funnel.find(known, id_, by)
    items = scenarios.items(found, nodes, standing.waiting)
    inexact = ("waiting",) if standing.job else ()
    report = Report(items, scenarios.total(found, items), inexact, {"job_id": standing.job})
    name = str(snapshot(known.id).get("scenarios", id_).body.get("name") or id_)
    return requests.answer(request, report, pictures.funnel(name), days)


def _asked(account: str) -> tuple[Request, Account, str]:
    request: Request = bp.current_request
    principal = require(request, "viewer", account)
    return request, get_account(account), principal.who


def _customers(name: str, account: Account, params: Mapping[str, str], by: str) -> Counts:
    return counts.count(account, name, customers.REPORTS[name], params, by)


def _answer(
    request: Request, items: Sequence[Mapping[str, Any]], found: Counts, picture: Picture
) -> Response:
    total = customers.numbers(found, found.names("#friends"))
    inexact = customers.COLUMNS if found.job else ()
    return requests.answer(request, Report(items, total, inexact, {"job_id": found.job}), picture)


_ONLY = {
    **requests.FORMAT,
    "from": "Only friends who followed from this local date on (without dates: all).",
    "to": "The last of these dates (without: today).",
}

OPERATIONS = [
    Operation(
        "GET",
        f"{_REPORTS}/stages",
        "What friends have bought, by stage",
        "viewer",
        None,
        SheetsAnswer,
        query=_ONLY,
    ),
    Operation(
        "GET",
        f"{_REPORTS}/cohorts",
        "What friends have bought, by the month of their first order",
        "viewer",
        None,
        SheetsAnswer,
        query=_ONLY | {"from": "Only friends whose first order was on this local date or later."},
    ),
    Operation(
        "GET",
        f"{_REPORTS}/routes",
        "How many friends came by each route, and what they have bought",
        "viewer",
        None,
        SheetsAnswer,
        query=_ONLY
        | {
            "from": "Only friends who came by it from this local date on.",
            "by": "first or latest: which of a friend's routes counts.",
        },
    ),
    Operation(
        "GET",
        f"{_REPORTS}/cross",
        "Two questions about friends against each other",
        "viewer",
        None,
        SheetsAnswer,
        query=_ONLY
        | {
            "rows": "folder:<name>, attribute:<id>, stage, source, or segments:<id>,<id>.",
            "cols": "The same.",
            "value": "count; or mean:attribute:<id>, mean:score:<id>, mean:purchases.total, "
            "mean:purchases.count.",
        },
    ),
    Operation(
        "GET",
        f"{_REPORTS}/forms/{{form}}",
        "How many friends gave each answer to a form, and have each result",
        "viewer",
        None,
        SheetsAnswer,
        query=requests.FORMAT,
    ),
    Operation(
        "GET",
        f"{_REPORTS}/segments/{{segment}}",
        "How large a segment was, night by night",
        "viewer",
        None,
        requests.SpanAnswer,
        query={**requests.DAYS, **requests.FORMAT},
    ),
    Operation(
        "GET",
        f"{_REPORTS}/scenarios/{{scenario}}",
        "What became of friends in a scenario, node by node",
        "viewer",
        None,
        ScenarioAnswer,
        query={**requests.DAYS, **requests.FORMAT},
    ),
]
