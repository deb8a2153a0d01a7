"""When what is repeated comes round: local times, weekdays, days of the month, changes of the clocks."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.timers import recurrence

BERLIN = ZoneInfo("Europe/Berlin")


def test_the_next_occurrence() -> None:
    """The next such weekday at that local time, strictly later; gaps go forward, overlaps are the first."""
    every = {"weekdays": ["mon", "sun"], "time": "02:30"}
    found = recurrence.next_occurrence(every, BERLIN, datetime(2027, 3, 27, 12, tzinfo=UTC))
    assert found == datetime(2027, 3, 28, 1, 30, tzinfo=UTC)  # 02:30 does not exist: 03:30 local
    assert recurrence.next_occurrence(every, BERLIN, found) == datetime(2027, 3, 29, 0, 30, tzinfo=UTC)
    autumn = recurrence.next_occurrence(every, BERLIN, datetime(2027, 10, 30, 12, tzinfo=UTC))
    assert autumn == datetime(2027, 10, 31, 0, 30, tzinfo=UTC)
    daily = recurrence.next_occurrence({"time": "10:00"}, BERLIN, datetime(2027, 1, 1, 9, tzinfo=UTC))
    assert daily == datetime(2027, 1, 2, 9, tzinfo=UTC)


def test_days_of_the_month() -> None:
    """Days by number; a month that has none of that number is left out; the last one, whichever it is."""
    after, zone = datetime(2027, 1, 31, 23, tzinfo=UTC), ZoneInfo("Asia/Tokyo")

    def days(*wanted: int | str) -> list[str]:
        found, at = [], after
        for _ in range(4):
            at = recurrence.next_occurrence({"time": "09:00", "days_of_month": list(wanted)}, zone, at)
            found.append(at.astimezone(zone).date().isoformat())
        return found

    assert days(31) == ["2027-03-31", "2027-05-31", "2027-07-31", "2027-08-31"]
    assert days("last") == ["2027-02-28", "2027-03-31", "2027-04-30", "2027-05-31"]
    assert days(1, 30, "last") == ["2027-02-01", "2027-02-28", "2027-03-01", "2027-03-30"]


@given(
    st.sampled_from(
        ["Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"]
    ),
    st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)),
    st.times(),
)
def test_one_a_day_whatever_the_clocks_do(zone_name: str, after: datetime, time: object) -> None:
    """Of each local day there is one, each later than the one before."""
    zone, at = ZoneInfo(zone_name), after.replace(tzinfo=UTC)
    days: list[date] = []
    for _ in range(10):
        following = recurrence.next_occurrence({"time": str(time)[:5]}, zone, at)
        assert following > at
        at = following
        days.append(at.astimezone(zone).date())
    assert [day - days[0] for day in days] == [timedelta(days=n) for n in range(10)]
