"""``POST /v1/accounts/{account}/broadcasts/{broadcast}/decide``."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.accounts.access import require
from chalicelib.accounts.idempotency import once
from chalicelib.broadcasts import documents, service
from chalicelib.broadcasts.api import BroadcastOut
from chalicelib.broadcasts.winners import choosing
from chalicelib.http.answers import http_errors, json_response
from chalicelib.http.bodies import json_body
from chalicelib.http.queries import path_id
from chalicelib.http.routes import Operation

bp = Blueprint(__name__)

_DECIDE = "/v1/accounts/{account}/broadcasts/{broadcast}/decide"


@bp.route(_DECIDE, methods=["POST"])
@http_errors
def decide_broadcast(account: str, broadcast: str) -> Response:
    """Decide a test before its time: which variant the rest of the audience gets."""
    request = bp.current_request
    principal = require(request, "publisher", account)
    name = path_id(broadcast, "broadcast")
    service.require_known(account, name)

    def run() -> Response:
        winner = json_body(request, documents.Decide).winner
        return json_response(choosing.choose(account, name, winner, principal.who), 202)

    return once(request, principal, run)


OPERATIONS = [
    Operation(
        "POST",
        _DECIDE,
        "Decide a test now: what the rest of the audience gets",
        "publisher",
        documents.Decide,
        BroadcastOut,
        status=202,
    )
]
