"""The gateway's calls for coupons, by the SDK, over HTTP against the simulated LINE."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.coupons.request import is_made_of, request_of
from chalicelib.gateways.line_sdk import coupons, requests
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.shared.settings import Settings
from tests.contract.test_line_sim_sdk import Shop, shop

__all__ = ["shop"]
TOKYO, NEW_YORK = ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")
BASE: dict[str, Any] = {
    "title": "割引 🌸",
    "from": "2026-03-01T00:00:00+09:00",
    "until": "2026-04-01T00:00:00+09:00",
    "public": True,
    "reusable": True,
    "description": "店頭でお見せください",
    "usage_condition": "1 会計 1 回",
    "code": "SPRING",
    "image": "https://shop.example/c.jpg",
    "barcode_image": "https://shop.example/b.jpg",
}
REWARDS = (
    {"type": "discount", "amount": 500},
    {"type": "discount", "percent": 20},
    {"type": "discount", "prices": {"before": 1000, "after": 700}},
    {"type": "cash_back", "percent": 5},
    {"type": "free"},
)


@pytest.fixture
def there(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The gateway speaks to the simulator."""
    url = f"http://127.0.0.1:{shop.server.server_port}"
    monkeypatch.setattr(requests, "settings", lambda: Settings(line_api_url=url))
    return shop


def test_every_coupon_is_made_as_it_is_described(there: Shop) -> None:
    """LINE takes it, and its detail is known again; the SDK's own models read it."""
    since, made = datetime.now(UTC), []
    for n, reward in enumerate(REWARDS):
        lottery = {"lottery": {"percent": 30, "at_most": 100 if n else None}} if n < 2 else {}
        asked = request_of({**BASE, **lottery, "reward": reward}, TOKYO if n else NEW_YORK)
        made.append(coupons.create("token", asked))
        found = coupons.find("token", made[-1])
        assert found is not None
        assert is_made_of(found, asked, since)
        assert not is_made_of(found, {**asked, "title": "x"}, since)
        assert there.api.get_coupon_detail(made[-1]).reward.type == asked["reward"]["type"]
    first, following = coupons.page("token", ("RUNNING",), 3)
    rest, end = coupons.page("token", ("RUNNING",), 3, following)
    assert ({one["couponId"] for one in first + rest}, end) == (set(made), None)
    for _ in range(2):
        coupons.close("token", made[0])
    assert [one["couponId"] for one in coupons.page("token", ("CLOSED",), 10)[0]] == [made[0]]
    assert coupons.find("token", "nope") is None


def test_what_line_refuses_is_reported(there: Shop) -> None:
    """With what its details say."""
    asked = request_of({**BASE, "title": "x" * 61, "reward": {"type": "free"}}, TOKYO)
    with pytest.raises(Refused) as caught:
        coupons.create("token", asked)
    assert (caught.value.status, caught.value.is_later) == (400, False)
    assert caught.value.codes == ("Length must be between 1 and 60",)
