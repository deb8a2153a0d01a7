"""``/scenarios/{scenario}/…`` beyond its document: publish, pause, resume, enroll, exit, funnel, diagram."""

from __future__ import annotations

from typing import Annotated, Any

from chalice.app import Blueprint, Response
from pydantic import AfterValidator, BaseModel, Field, model_validator

from chalicelib.accounts import service as accounts
from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once, once_named
from chalicelib.accounts.model import Principal
from chalicelib.catalog.service import snapshot
from chalicelib.conditions import language
from chalicelib.enrollments import audience_jobs, service
from chalicelib.enrollments.anchors import named_value
from chalicelib.friends.api import known_friend
from chalicelib.gateways import clock
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.pages import page
from chalicelib.http.queries import path_id, query_bool
from chalicelib.http.routes import Operation
from chalicelib.scenarios import graph, publishing
from chalicelib.segments import approvals
from chalicelib.shared.errors import Conflict
from chalicelib.shared.fields import Strict, UserId
from chalicelib.shared.reasons import Reason, as_answered

bp = Blueprint(__name__)

_ACCOUNT = "/v1/accounts/{account}"
_SCENARIO = f"{_ACCOUNT}/scenarios/{{scenario}}"


Value = Annotated[str, AfterValidator(named_value)]


class PublishRequest(Strict):
    """``rearm_waiting``: friends whose wait has become shorter wake at the earlier time. ``dry_run``: only
    say what that would mean, and for how many.
    """

    rearm_waiting: bool = False
    dry_run: bool = False


class LiveEdit(BaseModel):
    """A row of the live-edit table that applies: at which node (null: the scenario as a whole), to how many
    friends, and what happens to them.
    """

    node: str | None
    row: str
    waiting: int
    what: str
    reason: dict[str, Any]


class PublishAnswer(BaseModel):
    """The version in force, who waits where, what the change means for them; ``warnings``: what was probably
    not meant. ``exact`` false: so many wait that they are estimated, and the job counts them.
    """

    version: int
    waiting: dict[str, int]
    effects: list[str]
    changes: list[LiveEdit] | None = None
    warnings: list[str] = []
    warning_details: list[Finding] = []
    exact: bool | None = None
    job_id: str | None = None


class StateAnswer(BaseModel):
    """Whether the scenario moves; ``job_id``: the job that wakes those who fell due, when they are many."""

    id: str
    version: int
    paused: bool
    job_id: str | None = None


class EnrollRequest(Strict):
    """Friends by id, or everybody for whom a condition holds (a job). ``value``: for which value, where the
    scenario runs once for each (``entry.per``).
    """

    user_ids: list[UserId] | None = Field(default=None, min_length=1, max_length=1000)
    condition: dict[str, Any] | None = None
    value: Value | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> EnrollRequest:
        if (self.user_ids is None) == (self.condition is None):
            raise ValueError(Reason("one_of_users_condition"))
        if self.condition is not None and self.value is not None:
            raise ValueError(Reason("run_value_with_users"))
        return self


class ExitRequest(Strict):
    """Friends by id; ``value``: out of the run for that one alone."""

    user_ids: list[UserId] = Field(min_length=1, max_length=1000)
    value: Value | None = None


class Rejected(BaseModel):
    """A friend who was not taken, and why."""

    user_id: str
    why: str


class EnrollAnswer(BaseModel):
    """How many were taken, and who was not."""

    accepted: int
    rejected: list[Rejected]


class FunnelNode(BaseModel):
    """How runs came through a node: who waits there, passed it and by which way, left the scenario there, and
    the median of the seconds that they stood there (by its first two digits).
    """

    node: str
    type: str
    waiting: int
    passed: int
    left: int
    median_s: int | None
    ways: dict[str, int]


class SplitArm(BaseModel):
    """An arm of a split: its runs, how many came to the goal (without one: to the end), with the interval in
    which the rate lies (95 %), and compared with the first arm.
    """

    arm: str
    runs: int
    successes: int
    rate: float
    low: float
    high: float
    p: float | None
    lift: float | None
    significant: bool | None


class FunnelAnswer(BaseModel):
    """How many friends are where. ``exact`` false: so many that they are estimated; the job counts them."""

    entered: int
    active: dict[str, int]
    finished: int
    exited: dict[str, int]
    nodes: list[FunnelNode] | None = None
    splits: dict[str, list[SplitArm]] | None = None
    exact: bool | None = None
    job_id: str | None = None


class DiagramAnswer(BaseModel):
    """The graph as Mermaid text."""

    mermaid: str


class EnrollmentView(BaseModel):
    """Where a friend is in one scenario; ``value``: the one for which this run of it is."""

    scenario: str
    value: str | None
    state: str
    node: str | None
    run: int
    version: int
    entered_at: str
    node_at: str
    due_at: str | None
    reason: str | None
    ended_at: str | None


class Enrollments(BaseModel):
    """A friend's scenarios."""

    items: list[EnrollmentView]
    next_cursor: str | None


def _operation(
    verb: str, summary: str, request: type[BaseModel] | None, response: type[BaseModel], status: int = 200
) -> Operation:
    return Operation("POST", f"{_SCENARIO}/{verb}", summary, "publisher", request, response, status)


OPERATIONS = [
    _operation("publish", "Put the draft in force", PublishRequest, PublishAnswer),
    _operation("pause", "Move nobody on until resumed", None, StateAnswer),
    _operation("resume", "Go on, with what fell due meanwhile first", None, StateAnswer),
    _operation("enroll", "Enter friends (a condition: 202 with a job)", EnrollRequest, EnrollAnswer, 202),
    _operation("exit", "Take friends out", ExitRequest, EnrollAnswer, 202),
    Operation(
        "GET",
        f"{_SCENARIO}/funnel",
        "How many friends are where",
        "viewer",
        None,
        FunnelAnswer,
        query={"nodes": "true: also node by node who passed, and the arms of splits"},
    ),
    Operation("GET", f"{_SCENARIO}/diagram", "The graph as Mermaid text", "viewer", None, DiagramAnswer),
    Operation(
        "GET", f"{_ACCOUNT}/friends/{{user}}/enrollments", "A friend's scenarios", "viewer", None, Enrollments
    ),
]


def _asked(account: str, raw_id: str, role: Any) -> tuple[Principal, str]:
    """Who asks, and for which scenario. Raises NotFound when there is none."""
    principal = require(bp.current_request, role, account)
    scenario = path_id(raw_id, "scenario")
    snapshot(account).get("scenarios", scenario)
    return principal, scenario


@bp.route(f"{_SCENARIO}/publish", methods=["POST"])
@http_errors
def publish(account: str, scenario: str) -> Response:
    """``POST …/publish``: the draft becomes what friends follow."""
    principal, id_ = _asked(account, scenario, "publisher")
    body = json_body(bp.current_request, PublishRequest)

    if body.dry_run:
        return json_response(
            publishing.dry_run(account, id_, principal.who, rearm_waiting=body.rearm_waiting)
        )

    def run() -> Response:
        answer = publishing.publish(account, id_, principal.who, rearm_waiting=body.rearm_waiting)
        accounts.audit(account, principal.who, "scenario.publish", f"scenarios/{id_}@{answer['version']}")
        return json_response(answer)

    return once(bp.current_request, principal, run)


@bp.route(f"{_SCENARIO}/pause", methods=["POST"])
@http_errors
def pause(account: str, scenario: str) -> Response:
    """``POST …/pause``."""
    return _set_paused(account, scenario, paused=True)


@bp.route(f"{_SCENARIO}/resume", methods=["POST"])
@http_errors
def resume(account: str, scenario: str) -> Response:
    """``POST …/resume``."""
    return _set_paused(account, scenario, paused=False)


def _set_paused(account: str, raw_id: str, *, paused: bool) -> Response:
    principal, id_ = _asked(account, raw_id, "publisher")

    def run() -> Response:
        change = publishing.pause if paused else publishing.resume
        published = change(account, id_, principal.who)
        accounts.audit(
            account, principal.who, f"scenario.{'pause' if paused else 'resume'}", f"scenarios/{id_}"
        )
        answer = {"id": id_} | {
            name: published[name] for name in ("version", "paused", "job_id") if name in published
        }
        return json_response(answer)

    return once(bp.current_request, principal, run)


@bp.route(f"{_SCENARIO}/enroll", methods=["POST"])
@http_errors
def enroll(account: str, scenario: str) -> Response:
    """``POST …/enroll``: 202 ``{accepted, rejected}``, or a job for a condition."""
    request = bp.current_request
    principal, id_ = _asked(account, scenario, "publisher")
    body = json_body(request, EnrollRequest)
    if body.condition is not None:
        language.check(body.condition, snapshot(account))

    def run(name: str) -> Response:
        if not audience_jobs.is_published(account, id_):
            raise Conflict(Reason("scenario_unpublished", scenario=id_))
        named = list(dict.fromkeys(body.user_ids or []))  # a friend named twice is one friend
        approvals.refuse_many(account, user_ids=named, condition=body.condition)
        entry = service.by_hand(account, id_, body.value)
        if body.condition is not None:
            job = audience_jobs.start(account, id_, body.condition, principal.who, name)
            return json_response({"job_id": job}, 202)
        return taken(service.enroll(account, named, id_, clock.now(), f"api:{name}", entry=entry))

    return once_named(request, principal, run)


@bp.route(f"{_SCENARIO}/exit", methods=["POST"])
@http_errors
def exit_friends(account: str, scenario: str) -> Response:
    """``POST …/exit``: 202 ``{accepted, rejected}``."""
    principal, id_ = _asked(account, scenario, "publisher")
    body = json_body(bp.current_request, ExitRequest)
    return once(
        bp.current_request,
        principal,
        lambda: taken(
            service.exit(
                account, list(dict.fromkeys(body.user_ids)), id_, "operator", clock.now(), body.value
            )
        ),
    )


def taken(results: list[service.Result]) -> Response:
    rejected = [
        as_answered({"user_id": r.user_id, "why": r.why or "rejected"}) for r in results if not r.accepted
    ]
    return json_response({"accepted": len(results) - len(rejected), "rejected": rejected}, 202)


@bp.route(f"{_SCENARIO}/funnel", methods=["GET"])
@http_errors
def funnel(account: str, scenario: str) -> Response:
    """``GET …/funnel``."""
    _, id_ = _asked(account, scenario, "viewer")
    answer = publishing.funnel(account, id_)
    more = publishing.passing_by_node(account, id_) if query_bool(bp.current_request, "nodes") else {}
    return json_response(answer | more)


@bp.route(f"{_SCENARIO}/diagram", methods=["GET"])
@http_errors
def diagram(account: str, scenario: str) -> Response:
    """``GET …/diagram``: of the draft."""
    _, id_ = _asked(account, scenario, "viewer")
    return json_response({"mermaid": graph.diagram(snapshot(account).get("scenarios", id_).body)})


@bp.route(f"{_ACCOUNT}/friends/{{user}}/enrollments", methods=["GET"])
@http_errors
def enrollments(account: str, user: str) -> Response:
    """``GET /friends/{u}/enrollments``."""
    require(bp.current_request, "viewer", account)
    found = service.enrollments(account, known_friend(account, user))
    return json_response(page([_view(item) for item in found]))


def _view(item: service.Enrollment) -> dict[str, Any]:
    return {
        "scenario": item.scenario,
        "value": item.value,
        "state": item.state,
        "node": item.node,
        "run": item.run,
        "version": item.v,
        "entered_at": item.entered_at,
        "node_at": item.node_at,
        "due_at": item.due_at,
        "reason": item.reason,
        "ended_at": item.ended_at,
    }
