"""What a request for a report says: the days, the group, JSON or CSV; and the answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from typing import Any, TypeVar

from chalice.app import Request, Response
from pydantic import BaseModel

from chalicelib.accounts.model import Account
from chalicelib.gateways import clock
from chalicelib.http.answers import json_response
from chalicelib.http.queries import query_bool, query_choice, query_text
from chalicelib.reports.periods import LONGEST, USUAL, Span
from chalicelib.reports.table import CSV, Report
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, local_date

FORMAT = {
    "format": "json; csv: the rows as a file for spreadsheets; svg: a picture",
    "bom": "true: the CSV begins with a byte order mark, by which Excel knows UTF-8",
}
DAYS = {
    "from": "The first local date, like 2026-11-01 (without: 29 days before the last).",
    "to": "The last one (without: today).",
}


SVG = "image/svg+xml; charset=utf-8"


class ReportAnswer(BaseModel):
    """Rows, and all of them together. Not ``exact``: the columns that ``inexact`` names are near."""

    items: list[dict[str, Any]]
    total: dict[str, Any] | None
    exact: bool
    inexact: list[str]
    as_of: str


class SpanAnswer(ReportAnswer):
    """A report about local days, the first and the last included."""

    since: str
    until: str


class TextResponse(Response):
    """A file as text. Chalice would take CSV for one of the application's binary types (uploads are), and
    answer them only to who names them in ``Accept``; so it learns of the type last.
    """

    def __init__(self, text: str, content_type: str, more: Mapping[str, str]) -> None:
        super().__init__(body=text, status_code=200)
        self._named = {"Content-Type": content_type, "X-Content-Type-Options": "nosniff", **more}

    def to_dict(self, binary_types: list[str] | None = None) -> dict[str, Any]:  # noqa: ARG002
        """The answer for API Gateway."""
        found = super().to_dict(None)
        found["headers"] |= self._named
        return found


class Person(BaseModel):
    """A friend behind a number, and how much of it."""

    user_id: str
    display_name: str | None
    amount: float


class People(BaseModel):
    """A page of friends."""

    items: list[Person]
    next_cursor: str | None


class JobAccepted(BaseModel):
    """Work that goes on in the background."""

    job_id: str


def span(request: Request, account: Account) -> Span:
    """The days that are asked for. Raises InvalidInput."""
    last = _day(request, "to") or today(account)
    first = _day(request, "from") or max(date.min + USUAL, last) - USUAL
    if not timedelta(0) <= last - first <= LONGEST or last == date.max:
        raise InvalidInput.at("to", Reason("days_after_from", most=LONGEST.days))
    return Span(first, last, account.zone)


def days_if_given(request: Request, account: Account) -> dict[str, str]:
    """``since`` and ``until`` of the days that are asked for; without any, nothing: of all time."""
    if query_text(request, "from") is None and query_text(request, "to") is None:
        return {}
    days = span(request, account)
    return {"since": days.since, "until": days.until}


def today(account: Account) -> date:
    """The account's local date."""
    return local_date(clock.now(), account.zone)


def _day(request: Request, name: str) -> date | None:
    text = query_text(request, name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput.at(name, Reason("must_be_date")) from error


Word = TypeVar("Word", bound=str)


def choice(request: Request, name: str, choices: Sequence[Word]) -> Word:
    """One of some words; without one the first. Raises InvalidInput."""
    found = query_choice(request, name, choices)
    return next((one for one in choices if one == found), choices[0])


def answer(
    request: Request, report: Report, picture: Callable[[Report], str], days: Span | None = None
) -> Response:
    """The report as it was asked for; ``picture`` draws it."""
    wanted, bom = choice(request, "format", ("json", "csv", "svg")), query_bool(request, "bom")
    if wanted == "csv":
        named = {"Content-Disposition": 'attachment; filename="report.csv"'}
        return TextResponse(report.csv(bom=bom), CSV, named)
    if wanted == "svg":
        return TextResponse(picture(report), SVG, {"Content-Security-Policy": "default-src 'none'"})
    about: dict[str, Any] = {"as_of": iso(clock.now())}
    if days is not None:
        about |= {"since": days.first.isoformat(), "until": days.last.isoformat()}
    return json_response(report.body() | about)
