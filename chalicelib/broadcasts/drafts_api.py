"""``/broadcasts/{broadcast}``: back to a draft, a copy, and away with it."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.broadcasts import documents, drafts, listing, service
from chalicelib.broadcasts.api import BroadcastOut
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id, query_span
from chalicelib.http.routes import Operation
from chalicelib.shared.fields import Id

bp = Blueprint(__name__)

_ALL = "/v1/accounts/{account}/broadcasts"
_ONE = f"{_ALL}/{{broadcast}}"


class Clone(BaseModel):
    """The id of the copy."""

    model_config = ConfigDict(extra="forbid")

    id: Id


class Deleted(BaseModel):
    """What remains of a deleted broadcast."""

    id: str
    deleted: bool


class DueThatDay(BaseModel):
    """How many friends go on in a scenario on a local day."""

    date: str
    scenario: str
    friends: int


class CalendarOut(BaseModel):
    """What was sent when, and what will be; ``cut``: there is more. ``scenarios``: whom of those who wait in
    scenarios which local day brings on; not ``scenarios_exact``: multiplied from what could be read in time.
    """

    items: list[dict[str, Any]]
    cut: bool
    scenarios: list[DueThatDay]
    scenarios_exact: bool


@bp.route(f"{_ALL}/calendar", methods=["GET"])
@http_errors
def broadcast_calendar(account: str) -> Response:
    """Runs, schedules and their occurrences between two times."""
    require(bp.current_request, "viewer", account)
    return json_response(listing.calendar(account, *query_span(bp.current_request)))


@bp.route(f"{_ONE}/unschedule", methods=["POST"])
@http_errors
def unschedule_broadcast(account: str, broadcast: str) -> Response:
    """Back to a draft; nothing was sent."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    name = path_id(broadcast, "broadcast")
    service.require_known(account, name)

    def run() -> Response:
        json_body(request, documents.Nothing)
        return json_response(drafts.unschedule(account, name, principal.who), 202)

    return once(request, principal, run)


@bp.route(f"{_ONE}/clone", methods=["POST"])
@http_errors
def clone_broadcast(account: str, broadcast: str) -> Response:
    """A draft with the same document under another id."""
    request = bp.current_request
    principal = require(request, "editor", account)
    name = path_id(broadcast, "broadcast")
    service.require_known(account, name)

    def run() -> Response:
        return json_response(drafts.clone(account, name, json_body(request, Clone).id, principal.who), 201)

    return once(request, principal, run)


@bp.route(_ONE, methods=["DELETE"])
@http_errors
def delete_broadcast(account: str, broadcast: str) -> Response:
    """Away with a draft, or with what is over. Its ledger stays."""
    principal = require(bp.current_request, "editor", account)
    name = path_id(broadcast, "broadcast")
    drafts.delete(account, name, principal.who)
    return json_response({"id": name, "deleted": True})


OPERATIONS = [
    Operation(
        "GET",
        f"{_ALL}/calendar",
        "What was sent when, and what will be",
        "viewer",
        None,
        CalendarOut,
        query={
            "from": "From this time on, with its offset; now.",
            "to": "Before this time; 31 days after the first, 92 days at most.",
        },
    ),
    Operation(
        "POST",
        f"{_ONE}/unschedule",
        "Back to a draft",
        "publisher",
        documents.Nothing,
        BroadcastOut,
        status=202,
    ),
    Operation("POST", f"{_ONE}/clone", "A copy as a new draft", "editor", Clone, BroadcastOut, status=201),
    Operation("DELETE", _ONE, "Delete a draft, or what is over", "editor", None, Deleted),
]
