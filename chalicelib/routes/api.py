"""``/v1/accounts/{account}/routes/{route}/qr``: a route's address as a QR code."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts.access import require
from chalicelib.http.answers import http_errors
from chalicelib.http.queries import path_id, query_choice, query_int
from chalicelib.http.routes import Operation
from chalicelib.routes import addresses, qr, service

bp = Blueprint(__name__)

_QR = "/v1/accounts/{account}/routes/{route}/qr"
_MOST_SCALE = 40


@bp.route(_QR, methods=["GET"])
@http_errors
def route_qr(account: str, route: str) -> Response:
    """``GET /routes/{route}/qr``: SVG, or PNG with so many points for each square."""
    request = bp.current_request
    require(request, "viewer", account)
    url = addresses.address(account, service.known_route(account, path_id(route, "route")))
    format_ = query_choice(request, "format", list(qr.FORMATS)) or "svg"
    scale = query_int(request, "scale", 10, _MOST_SCALE)
    headers = {"Content-Type": qr.FORMATS[format_], "X-Content-Type-Options": "nosniff"}
    return Response(qr.draw(url, format_, scale), headers={**headers, "Cache-Control": "no-store"})


OPERATIONS = [
    Operation(
        "GET",
        _QR,
        "A route's address as a QR code",
        "viewer",
        query={"format": "svg or png", "scale": f"points for each square, 1 to {_MOST_SCALE} (10)"},
    ),
]
