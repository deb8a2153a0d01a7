"""``/v1/accounts/{account}/schedules/{schedule}/runs``: what came of each occurrence."""

from __future__ import annotations

from typing import Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.catalog import stops
from chalicelib.catalog.service import snapshot
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_int
from chalicelib.http.routes import Operation
from chalicelib.schedules import service

bp = Blueprint(__name__)

_RESUME = "/v1/accounts/{account}/schedules/{schedule}/resume"
_RUNS = "/v1/accounts/{account}/schedules/{schedule}/runs"


class Run(BaseModel):
    """An occurrence: how many friends its audience had, how many were given the event, how many ``once_per``
    left out. ``missed``: it was more than ``max_lateness`` late; ``stopped``: taken out of force meanwhile.
    """

    at: str
    state: Literal["running", "done", "stopped", "failed", "missed"]
    audience: int
    done: int
    left_out: int
    job_id: str | None


class Runs(BaseModel):
    """A page of occurrences, newest first."""

    items: list[Run]
    next_cursor: str | None


class Nothing(BaseModel):
    """An action without parameters."""

    model_config = ConfigDict(extra="forbid")


class Resumed(stops.State):
    """The schedule, and its state now."""

    id: str


@bp.route(_RESUME, methods=["POST"])
@http_errors
def resume_schedule(account: str, schedule: str) -> Response:
    """``POST …/resume``: one that the brake has paused comes round again; what passed meanwhile is missed, or
    begun now, by its ``max_lateness``.
    """
    principal = require(bp.current_request, "publisher", account)
    id_ = path_id(schedule, "schedule")
    snapshot(account).get(service.KIND, id_)
    json_body(bp.current_request, Nothing)

    def run() -> Response:
        stops.resume(account, service.KIND, id_, principal.who)
        accounts.audit(account, principal.who, "schedule.resumed", f"schedules/{id_}")
        service.look_at(account, id_)
        return json_response({"id": id_, **stops.state(service.KIND, id_, snapshot(account))})

    return once(bp.current_request, principal, run)


@bp.route(_RUNS, methods=["GET"])
@http_errors
def schedule_runs(account: str, schedule: str) -> Response:
    """``GET …/runs``."""
    request = bp.current_request
    require(request, "viewer", account)
    limit, position = query_int(request, "limit", 20), query_cursor(request, "before")
    before = position["before"] if position else None
    found = service.runs(account, path_id(schedule, "schedule"), limit + 1, before)
    shown = found[:limit]
    following = {"before": shown[-1]["at"]} if len(found) > limit else None
    return json_response(page(shown, following, request))


OPERATIONS = [
    Operation(
        "POST",
        _RESUME,
        "Let a schedule come round again that the runaway brake has paused",
        "publisher",
        Nothing,
        Resumed,
    ),
    Operation(
        "GET",
        _RUNS,
        "What came of a schedule's occurrences, newest first",
        "viewer",
        None,
        Runs,
        query={"limit": "Items per page, at most 200.", "cursor": "next_cursor of the page before."},
    ),
]
