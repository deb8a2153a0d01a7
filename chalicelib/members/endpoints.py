"""``/link/{account}``: where a member's browser goes to be linked, through LINE Login or from a LIFF page."""

from __future__ import annotations

from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Annotated
from urllib.parse import urlsplit

from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.http import cross_origin
from chalicelib.http.answers import error_response, http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.routes import Operation
from chalicelib.links import site_tokens
from chalicelib.members import logins, signing_in
from chalicelib.pages.page import refusal
from chalicelib.shared.errors import TodokuError
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)

_COOKIE = "todoku_link"
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_REFUSED = Reason("link_page_title")


class LiffIn(BaseModel):
    """What the LIFF page has of LINE (``liff.getIDToken()``), and the token of the member site."""

    model_config = ConfigDict(extra="forbid")

    id_token: Annotated[str, Field(min_length=1, max_length=8000)]
    t: Annotated[str, Field(min_length=1, max_length=200)]


class LiffOut(BaseModel):
    """The link exists."""

    linked: bool


@bp.route("/link/{account}/start", methods=["GET"])
@http_errors
def start(account: str) -> Response:
    """``GET /link/{account}/start?t=``: to LINE Login, with what LINE must bring back; else a page says why
    not.
    """
    request = bp.current_request
    try:
        found = get_account(account)
        where, browser = logins.start(found, _query(request).get("t", ""))
    except TodokuError as error:
        return refusal(request, _REFUSED, error)
    return _go(where, _cookie(account, browser, int(logins.LIFE.total_seconds())))


@bp.route("/link/{account}/callback", methods=["GET"])
@http_errors
def callback(account: str) -> Response:
    """``GET /link/{account}/callback``: back from LINE; to the site with ``linked=1`` or ``error=``."""
    request = bp.current_request
    query = _query(request)
    try:
        found = get_account(account)
        flow = logins.finish(account, query.get("state", ""), _browser(request))
    except TodokuError as error:
        return refusal(request, _REFUSED, error)
    try:
        if "code" not in query:
            return _back(account, flow, error=_error(query))
        user = signing_in.by_code(found, flow, query["code"])
        where = logins.back(flow.return_url, linked="1")
        where = site_tokens.with_token(found, where, FriendToken(user), "login", query["state"])
    except TodokuError as error:
        return _back(account, flow, error=error.reason.code)
    except Exception:  # noqa: BLE001 (the friend is at our address, and goes on)
        logger.exception("a link by LINE Login failed", extra={"account": account})
        return _back(account, flow, error="server_error")
    return _go(where, _cookie(account, "", 0))


@bp.route("/link/{account}/liff", methods=["POST"])
@http_errors
def liff(account: str) -> Response:
    """``POST /link/{account}/liff``: an ID token of LIFF and the member site's token, for a link."""
    request = bp.current_request
    found = get_account(account)
    headers = _cross_origin(request, found)
    given = json_body(request, LiffIn)
    try:
        signing_in.by_id_token(found, given.id_token, given.t)
    except TodokuError as error:
        refused = error_response(error)
        refused.headers |= headers
        return refused
    return json_response({"linked": True}, 200, headers)


@bp.route("/link/{account}/liff", methods=["OPTIONS"])
@http_errors
def liff_preflight(account: str) -> Response:
    """What a browser asks before a page of the member site may speak to us."""
    headers = _cross_origin(bp.current_request, get_account(account))
    return Response(body="", status_code=204, headers=dict(headers))


def _cross_origin(request: Request, account: Account) -> dict[str, str]:
    """The headers for a page of the member site. Raises NotAllowed for one of anybody else's."""
    ours = str(settings().public_url).rstrip("/")
    return cross_origin.headers(request, {*account.member_site_origins, ours})


def _query(request: Request) -> dict[str, str]:
    return dict(request.query_params or {})


def _error(query: Mapping[str, str]) -> str:
    """LINE's word for what went wrong: ``access_denied`` when the friend has declined."""
    error = query.get("error", "").lower()
    return error if error.replace("_", "").isalnum() and len(error) <= 60 else "login_failed"


def _back(account: str, flow: logins.Flow, **params: str) -> Response:
    return _go(logins.back(flow.return_url, **params), _cookie(account, "", 0))


def _go(where: str, cookie: str) -> Response:
    headers = {"Location": where, "Set-Cookie": cookie, "Cache-Control": "no-store"}
    return Response(body="", status_code=302, headers={**headers, "Referrer-Policy": "no-referrer"})


def _cookie(account: str, value: str, seconds: int) -> str:
    """Sent along by the browser that began, when LINE sends it back (a navigation from elsewhere: Lax)."""
    public = urlsplit(settings().public_url)  # its path is API Gateway's stage, where there is no domain
    path = f"{public.path.rstrip('/')}/link/{account}"
    text = f"{_COOKIE}={value}; Path={path}; Max-Age={seconds}; HttpOnly; SameSite=Lax"
    return text if public.hostname in _LOOPBACK else f"{text}; Secure"


def _browser(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


_ANY = "what LINE adds is taken as it comes"
OPERATIONS = [
    Operation(
        "GET",
        "/link/{account}/start",
        "Begin a link by LINE Login: to LINE",
        None,
        status=302,
        query={"t": "the token of POST /members/{member}/login", "lang": "ja or en"},
        any_query=True,
    ),
    Operation(
        "GET",
        "/link/{account}/callback",
        "End a link by LINE Login: back to the member site",
        None,
        status=302,
        query={"code": "LINE's code", "state": "as it was sent", "error": "LINE's word for a failure"},
        any_query=True,
    ),
    Operation("POST", "/link/{account}/liff", "Link by LIFF's ID token", None, LiffIn, LiffOut),
    Operation("OPTIONS", "/link/{account}/liff", "What a browser asks before", None, status=204),
]
