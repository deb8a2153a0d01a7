"""``/reports`` of what happened: deliveries, friends, links; and the friends behind their numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, Literal, get_args

from chalice.app import Blueprint, Request, Response

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.friends import service as sheets_of_friends
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.reports import (
    conversions,
    friends,
    journal,
    links,
    reading,
    rebuild,
    requests,
    scenarios,
)
from chalicelib.reports.by_sheet import counts, customers
from chalicelib.reports.charts import pictures
from chalicelib.reports.delivered import deliveries, outcomes, recipients
from chalicelib.reports.lines import TOUCHED
from chalicelib.reports.numbers import TOTAL, Measurement
from chalicelib.reports.periods import Period, Span
from chalicelib.reports.table import Report
from chalicelib.segments import service as segments
from chalicelib.shared import side_by_side
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_REPORTS = "/v1/accounts/{account}/reports"
_PERIODS: tuple[Period, ...] = get_args(Period)
_OF_DELIVERIES: tuple[deliveries.By, ...] = get_args(deliveries.By)
_OF_FRIENDS = (*_PERIODS, "route")
_TOGETHER = 100
_KINDS: tuple[deliveries.Kind, ...] = get_args(deliveries.Kind)
_OF_LINKS: tuple[links.By, ...] = get_args(links.By)
_OF_TOUCHES: tuple[links.ByRoute, ...] = get_args(links.ByRoute)
_OF_CONVERSIONS: tuple[conversions.By, ...] = get_args(conversions.By)
_FOLLOWING = {"friend": {"status": "following"}}


@bp.route(f"{_REPORTS}/deliveries", methods=["GET"])
@http_errors
def deliveries_report(account: str) -> Response:
    """``GET /reports/deliveries``."""
    request, known, days = _asked(account)
    runs = _runs(request, known, days)
    found = reading.tally(known.id, deliveries.asked(known, runs))
    items, total = deliveries.items(runs, found)
    picture = pictures.over_time_or_not("deliveries", runs.by, ("accepted", "clickers"), days)
    return requests.answer(request, Report(items, total), picture, days)


@bp.route(f"{_REPORTS}/friends", methods=["GET"])
@http_errors
def friends_report(account: str) -> Response:
    """``GET /reports/friends``."""
    request, known, days = _asked(account)
    by = requests.choice(request, "group_by", _OF_FRIENDS)
    picture = pictures.over_time_or_not("friends", by, friends.NUMBERS, days)
    if by == "route":
        rows = _rows_of_routes(known, days)
        report = Report(rows, friends.total_of_routes(rows), inexact=("following", "block_rate"))
        return requests.answer(request, report, picture, days)
    period = requests.choice(request, "group_by", _PERIODS)
    found = reading.tally(known.id, _friends(days, period))
    now = segments.count(known.id, _FOLLOWING, clock.now())
    items = friends.items(found, days, period, (now.low + now.high) // 2, requests.today(known))
    report = Report(items, friends.total(items), inexact=("following", "block_rate"))
    return requests.answer(request, report, picture, days)


@bp.route(f"{_REPORTS}/links", methods=["GET"])
@http_errors
def links_report(account: str) -> Response:
    """``GET /reports/links``."""
    return _counted(account, "links")


@bp.route(f"{_REPORTS}/touches", methods=["GET"])
@http_errors
def touches_report(account: str) -> Response:
    """``GET /reports/touches``."""
    return _counted(account, "touches")


@bp.route(f"{_REPORTS}/conversions", methods=["GET"])
@http_errors
def conversions_report(account: str) -> Response:
    """``GET /reports/conversions``."""
    return _counted(account, "conversions")


def _counted(account: str, name: str) -> Response:
    """A report that has the journal's numbers by rows, and nothing else."""
    kind, (measured, numbers) = _COUNTED[name], _KEPT[name]
    request, known, days = _asked(account)
    by = requests.choice(request, "group_by", kind.groups)
    found = reading.tally(known.id, measured(request, known, days))
    always, beside = kind.beside(request, known, by)
    items = [
        {"row": row, by: row} | beside(row) | {number: found.of(row, number) for number in numbers}
        for row in sorted(found.rows | always)
    ]
    total = {number: found.of(TOTAL, number) for number in numbers}
    picture = pictures.over_time_or_not(name, by, kind.pictured, days)
    return requests.answer(request, Report(items, total), picture, days)


Beside = tuple[AbstractSet[str], Callable[[str], dict[str, Any]]]
"""The rows that a report has in any case, and what it says of a row besides its numbers."""


@dataclass(frozen=True)
class _Counted:
    """A report of the journal's numbers: what a row may be, and the numbers of its picture."""

    groups: tuple[str, ...]
    pictured: tuple[str, ...]
    beside: Callable[[Request, Account, str], Beside]


def _links(request: Request, account: Account, by: str) -> Beside:
    """Links have names, and one that nobody has opened has a row too, unless one thing alone is asked for."""
    if by != "link":
        return set(), lambda _row: {}
    documents = snapshot(account.id).all("links")
    named = {link: str(document.body.get("name") or link) for link, document in documents.items()}
    return set() if _only(request) else named.keys(), lambda row: {"name": named.get(row)}


def _nothing_more(_request: Request, _account: Account, _by: str) -> Beside:
    return set(), lambda _row: {}


def _of_no_click(_request: Request, _account: Account, by: str) -> Beside:
    """Orders without a click or a route have a row that is called nothing."""
    return set(), lambda row: {by: None} if row == conversions.NOTHING and by != "day" else {}


_COUNTED: dict[str, _Counted] = {
    "links": _Counted(_OF_LINKS, links.COLUMNS, _links),
    "touches": _Counted(_OF_TOUCHES, links.OF_TOUCHES, _nothing_more),
    "conversions": _Counted(_OF_CONVERSIONS, ("conversions", "converters"), _of_no_click),
}


@bp.route(f"{_REPORTS}/people", methods=["GET"])
@http_errors
def people_of_report(account: str) -> Response:
    """``GET /reports/people``: who is behind a number."""
    request, known, days = _asked(account)
    report = requests.choice(request, "report", tuple(_KEPT))
    asked, numbers = _KEPT[report]
    number, row = requests.choice(request, "number", numbers), query_text(request, "row") or TOTAL
    limit = query_int(request, "limit", 50)
    if report == "deliveries" and number in recipients.NUMBERS:
        runs = _runs(request, known, days)
        place = query_cursor(request) or {}
        items, following = recipients.people(runs, deliveries.asked(known, runs), row, number, limit, place)
        return json_response(page(_with_names(known, items), following, request))
    position = query_cursor(request, "user") or {"part": 0, "user": ""}
    part = position.get("part")
    if not isinstance(part, int) or part >= journal.PARTS:
        raise InvalidInput.at("cursor", Reason("cursor_unknown"))
    items, after = reading.people(
        known.id, asked(request, known, days), row, number, limit, (part, position["user"])
    )
    following = {"part": after[0], "user": after[1]} if after else None
    return json_response(page(_with_names(known, items), following, request))


def _with_names(account: Account, people: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same with the friends' names, as far as they are known."""
    users = [str(one["user_id"]) for one in people]
    sheets: dict[str, Any] = {}
    for some in side_by_side.parts(users, _TOGETHER):
        sheets |= sheets_of_friends.load_many(account.id, account.shards, some)
    return [
        {**one, "display_name": sheets.get(user, {}).get("display_name")}
        for one, user in zip(people, users, strict=True)
    ]


def _asked(account: str) -> tuple[Request, Account, Span]:
    request: Request = bp.current_request
    require(request, "viewer", account)
    known = get_account(account)
    return request, known, requests.span(request, known)


def _friends(days: Span, period: Period) -> Measurement:
    return Measurement(friends.fold(days, period), days.since, journal.END)


def _by_route(account: Account, days: Span) -> Measurement:
    def routes_of(users: Iterable[str]) -> dict[str, str]:
        return _routes(account, users, "latest")

    return Measurement(friends.fold_by_route(days, routes_of), days.since, journal.END)


def _routes(account: Account, users: Iterable[str], which: Literal["first", "latest"]) -> dict[str, str]:
    """By which route these friends came, of who came by one."""
    found: dict[str, str] = {}
    for some in side_by_side.parts(sorted(users), _TOGETHER):
        sheets = sheets_of_friends.load_many(account.id, account.shards, some)
        routes = ((user, (sheet.get("source") or {}).get(which)) for user, sheet in sheets.items())
        found |= {user: route for user, route in routes if route}
    return found


def _of_conversions(request: Request, account: Account, days: Span) -> Measurement:
    by = requests.choice(request, "group_by", _OF_CONVERSIONS)
    window = deliveries.window(account)
    return conversions.asked(days, by, window, lambda users: _routes(account, users, "first"))


def _rows_of_routes(account: Account, days: Span) -> list[dict[str, Any]]:
    now = counts.count(account, "routes", customers.REPORTS["routes"], {"by": "latest"}, "reports")
    following = {name or friends.NO_ROUTE: now[f"{name}#following"] for name in now.names("#friends")}
    return friends.items_by_route(reading.tally(account.id, _by_route(account, days)), following)


def _of_deliveries(request: Request, account: Account, days: Span) -> Measurement:
    return deliveries.asked(account, _runs(request, account, days))


def _runs(request: Request, account: Account, days: Span) -> deliveries.Runs:
    by, kind = requests.choice(request, "group_by", _OF_DELIVERIES), requests.choice(request, "kind", _KINDS)
    return deliveries.find(account, days, by, kind, query_text(request, "delivery"))


def _of_friends(request: Request, account: Account, days: Span) -> Measurement:
    if requests.choice(request, "group_by", _OF_FRIENDS) == "route":
        return _by_route(account, days)
    return _friends(days, requests.choice(request, "group_by", _PERIODS))


def _only(request: Request) -> dict[str, str]:
    given = ((name, query_text(request, name)) for name in ("link", "delivery"))
    return {name: text for name, text in given if text is not None}


def _of_links(request: Request, _shop: Account, days: Span) -> Measurement:
    by = requests.choice(request, "group_by", _OF_LINKS)
    return Measurement(links.fold(days, by, _only(request)), days.since, days.until, links.DISTINCT)


def _of_touches(request: Request, _shop: Account, days: Span) -> Measurement:
    by, route = requests.choice(request, "group_by", _OF_TOUCHES), query_text(request, "route")
    only = {"route": route} if route is not None else {}
    return Measurement(links.fold(days, by, only, TOUCHED), days.since, days.until, links.DISTINCT)


def _of_scenarios(_request: Request, _shop: Account, days: Span) -> Measurement:
    return scenarios.asked(days)


_KEPT: dict[str, tuple[Callable[[Request, Account, Span], Measurement], tuple[str, ...]]] = {
    "deliveries": (_of_deliveries, (*outcomes.NUMBERS, "by_reply", *recipients.NUMBERS)),
    "friends": (_of_friends, friends.NUMBERS),
    "links": (_of_links, links.COLUMNS),
    "conversions": (_of_conversions, conversions.COLUMNS),
    "touches": (_of_touches, links.OF_TOUCHES),
    "scenarios": (_of_scenarios, scenarios.NUMBERS),
}
"""Of each report that has people behind its numbers: what is asked of the journal, and the numbers."""


@bp.route(f"{_REPORTS}/rebuild", methods=["POST"])
@http_errors
def rebuild_reports(account: str) -> Response:
    """``POST /reports/rebuild``: the journal anew from the timelines."""
    request = bp.current_request
    principal = require(request, "admin", account)
    get_account(account)
    return once(
        request,
        principal,
        lambda: json_response({"job_id": rebuild.start(account, principal.key_id)}, 202),
    )


OPERATIONS = [
    Operation(
        "GET",
        f"{_REPORTS}/deliveries",
        "What deliveries reached and what came of them",
        "viewer",
        None,
        requests.SpanAnswer,
        query={
            **requests.DAYS,
            **requests.FORMAT,
            "group_by": f"What a row is: {', '.join(_OF_DELIVERIES)}.",
            "kind": f"{', '.join(_KINDS)}.",
            "delivery": "Only this broadcast or scenario, or another row, like rule:hello.",
        },
    ),
    Operation(
        "GET",
        f"{_REPORTS}/friends",
        "Who came, blocked and came back",
        "viewer",
        None,
        requests.SpanAnswer,
        query={**requests.DAYS, **requests.FORMAT, "group_by": f"What a row is: {', '.join(_OF_FRIENDS)}."},
    ),
    Operation(
        "GET",
        f"{_REPORTS}/links",
        "How often links were opened, and by how many",
        "viewer",
        None,
        requests.SpanAnswer,
        query={
            **requests.DAYS,
            **requests.FORMAT,
            "group_by": f"What a row is: {', '.join(_OF_LINKS)}.",
            "link": "Only clicks on this link.",
            "delivery": "Only clicks in what this broadcast, scenario or other row of deliveries sent.",
        },
    ),
    Operation(
        "GET",
        f"{_REPORTS}/touches",
        "How often routes were opened, and by how many",
        "viewer",
        None,
        requests.SpanAnswer,
        query={
            **requests.DAYS,
            **requests.FORMAT,
            "group_by": f"What a row is: {', '.join(_OF_TOUCHES)}.",
            "route": "Of this route alone.",
        },
    ),
    Operation(
        "GET",
        f"{_REPORTS}/conversions",
        "Every order, by the click before it or the way by which the friend came",
        "viewer",
        None,
        requests.SpanAnswer,
        query={
            **requests.DAYS,
            **requests.FORMAT,
            "group_by": f"What a row is: {', '.join(_OF_CONVERSIONS)}.",
        },
    ),
    Operation(
        "GET",
        f"{_REPORTS}/people",
        "The friends behind a number of a report",
        "viewer",
        None,
        requests.People,
        query={
            **requests.DAYS,
            "report": "deliveries, friends, links, touches, conversions or scenarios",
            "group_by": "The group of the report, as it was asked for.",
            "kind": "The kind of deliveries, likewise.",
            "link": "Only clicks on this link, likewise.",
            "delivery": "Only this broadcast or scenario, likewise.",
            "row": "The row of the number (its field row); without it all rows together.",
            "number": "The name of the number (without it the first one).",
            "limit": "At most so many, 1 to 200.",
            "cursor": "Where the page before ended.",
        },
    ),
    Operation(
        "POST",
        f"{_REPORTS}/rebuild",
        "Make what reports count anew from the timelines (a job)",
        "admin",
        response=requests.JobAccepted,
        status=202,
    ),
]
