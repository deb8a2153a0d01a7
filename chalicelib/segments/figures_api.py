"""``/segments`` over time and beside each other: sizes by day, overlap."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Any

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.conditions import language
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id, query_text
from chalicelib.http.routes import Operation
from chalicelib.segments import nightly, overlap
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import local_date

bp = Blueprint(__name__)

_SEGMENTS = "/v1/accounts/{account}/segments"
_USUAL, _MOST = timedelta(days=90), timedelta(days=800)


class OverlapRequest(BaseModel):
    """Two to five conditions."""

    model_config = ConfigDict(extra="forbid")

    conditions: Annotated[list[dict[str, Any]], Field(min_length=2, max_length=5)]


class Pair(BaseModel):
    """How many friends two of the conditions have in common; ``conditions``: their places."""

    conditions: list[int]
    count: int


class Overlap(BaseModel):
    """How many friends each condition has, and each two; ``exact`` false: by the shards that were read."""

    counts: list[int]
    pairs: list[Pair]
    exact: bool
    as_of: str


class Size(BaseModel):
    """How many friends a segment had on a local day."""

    date: str
    count: int
    as_of: str


class History(BaseModel):
    """A segment's sizes, oldest first."""

    items: list[Size]


@bp.route(f"{_SEGMENTS}/overlap", methods=["POST"])
@http_errors
def overlap_of(account: str) -> Response:
    """``POST /segments/overlap``."""
    request = bp.current_request
    principal = require(request, "viewer", account)
    asked = json_body(request, OverlapRequest)
    for n, condition in enumerate(asked.conditions):
        language.check(condition, snapshot(account), f"conditions[{n}]")
    return once(
        request,
        principal,
        lambda: json_response(overlap.overlap(account, asked.conditions, clock.now())),
    )


@bp.route(f"{_SEGMENTS}/{{segment}}/history", methods=["GET"])
@http_errors
def segment_history(account: str, segment: str) -> Response:
    """``GET /segments/{segment}/history``."""
    request = bp.current_request
    require(request, "viewer", account)
    today = local_date(clock.now(), get_account(account).zone)
    last = _day(request, "to") or today
    first = _day(request, "from") or max(date.min + _USUAL, last) - _USUAL
    if not timedelta(0) <= last - first <= _MOST:
        raise InvalidInput.at("to", Reason("days_after_from", most=_MOST.days))
    return json_response({"items": nightly.history(account, path_id(segment, "segment"), first, last)})


def _day(request: Request, name: str) -> date | None:
    text = query_text(request, name)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput.at(name, Reason("must_be_date")) from error


OPERATIONS = [
    Operation(
        "POST",
        f"{_SEGMENTS}/overlap",
        "How many friends conditions have in common, two by two",
        "viewer",
        OverlapRequest,
        Overlap,
    ),
    Operation(
        "GET",
        f"{_SEGMENTS}/{{segment}}/history",
        "How large a segment was, day by day",
        "viewer",
        None,
        History,
        query={
            "from": "The first local date, like 2026-11-01 (without: 90 days before the last).",
            "to": "The last one (without: today).",
        },
    ),
]
