"""``/liff/{account}``: the page of a LIFF app and its one request; ``/login/{account}``: from LINE Login."""

from __future__ import annotations

from typing import Annotated

from chalice.app import Blueprint, Response
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.accounts.service import get_account
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.routes import Operation
from chalicelib.liff import entry, login, pages, web
from chalicelib.pages.page import message_page
from chalicelib.shared.errors import NotFound, TodokuError, Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason

bp = Blueprint(__name__)

_LIFF = "/liff/{account}"
_PLACE = f"{_LIFF}/{{place}}"
_REST = f"{_PLACE}/{{rest}}"
_CALLBACK = "/login/{account}/callback"


class EnterIn(BaseModel):
    """What the page has of LINE (``liff.getIDToken()``), and what follows its own address."""

    model_config = ConfigDict(extra="forbid")

    id_token: Annotated[str, Field(min_length=1, max_length=8000)]
    path: Annotated[str, Field(max_length=300)] = ""
    query: Annotated[str, Field(max_length=4000)] = ""


class EnterOut(BaseModel):
    """Where the browser goes on, or what the friend reads."""

    go: str | None
    notice: str | None


@bp.route(_LIFF, methods=["GET"])
@http_errors
def liff_page(account: str) -> Response:
    """``GET /liff/{account}``: where LINE sends a LIFF app's browser first."""
    return _page(account)


@bp.route(_PLACE, methods=["GET"])
@http_errors
def liff_place(account: str, **_behind: str) -> Response:
    """``GET /liff/{account}/{place}``: where LINE's SDK sends it then; the same page."""
    return _page(account)


@bp.route(_REST, methods=["GET"])
@http_errors
def liff_rest(account: str, **_behind: str) -> Response:
    """``GET /liff/{account}/{place}/{rest}``: likewise."""
    return _page(account)


@bp.route(_LIFF, methods=["POST"])
@http_errors
def enter_liff(account: str) -> Response:
    """``POST /liff/{account}``: an ID token of LIFF, for where its friend goes on."""
    found = get_account(account)
    given = json_body(bp.current_request, EnterIn)
    following = entry.by_id_token(found, given.id_token, given.path, given.query)
    notice = following.text() if isinstance(following, Reason) else None
    go = None if isinstance(following, Reason) else following
    return json_response({"go": go, "notice": notice}, 200, {"Cache-Control": "no-store"})


@bp.route("/liff-page/{file}", methods=["GET"])
@http_errors
def liff_file(file: str) -> Response:
    """``GET /liff-page/{file}``: the page's script and style."""
    found = pages.file(file)
    if found is None:
        raise NotFound(Reason("no_page_file"))
    kept = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(found[0], headers={"Content-Type": found[1], **kept})


@bp.route(_CALLBACK, methods=["GET"])
@http_errors
def back_from_login(account: str) -> Response:
    """``GET /login/{account}/callback``: back from LINE Login; on to where the browser wanted to go."""
    request = bp.current_request
    came = dict(request.query_params or {})
    try:
        found = get_account(account)
        following = login.finish(found, came, request.headers.get("cookie", ""))
    except TodokuError as error:
        return web.refusal(request, error)
    except Exception:  # noqa: BLE001 (the friend is at our address, and reads a page)
        logger.exception("a sign-in by LINE Login failed", extra={"account": account})
        return web.refusal(request, Unavailable(Reason("our_side_logged")))
    cookie = {"Set-Cookie": login.over(account, came.get("state", ""))}
    if isinstance(following, Reason):
        return message_page(request, Reason("page_done_title"), following, 200, cookie)
    return web.redirect(following, cookie)


def _page(account: str) -> Response:
    try:
        found = get_account(account)
        if found.liff_id is None:
            raise NotFound(Reason("no_liff_app"))
    except TodokuError as error:
        return web.refusal(bp.current_request, error)
    return Response(pages.page(found), headers=pages.protection())


_PAGE = "The page of an account's LIFF app"
OPERATIONS = [
    Operation("GET", _LIFF, _PAGE, None, any_query=True),
    Operation("GET", _PLACE, f"{_PAGE}, at a place", None, any_query=True),
    Operation("GET", _REST, f"{_PAGE}, at something of a place", None, any_query=True),
    Operation("POST", _LIFF, "Who LINE has signed in goes on", None, EnterIn, EnterOut),
    Operation("GET", "/liff-page/{file}", "A file of the LIFF page", None),
    Operation(
        "GET",
        _CALLBACK,
        "Back from LINE Login: on to where the browser wanted to go",
        None,
        status=302,
        query={"code": "LINE's code", "state": "as it was sent", "error": "LINE's word for a failure"},
        any_query=True,
    ),
]
