"""Once an hour the sweep asks LINE what is left of each account's month, and nothing of that stops it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.gateways import line, seam
from chalicelib.heartbeat import workers
from chalicelib.shared import metrics
from tests.api_client import an_account, an_api


class Hour:
    """A clock that is told, and a LINE that answers, fails or is slow."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
        self.asked = 0
        self.takes = timedelta()
        self.answer: Any = (1000, 400)

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name != "line:quota":
            return call()
        self.asked += 1
        self.now += self.takes
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, str]]:
    found: list[tuple[str, float, str]] = []

    def note(name: str, value: float, unit: str = "None", **dimensions: str) -> None:
        found.append((name, value, dimensions["account"]))

    monkeypatch.setattr("chalicelib.deliveries.limits.measure", note)
    return found


def test_each_account_once_an_hour(cloud: None, told: list[tuple[str, float, str]]) -> None:
    """Whenever its minute comes; an unlimited plan is no number."""
    assert "QuotaLeft" in metrics.NAMES
    an_account(an_api())
    hour = Hour()
    with seam.guarded(hour):
        for minute in range(60):
            hour.now = datetime(2026, 11, 22, 6, minute, tzinfo=UTC)
            workers._ask_quotas(hour.now)
    assert told == [("QuotaLeft", 600, "shop")]
    hour.answer = (None, 400)
    with seam.guarded(hour):
        for minute in range(60):
            workers._ask_quotas(datetime(2026, 11, 22, 7, minute, tzinfo=UTC))
    assert len(told) == 1


def test_a_line_that_is_down_does_not_stop_the_sweep(cloud: None, told: list[tuple[str, float, str]]) -> None:
    """No answer is a line of the log; when answers take long, the rest waits for the next hour."""
    api = an_api()
    for number in range(30):
        an_account(api, f"shop{number}")
    hour = Hour()
    hour.answer, hour.takes = line.NoAnswer("ReadTimeoutError"), timedelta(seconds=10)
    with seam.guarded(hour):
        for slot in range(6):
            hour.asked, hour.now = 0, datetime(2026, 11, 22, 6, slot * 10 + 1, tzinfo=UTC)
            workers._ask_quotas(hour.now)
            assert hour.asked <= 2
    assert told == []
