"""LINE's coupons: made, listed, shown, closed. 200 calls a second; 5,000 that are valid.

Rules: https://developers.line.biz/en/reference/messaging-api/#coupon
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.gateways.line_sdk.requests import Refused, ask

MOST_PER_PAGE = 100
STATUSES = ("DRAFT", "RUNNING", "CLOSED")


def create(token: str, coupon: Mapping[str, Any]) -> str:
    """Make a coupon; returns its id. Made twice, there are two. Raises Refused, NoAnswer."""

    def call(api: Any, sdk: Any, seconds: float) -> Any:
        class AsWritten(sdk.CouponCreateRequest):  # type: ignore[misc]
            """Goes out as it is written: the SDK's model drops what it does not know of a reward."""

            def to_dict(self) -> dict[str, Any]:
                return dict(coupon)

        return api.create_coupon(AsWritten.construct(), _request_timeout=seconds)

    return str(_ask("coupon_create", token, call, coupon=coupon)["couponId"])


def page(
    token: str, statuses: Sequence[str], limit: int, start: str | None = None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of ``{"couponId", "title"}`` of coupons of these statuses (none: of all), and where the next
    begins. Raises Refused, NoAnswer.
    """

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        asked: dict[str, Any] = {"limit": limit}
        asked |= {"status": list(statuses)} if statuses else {}
        return api.list_coupon(**asked, **({"start": start} if start else {}), _request_timeout=seconds)

    found = _ask("coupons", token, call, statuses=statuses, start=start) or {}
    return [one for one in found.get("items") or () if isinstance(one, dict)], found.get("next") or None


def find(token: str, coupon: str) -> dict[str, Any] | None:
    """A coupon as LINE has it; None: there is none (any more). Raises Refused, NoAnswer."""

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.get_coupon_detail(coupon, _request_timeout=seconds)

    try:
        found = _ask("coupon", token, call, coupon=coupon)
    except Refused as error:
        if error.status not in {404, 410}:
            raise
        return None
    return found if isinstance(found, dict) else None


def close(token: str, coupon: str) -> None:
    """End a coupon, also for those who hold it; one that is over or gone is no error. Raises Refused,
    NoAnswer.
    """

    def call(api: Any, _sdk: Any, seconds: float) -> Any:
        return api.close_coupon(coupon, _request_timeout=seconds)

    try:
        _ask("coupon_close", token, call, coupon=coupon)
    except Refused as error:
        if error.status not in {404, 410}:
            raise


def _ask(kind: str, token: str, call: Any, **detail: Any) -> Any:
    return ask("messaging", "MessagingApi", kind, {"token": token, **detail}, call)
