"""How far a narrowcast is at LINE. Sending one is ``line.send``: messages go out as they were saved.

Rules: https://developers.line.biz/en/reference/messaging-api/#get-narrowcast-progress-status
"""

from __future__ import annotations

from typing import Any

from chalicelib.gateways.line_sdk.requests import Refused, ask


def progress(token: str, request_id: str) -> dict[str, Any] | None:
    """``phase``, the counts and why it failed; None: LINE knows it no more (14 days). Raises Refused,
    NoAnswer.
    """

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.get_narrowcast_progress(request_id, _request_timeout=seconds)

    try:
        detail = {"token": token, "request_id": request_id}
        found = ask("messaging", "MessagingApi", "narrowcast_progress", detail, call)
    except Refused as error:
        if error.status != 404:
            raise
        return None
    return found if isinstance(found, dict) else {}
