"""What LINE counted of what was sent. 60 calls an hour of each kind; numbers below 20 are null.

Rules: https://developers.line.biz/en/reference/messaging-api/#get-insight
"""

from __future__ import annotations

from typing import Any

from chalicelib.gateways.line_sdk.requests import ask


def of_unit(token: str, unit: str, first: str, last: str) -> dict[str, Any]:
    """Of what was sent under a unit between two days of Japan (``20261122``, 30 days apart at most).

    Raises Refused, NoAnswer.
    """

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.get_statistics_per_unit(unit, first, last, _request_timeout=seconds)

    return _asked("insight_unit", token, call, unit=unit)


def of_request(token: str, request_id: str) -> dict[str, Any]:
    """Of a narrowcast. Raises Refused, NoAnswer."""

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.get_message_event(request_id, _request_timeout=seconds)

    return _asked("insight_request", token, call, request_id=request_id)


def _asked(kind: str, token: str, call: Any, **detail: Any) -> dict[str, Any]:
    found = ask("insight", "Insight", kind, {"token": token, **detail}, call)
    overview = found.get("overview") if isinstance(found, dict) else None
    return overview if isinstance(overview, dict) else {}
