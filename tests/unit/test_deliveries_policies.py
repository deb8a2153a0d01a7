"""Quiet hours, blackout dates and caps: one file decides, at every attempt."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.deliveries import policies
from chalicelib.deliveries.policies import Cap, Policy, Quiet

TOKYO = ZoneInfo("Asia/Tokyo")
ZONES = [TOKYO, ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe")]


def at(text: str, zone: ZoneInfo = TOKYO) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


NIGHT = Policy(TOKYO, Quiet(time(21), time(9)))


@pytest.mark.parametrize(
    ("local", "until"),
    [
        ("2026-11-22T20:59:59", None),
        ("2026-11-22T21:00:00", "2026-11-23T09:00:00"),
        ("2026-11-23T03:00:00", "2026-11-23T09:00:00"),
        ("2026-11-23T08:59:59", "2026-11-23T09:00:00"),
        ("2026-11-23T09:00:00", None),
    ],
)
def test_nothing_of_marketing_goes_out_at_night(local: str, until: str | None) -> None:
    """From 21:00 to 09:00 it is held until 09:00; the ends are exact."""
    ruling = policies.decide(NIGHT, "marketing", at(local))
    assert ruling.kind == ("hold" if until else "go")
    if until:
        assert (ruling.until, ruling.reason) == (at(until), "quiet_hours")
    assert policies.decide(NIGHT, "transactional", at(local)).kind == "go"


def test_the_end_of_the_night_may_be_a_blackout() -> None:
    """Held over the blackout and over the night after it, with the first reason."""
    policy = Policy(TOKYO, Quiet(time(21), time(9)), blackout=frozenset({date(2026, 11, 23)}))
    ruling = policies.decide(policy, "marketing", at("2026-11-22T22:00:00"))
    assert (ruling.reason, ruling.until) == ("quiet_hours", at("2026-11-24T09:00:00"))
    ruling = policies.decide(policy, "marketing", at("2026-11-23T12:00:00"))
    assert (ruling.reason, ruling.until) == ("blackout", at("2026-11-24T09:00:00"))


def test_skip_instead_of_waiting() -> None:
    """``then: skip`` skips what would have had to wait."""
    body = {"quiet_hours": {"from": "21:00", "to": "09:00", "then": "skip"}}
    ruling = policies.decide(policies.read(body, TOKYO), "marketing", at("2026-11-22T22:00:00"))
    assert (ruling.kind, ruling.reason) == ("skip", "quiet_hours")


def test_an_empty_document_allows_everything() -> None:
    """No policies, nothing held back."""
    policy = policies.read({}, TOKYO)
    assert policies.decide(policy, "marketing", at("2026-11-22T03:00:00")).kind == "go"
    assert policies.cap_keys(policy, "marketing", at("2026-11-22T03:00:00")) == []


QUARTERS = st.integers(0, 95).map(lambda n: time(n // 4, n % 4 * 15))


@given(
    start=QUARTERS,
    end=QUARTERS,
    zone=st.sampled_from(ZONES),
    now=st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 31)),
    blackout=st.booleans(),
)
def test_windows_are_never_left_and_time_never_goes_back(
    start: time, end: time, zone: ZoneInfo, now: datetime, blackout: bool
) -> None:
    """What is held is held until a later moment at which it may go, whatever the clocks do."""
    now = now.replace(tzinfo=UTC)
    off = frozenset({now.astimezone(zone).date() + timedelta(days=1)}) if blackout else frozenset()
    policy = Policy(zone, Quiet(start, end) if start != end else None, blackout=off)
    ruling = policies.decide(policy, "marketing", now)
    if ruling.kind == "go":
        local = now.astimezone(zone).time()
        inside = start <= local < end if start < end else start != end and (local >= start or local < end)
        assert not inside
        return
    assert ruling.until > now
    assert ruling.until - now <= timedelta(days=3)
    assert policies.decide(policy, "marketing", ruling.until).kind == "go"


def test_the_hour_that_comes_twice() -> None:
    """In its second pass the quiet hours end in the second pass."""
    new_york = ZoneInfo("America/New_York")
    policy = Policy(new_york, Quiet(time(22), time(1, 30)))
    second = datetime(2026, 11, 1, 6, 10, tzinfo=UTC)  # 01:10 for the second time
    ruling = policies.decide(policy, "marketing", second)
    assert (ruling.kind, ruling.until) == ("hold", datetime(2026, 11, 1, 6, 30, tzinfo=UTC))


def test_caps_count_by_the_calendar_of_the_account() -> None:
    """Day, ISO week and month of the account's zone; only the category's own caps."""
    caps = (Cap("marketing", 1, "day"), Cap("marketing", 3, "week"), Cap("marketing", 8, "month"))
    policy = Policy(TOKYO, caps=(*caps, Cap("transactional", 1, "day")))
    keys = policies.cap_keys(policy, "marketing", datetime(2026, 12, 31, 15, 30, tzinfo=UTC))
    assert keys == [
        ("cap_marketing_day_2027-01-01", 1),
        ("cap_marketing_week_2026-W53", 3),
        ("cap_marketing_month_2027-01", 8),
    ]
    now = datetime(2026, 11, 22, 3, tzinfo=UTC)
    assert not policies.is_full(policy, "marketing", {}, now)
    assert policies.is_full(policy, "marketing", {"cap_marketing_day_2026-11-22": {"run1"}}, now)
