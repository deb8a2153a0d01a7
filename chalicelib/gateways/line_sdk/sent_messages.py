"""How many messages LINE has sent for an account on a day, by the way they went. Of yesterday and before.

Rules: https://developers.line.biz/en/reference/messaging-api/#get-number-of-reply-messages
"""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, get_args

from chalicelib.gateways.line_sdk.requests import ask

Way = Literal["reply", "push", "multicast", "broadcast"]
WAYS: tuple[Way, ...] = get_args(Way)
READY = "ready"


def sent(token: str, way: Way, day: date) -> int | None:
    """How many on a day of Japan; None: LINE has not counted it (yet). Raises Refused, and line.NoAnswer."""
    named = f"{day:%Y%m%d}"

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return getattr(api, f"get_number_of_sent_{way}_messages")(named, _request_timeout=seconds)

    detail = {"token": token, "way": way, "date": named}
    found = ask("messaging", "MessagingApi", "sent", detail, call) or {}
    return int(found.get("success") or 0) if found.get("status") == READY else None
