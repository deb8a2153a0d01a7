"""Rules beside their documents: dry runs, and how they fare."""

from __future__ import annotations

from typing import Any, Literal

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.access import require
from chalicelib.catalog.service import snapshot
from chalicelib.engine import health, rehearsal
from chalicelib.shared.bodies import json_body
from chalicelib.shared.http import Operation, http_errors, json_response, path_id, query_int

bp = Blueprint(__name__)


class GivenEvent(BaseModel):
    """An event to try: one that happened (``event_id``), or one made up."""

    model_config = ConfigDict(extra="forbid")

    event_id: str | None = Field(default=None, min_length=1, max_length=128)
    type: str | None = Field(default=None, min_length=1, max_length=110)
    at: str | None = None
    props: dict[str, Any] = {}


class DryRun(BaseModel):
    """Try rules on one friend and event. ``rules``: drafts that stand in for (or join) the saved ones;
    ``only``: look at these drafts alone.
    """

    model_config = ConfigDict(extra="forbid")

    user_id: str = Field(min_length=1, max_length=128)
    event: GivenEvent
    rules: dict[str, dict[str, Any]] | None = Field(default=None, max_length=200)
    only: bool = False


class Judged(BaseModel):
    """On what a dry run was decided: the friend as known now, in which an event that happened is already."""

    friend: Literal["now"]
    event: Literal["counted already", "counted for this test"]


class DryRunAnswer(BaseModel):
    """What would happen; nothing did."""

    judged: Judged
    rules: list[dict[str, Any]]
    changes: list[dict[str, Any]]
    effects: list[dict[str, Any]]


class Trouble(BaseModel):
    """Effects of a rule that did not happen in one hour, with the last reason."""

    hour: str
    status: str
    n: int
    why: str
    at: str
    user_id: str | None


class Health(BaseModel):
    """How a rule fares: what in it could not be carried out, and where it may loop."""

    rule: str
    enabled: bool
    trouble: list[Trouble]
    warnings: list[str]


class ScenarioHealth(BaseModel):
    """How a scenario fares: what its action nodes could not carry out; ``why`` begins with the node."""

    scenario: str
    trouble: list[Trouble]


class FormHealth(BaseModel):
    """How a form fares: what could not be said or carried out; ``why`` begins with the question."""

    form: str
    trouble: list[Trouble]


@bp.route("/v1/accounts/{account}/rules/test", methods=["POST"])
@http_errors
def try_rules(account: str) -> Response:
    """``POST /rules/test``: what the rules would do about an event; changes and sends nothing."""
    require(bp.current_request, "viewer", account)
    asked = json_body(bp.current_request, DryRun)
    event = asked.event.model_dump(exclude_none=True)
    return json_response(rehearsal.dry_run(account, asked.user_id, event, asked.rules, only=asked.only))


@bp.route("/v1/accounts/{account}/rules/{rule}/health", methods=["GET"])
@http_errors
def rule_health(account: str, rule: str) -> Response:
    """``GET /rules/{rule}/health?days=7``: what could not be carried out lately, and why."""
    require(bp.current_request, "viewer", account)
    rule_id = path_id(rule, "rule")
    days = query_int(bp.current_request, "days", 7, maximum=90)
    found = rehearsal.standing(account, rule_id)
    return json_response({"rule": rule_id, **found, "trouble": health.read(account, rule_id, days)})


@bp.route("/v1/accounts/{account}/scenarios/{scenario}/health", methods=["GET"])
@http_errors
def scenario_health(account: str, scenario: str) -> Response:
    """``GET /scenarios/{scenario}/health?days=7``: what its action nodes could not carry out lately."""
    return _troubles(account, "scenario", path_id(scenario, "scenario"))


@bp.route("/v1/accounts/{account}/forms/{form}/health", methods=["GET"])
@http_errors
def form_health(account: str, form: str) -> Response:
    """``GET /forms/{form}/health?days=7``: what the form could not say or carry out lately."""
    return _troubles(account, "form", path_id(form, "form"))


def _troubles(account: str, kind: str, name: str) -> Response:
    require(bp.current_request, "viewer", account)
    days = query_int(bp.current_request, "days", 7, maximum=90)
    snapshot(account).get(f"{kind}s", name)
    return json_response({kind: name, "trouble": health.read(account, f"{kind}:{name}", days)})


_DAYS = {"days": "How many days back, 7 by default, at most 90."}
OPERATIONS = [
    Operation(
        "POST",
        "/v1/accounts/{account}/rules/test",
        "Try rules on an event without doing anything",
        "viewer",
        DryRun,
        DryRunAnswer,
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/rules/{rule}/health",
        "What a rule could not carry out lately",
        "viewer",
        None,
        Health,
        query=_DAYS,
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/scenarios/{scenario}/health",
        "What a scenario's action nodes could not carry out lately",
        "viewer",
        None,
        ScenarioHealth,
        query=_DAYS,
    ),
    Operation(
        "GET",
        "/v1/accounts/{account}/forms/{form}/health",
        "What a form could not say or carry out lately",
        "viewer",
        None,
        FormHealth,
        query=_DAYS,
    ),
]
