"""``/v1/audit`` and ``/v1/accounts/{account}/audit``: who did what; a middleware ends each line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel

from chalicelib.accounts import audit, service
from chalicelib.accounts.access import require
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.pages import page, query_cursor
from chalicelib.http.queries import path_id, query_int, query_span, query_text
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import NotAllowed
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)


class AuditLine(BaseModel):
    """Who did what to what, and what came of it.

    ``outcome`` ``asked``: the process ended before it could say; null: the line is older than outcomes.
    ``before`` and ``after``: the fields of something authored that differ.
    """

    at: str
    who: str
    who_name: str | None
    action: str
    target: str
    outcome: Literal["asked", "done", "refused", "failed", "repeated"] | None
    status: int | None
    request_id: str | None
    before: Any = None
    after: Any = None


class AuditPage(BaseModel):
    """Lines of the audit log, newest first."""

    items: list[AuditLine]
    next_cursor: str | None


@bp.route("/v1/audit", methods=["GET"])
@http_errors
def installation_audit() -> Response:
    """``GET /v1/audit``: of the installation and all its accounts; with an account's key of that one."""
    request = bp.current_request
    principal = require(request, "admin")
    account = query_text(request, "account")
    if account is not None:
        if principal.account not in {None, account}:
            raise NotAllowed(Reason("key_of_another"))
        service.get_account(path_id(account, "account"))
    return _page(request, _logs(account or principal.account))


@bp.route("/v1/accounts/{account}/audit", methods=["GET"])
@http_errors
def account_audit(account: str) -> Response:
    """``GET /v1/accounts/{account}/audit``: of one account."""
    request = bp.current_request
    require(request, "admin", account)
    return _page(request, [account])


def _logs(account: str | None) -> list[str | None]:
    return [account] if account else [None, *(known.id for known in service.list_accounts())]


def _page(request: Request, logs: list[str | None]) -> Response:
    since, until = query_span(request)
    who, action = query_text(request, "who"), query_text(request, "action")
    asked = audit.Asked(who=who, action=action, since=since, until=until)
    limit, position = query_int(request, "limit", 100), query_cursor(request, "before")
    lines, following = audit.read(logs, asked, limit, position["before"] if position else None)
    return json_response(page(lines, {"before": following} if following else None, request))


def record_outcome(request: Request, get_response: Callable[[Request], Any]) -> Any:
    """Middleware: the line that a request began in the audit log is ended before its answer is given."""
    audit.drop()
    try:
        response = get_response(request)
        audit.end(response.status_code, repeated="Idempotency-Replayed" in response.headers)
    finally:
        audit.drop()
    return response


bp.register_middleware(record_outcome, "http")

_QUERY = {
    "who": "The id of a key.",
    "action": "An action, or the beginning of some: scenario for scenario.publish and others.",
    "from": "Changes from this time on, with its offset (%2B for a plus).",
    "to": "Changes before this time.",
    "limit": "Items per page, at most 200.",
    "cursor": "next_cursor of the page before.",
}
OPERATIONS = [
    Operation(
        "GET", "/v1/audit", "Who did what, in the installation and its accounts", "admin", None, AuditPage,
        query={"account": "Only of this account.", **_QUERY},
    ),
    Operation(
        "GET", "/v1/accounts/{account}/audit", "Who did what", "admin", None, AuditPage, query=_QUERY
    ),
]  # fmt: skip
