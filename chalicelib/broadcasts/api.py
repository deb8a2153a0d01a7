"""``/v1/accounts/{account}/broadcasts``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.accounts.model import Principal
from chalicelib.broadcasts import documents, listing, service
from chalicelib.broadcasts.model import EDITABLE, RESTING
from chalicelib.http.answers import Finding, http_errors, json_response
from chalicelib.http.bodies import json_body, parse_json, text_body
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import if_match, path_id, query_choice, query_int, query_span, query_text
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_ALL = "/v1/accounts/{account}/broadcasts"
_ONE = f"{_ALL}/{{broadcast}}"
_LIST = {
    "status": "One of " + ", ".join(listing.STATUSES),
    "from": "Runs from this time on (drafts: made), with its offset (%2B for a plus).",
    "to": "Runs before this time.",
}
_PAGE = {"limit": "Items per page, at most 200.", "cursor": "next_cursor of the page before."}


class Progress(BaseModel):
    """Friends by what came of them; planned is the sum of the rest, at every read."""

    planned: int
    pending: int
    accepted: int
    skipped: dict[str, int]
    failed: dict[str, int]
    unknown: int
    held_out: int


class Approval(BaseModel):
    """Who asked for a broadcast above ``approval_above``, and who approved it (when) or rejected it."""

    asked_by: str | None
    approved_by: str | None
    at: str | None
    rejected_by: str | None


class BroadcastOut(BaseModel):
    """The document, and the state of its newest run."""

    model_config = ConfigDict(extra="allow")

    id: str
    revision: int
    status: str
    status_reason: str | None
    why: str | None
    reason: dict[str, Any] | None
    run: str | None
    at: str | None
    every: dict[str, Any] | None
    progress: Progress
    clicks: int
    variants: list[dict[str, Any]]
    decision: dict[str, Any] | None
    line: dict[str, Any] | None
    decides_at: str | None
    approval: Approval | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None


class BroadcastPage(BaseModel):
    """Broadcasts, newest first: by the time of the newest run, or of their making."""

    items: list[BroadcastOut]
    next_cursor: str | None


class Lines(BaseModel):
    """A page of lines."""

    items: list[dict[str, Any]]
    next_cursor: str | None


class Preview(BaseModel):
    """What it would do now."""

    count: int
    exact: bool
    waterfall: list[dict[str, Any]]
    skipped: dict[str, int]
    held_out: int
    rest: int
    variants: list[dict[str, Any]]
    quota: dict[str, int | None]
    yen: int
    overlap: dict[str, Any]
    samples: list[dict[str, Any]]
    links: list[dict[str, Any]]
    findings: list[Finding]
    line_check: dict[str, Any]


class Why(BaseModel):
    """Why a friend is in the newest run or not, and what came of it."""

    user_id: str
    run: str | None
    judged_at: str | None
    outcome: dict[str, Any] | None
    in_audience: bool
    status: str
    audience: dict[str, Any]
    exclude: dict[str, Any] | None


@bp.route(_ONE, methods=["PUT"])
@http_errors
def put_broadcast(account: str, broadcast: str) -> Response:
    """Write the document, until planning begins."""
    request = bp.current_request
    principal = require(request, "editor", account)
    name = path_id(broadcast, "broadcast")
    body = parse_json(text_body(request))
    if isinstance(body, dict) and body.get("id", name) == name:
        body = {field: value for field, value in body.items() if field not in {"id", "revision"}}
    editable = EDITABLE if principal.may("publisher") else RESTING
    saved, is_new = service.put(account, name, body, if_match(request), principal.who, editable)
    return json_response(saved, 201 if is_new else 200, {"ETag": f'"{saved["revision"]}"'})


@bp.route(_ONE, methods=["GET"])
@http_errors
def get_broadcast(account: str, broadcast: str) -> Response:
    """The document with status and progress."""
    require(bp.current_request, "viewer", account)
    found = service.get(account, path_id(broadcast, "broadcast"))
    return json_response(found, 200, {"ETag": f'"{found["revision"]}"'})


@bp.route(_ALL, methods=["GET"])
@http_errors
def list_broadcasts(account: str) -> Response:
    """A page of broadcasts, newest first."""
    request = bp.current_request
    require(request, "viewer", account)
    since, until = query_span(request)
    asked = listing.Asked(query_choice(request, "status", listing.STATUSES), since, until)
    position = query_cursor(request, "at", "id")
    after = (position["at"], position["id"]) if position else None
    items, following = listing.page(account, asked, query_int(request, "limit", 50), after)
    place = {"at": following[0], "id": following[1]} if following else None
    return json_response(page(items, place, request))


def _action(account: str, broadcast: str, act: Callable[[str, str], dict[str, Any]]) -> Response:
    """A publisher's action with an empty body; 202 with the broadcast."""
    return _with_body(account, broadcast, documents.Nothing, lambda name, who, _body: act(name, who))


def _with_body(
    account: str,
    broadcast: str,
    model: type[Any],
    act: Callable[[str, str, Any], dict[str, Any]],
) -> Response:
    request = bp.current_request
    principal: Principal = require(request, "publisher", account)
    name = path_id(broadcast, "broadcast")
    service.require_known(account, name)

    def run() -> Response:
        return json_response(act(name, principal.who, json_body(request, model)), 202)

    return once(request, principal, run)


@bp.route(f"{_ONE}/send", methods=["POST"])
@http_errors
def send_broadcast(account: str, broadcast: str) -> Response:
    """Send now; ``{"again": true}``: once more."""
    return _with_body(
        account, broadcast, documents.Send, lambda name, who, body: service.send(account, name, who, body)
    )


@bp.route(f"{_ONE}/schedule", methods=["POST"])
@http_errors
def schedule_broadcast(account: str, broadcast: str) -> Response:
    """Send at a time, or again and again."""
    return _with_body(
        account,
        broadcast,
        documents.Schedule,
        lambda name, who, body: service.set_schedule(account, name, body, who),
    )


@bp.route(f"{_ONE}/test", methods=["POST"])
@http_errors
def test_broadcast(account: str, broadcast: str) -> Response:
    """Send it to chosen friends, as a run of its own that is not counted."""
    return _with_body(
        account,
        broadcast,
        documents.TestSend,
        lambda name, who, body: service.send_test(account, name, body.user_ids, who),
    )


@bp.route(f"{_ONE}/pause", methods=["POST"])
@http_errors
def pause_broadcast(account: str, broadcast: str) -> Response:
    """Send nothing more until it is resumed."""
    return _action(account, broadcast, lambda name, who: service.pause(account, name, who))


@bp.route(f"{_ONE}/resume", methods=["POST"])
@http_errors
def resume_broadcast(account: str, broadcast: str) -> Response:
    """Go on."""
    return _action(account, broadcast, lambda name, who: service.resume(account, name, who))


@bp.route(f"{_ONE}/cancel", methods=["POST"])
@http_errors
def cancel_broadcast(account: str, broadcast: str) -> Response:
    """Send nothing more, ever."""
    return _action(account, broadcast, lambda name, who: service.cancel(account, name, who))


@bp.route(f"{_ONE}/approve", methods=["POST"])
@http_errors
def approve_broadcast(account: str, broadcast: str) -> Response:
    """Allow a broadcast that waits for an approval."""
    return _action(account, broadcast, lambda name, who: service.approve(account, name, who))


@bp.route(f"{_ONE}/preview", methods=["POST"])
@http_errors
def preview_broadcast(account: str, broadcast: str) -> Response:
    """What it would do now: counts, costs, samples. Changes nothing."""
    require(bp.current_request, "viewer", account)
    return json_response(service.preview(account, path_id(broadcast, "broadcast")))


@bp.route(f"{_ONE}/recipients", methods=["GET"])
@http_errors
def broadcast_recipients(account: str, broadcast: str) -> Response:
    """A page of the newest run's friends and what came of each."""
    request = bp.current_request
    require(request, "viewer", account)
    position = query_cursor(request, "part")
    if position is not None and not _is_place(position):
        raise InvalidInput(Reason("at", path="cursor", why=Reason("cursor_unknown")))
    items, following = service.recipients(
        account,
        path_id(broadcast, "broadcast"),
        query_text(request, "status"),
        query_int(request, "limit", 100),
        position,
    )
    return json_response(page(items, following, request))


def _is_place(position: dict[str, Any]) -> bool:
    at = position.get("at")
    if not isinstance(at, int) or isinstance(at, bool) or not 0 <= at < 1 << 31:
        return False
    if position["part"] == "plan":
        return isinstance(position.get("shard"), int) and 0 <= position["shard"] < 1 << 20
    return position["part"] == "ledger" and isinstance(position.get("chunk"), str)


@bp.route(f"{_ONE}/why/{{user_id}}", methods=["GET"])
@http_errors
def why_broadcast(account: str, broadcast: str, user_id: str) -> Response:
    """Why a friend is in the newest run or not, and what came of it."""
    require(bp.current_request, "viewer", account)
    return json_response(service.why(account, path_id(broadcast, "broadcast"), user_id))


@bp.route(f"{_ONE}/runs", methods=["GET"])
@http_errors
def broadcast_runs(account: str, broadcast: str) -> Response:
    """A page of runs, newest first, with their numbers."""
    request = bp.current_request
    require(request, "viewer", account)
    position = query_cursor(request, "before")
    items, following = service.runs(
        account,
        path_id(broadcast, "broadcast"),
        query_int(request, "limit", 50),
        position["before"] if position else None,
    )
    return json_response(page(items, {"before": following} if following else None, request))


def _post(action: str, summary: str, request: type[BaseModel] = documents.Nothing) -> Operation:
    return Operation("POST", f"{_ONE}/{action}", summary, "publisher", request, BroadcastOut, status=202)


OPERATIONS: list[Operation] = [
    Operation(
        "GET", _ALL, "List broadcasts, newest first", "viewer", None, BroadcastPage, query=_LIST | _PAGE
    ),
    Operation("GET", _ONE, "A broadcast, its status and progress", "viewer", None, BroadcastOut),
    Operation(
        "PUT",
        _ONE,
        "Write a broadcast (201 for a new one), until planning begins",
        "editor",
        documents.Broadcast,
        BroadcastOut,
    ),
    _post("send", "Send now, or with {again: true} once more", documents.Send),
    _post("schedule", "Send at a time, or again and again", documents.Schedule),
    _post("test", "Send to chosen friends as a run of its own", documents.TestSend),
    _post("pause", "Send nothing more until it is resumed"),
    _post("resume", "Go on"),
    _post("cancel", "Send nothing more, ever"),
    _post("approve", "Allow a broadcast that waits for an approval"),
    Operation("POST", f"{_ONE}/preview", "What it would do now", "viewer", None, Preview),
    Operation(
        "GET",
        f"{_ONE}/recipients",
        "The newest run's friends and what came of each",
        "viewer",
        None,
        Lines,
        query={"status": "pending, accepted, skipped, failed, unknown or held_out", **_PAGE},
    ),
    Operation("GET", f"{_ONE}/why/{{user_id}}", "Why a friend is in it or not", "viewer", None, Why),
    Operation("GET", f"{_ONE}/runs", "Runs, newest first", "viewer", None, Lines, query=_PAGE),
]
