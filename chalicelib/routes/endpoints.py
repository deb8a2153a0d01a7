"""``GET /q/{account}/{route}``: a route's address, as friends open it."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts.service import get_account
from chalicelib.http.answers import http_errors
from chalicelib.http.routes import Operation
from chalicelib.liff import web
from chalicelib.routes import addresses, service
from chalicelib.shared.errors import TodokuError

bp = Blueprint(__name__)


@bp.route("/q/{account}/{route}", methods=["GET"])
@http_errors
def open_route(account: str, route: str) -> Response:
    """``GET /q/{account}/{route}``: to LIFF, LINE Login, or the account's profile at LINE."""
    request = bp.current_request
    try:
        found = get_account(account)
        begun = addresses.begin(found, service.known_route(account, route), dict(request.query_params or {}))
    except TodokuError as error:
        return web.refusal(request, error)
    return web.redirect(begun.url, {"Set-Cookie": begun.cookie} if begun.cookie else {})


OPERATIONS = [
    Operation(
        "GET",
        "/q/{account}/{route}",
        "A route: through LIFF or LINE Login to the account",
        None,
        status=302,
        any_query=True,
    ),
]
