"""How rules fare, and what acts like one: forms and the actions of scenarios."""

from __future__ import annotations

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.catalog import stops
from chalicelib.catalog.service import snapshot
from chalicelib.friends import waking
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id, query_int
from chalicelib.http.routes import Operation
from chalicelib.rules import health, rights, service

bp = Blueprint(__name__)
waking.answered_by(rights.of_patch)


class Nothing(BaseModel):
    """An action without parameters."""

    model_config = ConfigDict(extra="forbid")


class Resumed(stops.State):
    """The rule, and its state now."""

    id: str


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
    warning_details: list[Finding] = []


class ScenarioHealth(BaseModel):
    """How a scenario fares: what its action nodes could not carry out; ``why`` begins with the node."""

    scenario: str
    trouble: list[Trouble]


class FormHealth(BaseModel):
    """How a form fares: what could not be sent or carried out; ``why`` begins with the question."""

    form: str
    trouble: list[Trouble]


@bp.route("/v1/accounts/{account}/rules/{rule}/health", methods=["GET"])
@http_errors
def rule_health(account: str, rule: str) -> Response:
    """``GET /rules/{rule}/health?days=7``: what could not be carried out lately, and why."""
    require(bp.current_request, "viewer", account)
    rule_id = path_id(rule, "rule")
    days = query_int(bp.current_request, "days", 7, maximum=90)
    found = service.state_of(account, rule_id)
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


@bp.route("/v1/accounts/{account}/rules/{rule}/resume", methods=["POST"])
@http_errors
def resume(account: str, rule: str) -> Response:
    """``POST /rules/{rule}/resume``: a rule that the brake has paused runs again."""
    principal = require(bp.current_request, "publisher", account)
    rule_id = path_id(rule, "rule")
    snapshot(account).get("rules", rule_id)
    json_body(bp.current_request, Nothing)

    def run() -> Response:
        stops.resume(account, "rules", rule_id, principal.who)
        accounts.audit(account, principal.who, "rule.resumed", f"rules/{rule_id}")
        return json_response({"id": rule_id, **stops.state("rules", rule_id, snapshot(account))})

    return once(bp.current_request, principal, run)


def _troubles(account: str, kind: str, name: str) -> Response:
    require(bp.current_request, "viewer", account)
    days = query_int(bp.current_request, "days", 7, maximum=90)
    snapshot(account).get(f"{kind}s", name)
    return json_response({kind: name, "trouble": health.read(account, f"{kind}:{name}", days)})


_DAYS = {"days": "How many days back, 7 by default, at most 90."}
OPERATIONS = [
    Operation(
        "POST",
        "/v1/accounts/{account}/rules/{rule}/resume",
        "Let a rule run again that the runaway brake has paused",
        "publisher",
        Nothing,
        Resumed,
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
