"""``/v1/accounts/{account}/routes/{route}/qr``: a route's address as a QR code."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts.access import require
from chalicelib.accounts.service import get_account
from chalicelib.http.answers import http_errors
from chalicelib.http.queries import path_id, query_text
from chalicelib.http.routes import Operation
from chalicelib.routes import addresses, qr, service

bp = Blueprint(__name__)

_QR = "/v1/accounts/{account}/routes/{route}/qr"


@bp.route(_QR, methods=["GET"])
@http_errors
def route_qr(account: str, route: str) -> Response:
    """``GET /routes/{route}/qr``: SVG, or PNG with so many points for each square."""
    request = bp.current_request
    require(request, "viewer", account)
    name, text = service.known_route(account, path_id(route, "route")), query_text(request, "text")
    is_chat = text is not None
    url = addresses.chat(get_account(account), text or "") if is_chat else addresses.address(account, name)
    return qr.answer(request, url)


OPERATIONS = [
    Operation(
        "GET",
        _QR,
        "A route's address as a QR code",
        "viewer",
        query={
            **qr.QUERY,
            "text": f"in its place the chat opens, with these words to send (1 to {addresses.LONGEST_TEXT})",
        },
    ),
]
