"""``/scenarios/{scenario}/waiting`` and ``/retry``: who is where until when, and a push for the stuck;
``/scenario-counts``: how many friends are in each.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.catalog.service import snapshot
from chalicelib.enrollments import decide, funnel
from chalicelib.enrollments.standing import stuck, waiting
from chalicelib.gateways import clock
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_bool, query_int, query_text
from chalicelib.http.routes import Operation
from chalicelib.scenarios.api import EnrollAnswer, Value, taken
from chalicelib.segments import by_shard
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.fields import UserId
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_COUNTS = "/v1/accounts/{account}/scenario-counts"
_SCENARIO = "/v1/accounts/{account}/scenarios/{scenario}"


class WaitingFriend(BaseModel):
    """A friend's run that waits: at which node since when, and when it goes on. ``stuck``: it should have
    gone on ten minutes ago or longer, and nothing holds it.
    """

    user_id: str
    display_name: str | None
    value: str | None
    node: str
    node_name: str | None
    node_at: str
    due_at: str | None
    run: int
    stuck: bool


class WaitingAnswer(BaseModel):
    """A page of those who wait, in no order; it may be short, or empty, and another one follow."""

    items: list[WaitingFriend]
    next_cursor: str | None


class RetryRequest(BaseModel):
    """Friends by id; ``value``: in the run for that one alone."""

    model_config = ConfigDict(extra="forbid")

    user_ids: list[UserId] = Field(min_length=1, max_length=1000)
    value: Value | None = None


class ScenarioCounts(BaseModel):
    """Friends in a scenario; of one that runs once for each value, the runs that sheets show."""

    active: int
    finished: int
    exited: int


class CountsAnswer(BaseModel):
    """By scenario. ``exact`` false: so many that they are estimated; the job counts them."""

    scenarios: dict[str, ScenarioCounts]
    exact: bool | None = None
    job_id: str | None = None


OPERATIONS = [
    Operation("GET", _COUNTS, "How many friends are in each scenario", "viewer", None, CountsAnswer),
    Operation(
        "GET",
        f"{_SCENARIO}/waiting",
        "Friends who wait, with the time at which they go on",
        "viewer",
        None,
        WaitingAnswer,
        query={
            "node": "at this node alone, one that friends may still be at though it is gone",
            "stuck": "true: only those who should have gone on and have not",
            "limit": "1 to 200",
            "cursor": "next_cursor of the page before",
        },
    ),
    Operation(
        "POST", f"{_SCENARIO}/retry", "Send stuck friends on", "publisher", RetryRequest, EnrollAnswer, 202
    ),
]


@bp.route(_COUNTS, methods=["GET"])
@http_errors
def counts(account: str) -> Response:
    """``GET /scenario-counts``: of all that there are."""
    require(bp.current_request, "viewer", account)
    found, job = funnel.of_every_scenario(accounts.get_account(account), "counts")
    named = {
        name: {state: found.get(name, Counter())[state] for state in ScenarioCounts.model_fields}
        for name in snapshot(account).all("scenarios")
    }
    return json_response({"scenarios": named} | ({} if job is None else {"exact": False, "job_id": job}))


@bp.route(f"{_SCENARIO}/waiting", methods=["GET"])
@http_errors
def list_waiting(account: str, scenario: str) -> Response:
    """``GET …/waiting``: in no order, as far as the time of a request goes."""
    request = bp.current_request
    require(request, "viewer", account)
    found, catalog, id_ = accounts.get_account(account), snapshot(account), path_id(scenario, "scenario")
    draft = catalog.get("scenarios", id_)
    program = decide.find_program(catalog, id_, found.zone)
    nodes: dict[str, Any] = dict(program.body["nodes"]) if program else {}
    node = query_text(request, "node")
    if node is not None:
        path_id(node, "node")
    asked = waiting.Asked(
        program, id_, node, query_bool(request, "stuck"), query_int(request, "limit", 100), clock.now()
    )
    result = waiting.find(found, asked, _place(request), by_shard.within(funnel.SYNCHRONOUS_S))
    names = {**draft.body["nodes"], **nodes}
    items = [_view(one, names.get(one.item.node) or {}) for one in result.found]
    return json_response(page(items, _cursor(result.following), request))


def _view(one: waiting.Waiting, node: dict[str, Any]) -> dict[str, Any]:
    item = one.item
    return {
        "user_id": item.user_id,
        "display_name": one.name,
        "value": item.value,
        "node": item.node,
        "node_name": node.get("name"),
        "node_at": item.node_at,
        "due_at": item.due_at,
        "run": item.run,
        "stuck": one.is_stuck,
    }


def _place(request: Request) -> waiting.Place:
    cursor = query_cursor(request, "shard", "after", "user", "value")
    if cursor is None:
        return waiting.Place()
    if not re.fullmatch("[0-9]{1,6}", cursor["shard"]):
        raise InvalidInput.at("cursor", Reason("cursor_unknown"))
    return waiting.Place(int(cursor["shard"]), cursor["after"] or None, cursor["user"], cursor["value"])


def _cursor(place: waiting.Place | None) -> dict[str, str] | None:
    if place is None:
        return None
    return {"shard": str(place.shard), "after": place.after or "", "user": place.user, "value": place.value}


@bp.route(f"{_SCENARIO}/retry", methods=["POST"])
@http_errors
def retry(account: str, scenario: str) -> Response:
    """``POST …/retry``: 202 ``{accepted, rejected}``."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    found, catalog, id_ = accounts.get_account(account), snapshot(account), path_id(scenario, "scenario")
    catalog.get("scenarios", id_)
    program = decide.find_program(catalog, id_, found.zone)
    body = json_body(request, RetryRequest)

    def run() -> Response:
        users = list(dict.fromkeys(body.user_ids))
        return taken(stuck.retry(found, program, id_, users, clock.now(), body.value))

    return once(request, principal, run)
