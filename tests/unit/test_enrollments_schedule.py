"""When waits end: local times, summer time, weekdays; never before they were entered."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.enrollments.nodes import schedule
from chalicelib.shared.times import iso, local_date

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
ZONES = [TOKYO, BERLIN, ZoneInfo("America/New_York"), ZoneInfo("Australia/Lord_Howe"), ZoneInfo("UTC")]

times = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))
ENTERED = datetime(2026, 11, 22, tzinfo=UTC)
clocks = st.times().map(lambda t: f"{t:%H:%M}")
zones = st.sampled_from(ZONES)


def test_a_time_left_out_moves_forward_by_the_gap() -> None:
    """On 2026-03-29 Berlin's clocks jump from 02:00 to 03:00: 02:30 is 03:30 summer time."""
    assert schedule.at_local(date(2026, 3, 29), "02:30", BERLIN) == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_of_a_time_that_comes_twice_it_is_the_first() -> None:
    """On 2026-10-25 Berlin sees 02:30 twice: it is the one of summer time."""
    assert schedule.at_local(date(2026, 10, 25), "02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@given(st.dates(date(2020, 1, 1), date(2035, 12, 31)), clocks, zones)
def test_the_wall_shows_the_time_or_a_gap_was_skipped(day: date, clock: str, zone: ZoneInfo) -> None:
    """Whatever the zone, the clock shows the wanted time; only a gap moves it, and only forward."""
    seen = schedule.at_local(day, clock, zone).astimezone(zone)
    wanted = datetime.combine(day, time.fromisoformat(clock))
    shown = seen.replace(tzinfo=None)
    assert shown == wanted or timedelta() < shown - wanted <= timedelta(hours=1)


@given(times, st.integers(0, 400), clocks, zones, st.sets(st.sampled_from(schedule.WEEKDAYS)))
def test_a_wait_never_ends_before_it_was_entered(
    entered: datetime, day: int, clock: str, zone: ZoneInfo, weekdays: set[str]
) -> None:
    """It ends at the wanted time of the first fitting day, or at once when that is past."""
    at: dict[str, Any] = {"day": day, "time": clock} | ({"weekdays": sorted(weekdays)} if weekdays else {})
    end = schedule.ends_at({"at": at}, entered, zone)
    assert end >= entered
    first = local_date(entered, zone) + timedelta(days=day)
    if end > entered:
        assert first <= local_date(end, zone) <= first + timedelta(days=7)
        assert not weekdays or schedule.WEEKDAYS[local_date(end, zone).weekday()] in weekdays


@given(times, st.integers(0, 100_000))
def test_after_is_a_plain_duration(entered: datetime, seconds: int) -> None:
    """Elapsed time knows no summer time."""
    assert schedule.ends_at({"after": f"{seconds}s"}, entered, BERLIN) == entered + timedelta(seconds=seconds)


def test_a_time_already_past_today_passes_at_once() -> None:
    """Entered at 10:00, day 0 at 09:00: at once, not tomorrow."""
    entered = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
    assert schedule.ends_at({"at": {"day": 0, "time": "09:00"}}, entered, TOKYO) == entered
    nine = datetime(2026, 11, 23, 0, 0, tzinfo=UTC)
    assert schedule.ends_at({"at": {"day": 1, "time": "09:00"}}, entered, TOKYO) == nine


@pytest.mark.parametrize(
    ("wait", "expected"),
    [
        ({"attribute": "visit", "offset": "-1d", "time": "18:00"}, "2026-12-09T09:00:00.000Z"),
        ({"attribute": "visit"}, "2026-12-09T15:00:00.000Z"),
        ({"attribute": "visit", "offset": "+2h"}, "2026-12-09T17:00:00.000Z"),
        ({"event": "purchased", "offset": "3d"}, "2026-11-25T03:04:05.000Z"),
        ({"event": "purchased", "offset": "90m", "time": "20:00"}, "2026-11-22T11:00:00.000Z"),
        ({"attribute": "birthday"}, None),
        ({"event": "reserved"}, None),
    ],
)
def test_until_counts_from_a_date_or_an_event(wait: dict[str, Any], expected: str | None) -> None:
    """The day before at 18:00, the day at 00:00 local, hours, three days after an event; or no date."""
    sheet = {
        "attributes": {"visit": "2026-12-10"},
        "facts": {"purchased": {"count": 1, "last_at": "2026-11-22T03:04:05.000Z"}},
    }
    found = schedule.until(wait, sheet, TOKYO, ENTERED)
    assert (iso(found) if found else None) == expected
