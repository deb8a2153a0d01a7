"""Once an hour LINE is asked what is left of each account's month, and nothing of that stops the sweep."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.gateways import line, seam
from chalicelib.shared import metrics
from tests import hours
from tests.api_client import an_account, an_api


class Hour:
    """A clock that is told, and a LINE that answers or fails."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
        self.asked = 0
        self.answer: Any = (1000, 400)

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name != "line:quota":
            return call()
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, float, str]]:
    found: list[tuple[str, float, str]] = []

    def note(name: str, value: float, unit: str = "None", **dimensions: str) -> None:
        found.append((name, value, dimensions["account"]))

    monkeypatch.setattr("chalicelib.deliveries.limits.measure", note)
    return found


def test_each_account_once_an_hour(cloud: None, counted: list[tuple[str, float, str]]) -> None:
    """Whenever its minute comes; an unlimited plan is no number."""
    assert "QuotaLeft" in metrics.NAMES
    an_account(an_api())
    hour = Hour()
    began = hour.now
    with seam.guarded(hour):
        assert hours.pass_by(began, began + timedelta(hours=1), "ask_quota") == ["shop"]
    assert counted == [("QuotaLeft", 600, "shop")]
    hour.answer = (None, 400)
    with seam.guarded(hour):
        assert hours.pass_by(began + timedelta(hours=1), began + timedelta(hours=2), "ask_quota") == ["shop"]
    assert len(counted) == 1


def test_a_line_that_is_down_is_a_line_of_the_log(cloud: None, counted: list[tuple[str, float, str]]) -> None:
    """The job does not come again: the next hour asks anew. The sweep itself asks LINE nothing."""
    an_account(an_api())
    hour = Hour()
    hour.answer = line.NoAnswer("ReadTimeoutError")
    with seam.guarded(hour):
        for minute in range(60):
            hours.ask(hour.now + timedelta(minutes=minute))
        assert hour.asked == 0
        assert hours.do("ask_quota") == ["shop"]
    assert hour.asked == 1
    assert counted == []
