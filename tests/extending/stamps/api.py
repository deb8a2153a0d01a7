"""What outside programs may ask of stamp cards."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts.access import require
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.routes import Operation
from tests.extending.stamps.jobs import PRINTED

bp = Blueprint(__name__)

OPERATIONS = [
    Operation("GET", "/v1/accounts/{account}/stamps-printed", "How many cards were printed", "viewer")
]


@bp.route("/v1/accounts/{account}/stamps-printed", methods=["GET"])
@http_errors
def stamps_printed(account: str) -> Response:
    """``GET /stamps-printed``: how many cards were printed."""
    require(bp.current_request, "viewer", account)
    return json_response({"printed": len(PRINTED)})
