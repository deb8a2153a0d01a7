"""``/t/{account}``: the site tag, and what it sends from the account's own sites."""

from __future__ import annotations

import functools
from pathlib import Path

from chalice.app import Blueprint, Request, Response

from chalicelib.accounts import site_rules
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import find_account
from chalicelib.http import cross_origin
from chalicelib.http.answers import error_response, http_errors, json_response
from chalicelib.http.bodies import parse_json, parse_model, text_body
from chalicelib.http.routes import Operation
from chalicelib.shared.errors import NotFound, TodokuError
from chalicelib.shared.ids import ID_PATTERN
from chalicelib.shared.reasons import Reason
from chalicelib.site import model, service

bp = Blueprint(__name__)

_SCRIPT = Path(__file__).with_name("tag.js")
_SCRIPT_HEADERS = {
    "Content-Type": "text/javascript; charset=utf-8",
    "Cache-Control": "public, max-age=300",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
}
_TYPES = ["application/json", "text/plain"]
"""``sendBeacon`` sends text without asking first."""


@bp.route("/t/{account}", methods=["GET"])
@http_errors
def site_tag(account: str) -> Response:
    """``GET /t/{account}.js``: the tag."""
    name, dot, suffix = account.rpartition(".")
    if not dot or suffix != "js":
        raise NotFound(Reason("no_tag"))
    known = _account(name)
    return Response(_script(site_rules.of(known).consent), headers=dict(_SCRIPT_HEADERS))


@functools.cache
def _script(asks: bool) -> str:
    return _SCRIPT.read_text(encoding="utf-8").replace("__CONSENT__", "true" if asks else "false")


@bp.route("/t/{account}", methods=["POST"], content_types=_TYPES)
@http_errors
def site_events(account: str) -> Response:
    """``POST /t/{account}``: what a visitor did, from a registered origin."""
    request = bp.current_request
    known = _account(account)
    headers = _headers(request, known)
    try:
        text = text_body(request, model.MAX_BODY)
        parse_json(text)
        taken = service.take(known, parse_model(model.Visit, text))
    except TodokuError as error:
        refused = error_response(error)
        refused.headers |= headers
        return refused
    return json_response(taken.model_dump(exclude_none=True), 200, headers)


@bp.route("/t/{account}", methods=["OPTIONS"])
@http_errors
def site_preflight(account: str) -> Response:
    """What a browser asks before a page of another origin may send JSON."""
    headers = _headers(bp.current_request, _account(account))
    return Response(body="", status_code=204, headers=dict(headers))


def _headers(request: Request, account: Account) -> dict[str, str]:
    return cross_origin.headers(request, account.site_origins, needed=True)


def _account(name: str) -> Account:
    """The account, if it has sites. Raises NotFound."""
    found = find_account(name) if ID_PATTERN.match(name) else None
    if found is None or not found.site_origins:
        raise NotFound(Reason("no_tag"))
    return found


OPERATIONS = [
    Operation("GET", "/t/{account}", "The site tag, as {account}.js", None, any_query=True),
    Operation(
        "POST",
        "/t/{account}",
        "What the site tag sends",
        None,
        model.Visit,
        model.Taken,
        media_types=tuple(_TYPES),
    ),
    Operation("OPTIONS", "/t/{account}", "Who may send it", None, status=204),
]
