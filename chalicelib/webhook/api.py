"""The webhook as an HTTP route, for the local platform; on AWS the path points at ``front.webhook``."""

from __future__ import annotations

from chalice.app import Blueprint, Response

from chalicelib.webhook import front

bp = Blueprint(__name__)


@bp.route("/webhook/{account}", methods=["POST"], content_types=["*/*"])
def webhook_route(account: str) -> Response:
    """``POST /webhook/{account}``: LINE's events. 200 ``{}`` once all of them are in the inbox."""
    request = bp.current_request
    raw = request.raw_body
    body = raw if isinstance(raw, bytes) else raw.encode()
    headers = {name.lower(): str(value) for name, value in request.headers.items()}
    answer = front.receive(account, body, headers.get("x-line-signature"), headers)
    return Response(body=answer.body, status_code=answer.status, headers={"Content-Type": "application/json"})
