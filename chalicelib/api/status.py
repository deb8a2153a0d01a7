"""``GET /health`` and ``GET /v1/status``: is it up, and is anything moving."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel

from chalicelib.accounts import service
from chalicelib.accounts.access import require
from chalicelib.broadcasts import service as broadcasts
from chalicelib.gateways import queues
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.routes import Operation
from chalicelib.shared.version import VERSION
from chalicelib.timers import service as timers

bp = Blueprint(__name__)

_WORK = ("shards", "broadcast-tasks", "minute-tasks")


class Health(BaseModel):
    """The program answers."""

    status: str
    version: str


class QueueCounts(BaseModel):
    """Messages of a queue, as SQS counts them, and of its dead letters."""

    waiting: int
    in_flight: int
    dlq: int


class DueCounts(BaseModel):
    """Steps that wait for their due time, and those that are being carried out."""

    next_at: str | None
    oldest_late_s: int
    waiting: int
    in_flight: int
    dlq: int


class Status(BaseModel):
    """Everything that moves; all zero: nothing does. ``tasks``: planning and timer commands."""

    version: str
    accounts: int
    inbox: QueueCounts
    bulk: QueueCounts
    sends: QueueCounts
    due: DueCounts
    tasks: QueueCounts
    runs_open: int


@bp.route("/health", methods=["GET"])
@http_errors
def health() -> Response:
    """``GET /health``: the program answers; asks nothing of anybody."""
    return json_response({"status": "ok", "version": VERSION})


@bp.route("/v1/status", methods=["GET"])
@http_errors
def status() -> Response:
    """``GET /v1/status``: queues, due steps, open runs; with any key."""
    require(bp.current_request, "viewer")
    accounts = service.list_accounts()
    body: dict[str, Any] = {"version": VERSION, "accounts": len(accounts)}
    for queue in ("inbox", "bulk", "sends"):
        body[queue] = queues.counts(queue)
    body["due"] = {**timers.next_due("step"), "dlq": queues.counts("due")["dlq"]}
    work = [queues.counts(queue) for queue in _WORK]
    body["tasks"] = {name: sum(counts[name] for counts in work) for name in ("waiting", "in_flight", "dlq")}
    body["runs_open"] = broadcasts.open_runs_count()
    return json_response(body)


OPERATIONS = [
    Operation("GET", "/health", "Whether the program answers", None, None, Health),
    Operation("GET", "/v1/status", "Whether anything is moving", "viewer", None, Status),
]
