"""Spans of the calendar and months in conditions: the same day of the month, in the account's time zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.conditions import windows
from chalicelib.conditions.comparisons import age
from chalicelib.shared.times import iso

TOKYO = ZoneInfo("Asia/Tokyo")
SUNDAY = date(2026, 11, 29)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("today", "2026-11-29", "2026-11-29"),
        ("yesterday", "2026-11-28", "2026-11-28"),
        ("tomorrow", "2026-11-30", "2026-11-30"),
        ("this_week", "2026-11-23", "2026-11-29"),
        ("last_week", "2026-11-16", "2026-11-22"),
        ("next_week", "2026-11-30", "2026-12-06"),
        ("this_month", "2026-11-01", "2026-11-30"),
        ("last_month", "2026-10-01", "2026-10-31"),
        ("next_month", "2026-12-01", "2026-12-31"),
        ("this_year", "2026-01-01", "2026-12-31"),
        ("last_year", "2025-01-01", "2025-12-31"),
    ],
)
def test_spans(name: str, first: str, last: str) -> None:
    """Whole days of the calendar; weeks begin on Monday."""
    assert windows.span(name, SUNDAY) == (date.fromisoformat(first), date.fromisoformat(last))


def test_a_month_is_the_same_day_of_another_month() -> None:
    """Clamped to a shorter month's last day; a year before 29 February is the 28th."""
    assert windows.shifted(date(2027, 1, 31), 1) == date(2027, 2, 28)
    assert windows.shifted(date(2027, 3, 31), -1) == date(2027, 2, 28)
    assert windows.shifted(date(2028, 2, 29), -12) == date(2027, 2, 28)
    assert windows.shifted(date(2027, 1, 15), -25) == date(2024, 12, 15)
    assert windows.last_days("1mo", date(2027, 3, 15)) == (date(2027, 2, 16), date(2027, 3, 15))
    assert windows.next_days("1mo", date(2027, 3, 15)) == (date(2027, 3, 15), date(2027, 4, 14))
    with pytest.raises(OverflowError):
        windows.shifted(date(2027, 1, 1), -12 * 9999)


@pytest.mark.parametrize(
    ("spec", "at", "fits"),
    [
        ({"within": "1mo"}, "2026-10-29T12:00:00.000+09:00", False),
        ({"within": "1mo"}, "2026-10-29T12:00:00.001+09:00", True),
        ({"before": "1mo"}, "2026-10-29T12:00:00.000+09:00", True),
        ({"before": "9999y"}, "2026-10-29T12:00:00.000+09:00", False),
        ({"within": "9999y"}, "2026-10-29T12:00:00.000+09:00", True),
        ({"within": "last_month"}, "2026-10-01T00:00:00.000+09:00", True),
        ({"within": "last_month"}, "2026-09-30T23:59:59.999+09:00", False),
        ({"within": "last_month"}, "2026-10-31T23:59:59.999+09:00", True),
        ({"within": "last_month"}, "2026-11-01T00:00:00.000+09:00", False),
        ({"within": "today"}, "2026-11-29T00:00:00.000+09:00", True),
        ({"within": "today"}, "2026-11-29T12:00:00.001+09:00", False),
        ({"within": "this_year"}, "2026-01-01T00:00:00.000+09:00", True),
        ({"within": "last_year"}, "2025-12-31T23:00:00.000+09:00", True),
    ],
)
def test_times(spec: dict[str, str], at: str, fits: bool) -> None:
    """Local days, to the millisecond; a moment in the future is in no span."""
    now = datetime(2026, 11, 29, 12, tzinfo=TOKYO)
    assert age(spec, TOKYO)(iso(datetime.fromisoformat(at)), now) is fits


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1)), st.sampled_from(["Asia/Tokyo", "Europe/Berlin"])
)
def test_spans_follow_each_other(naive: datetime, name: str) -> None:
    """The moment before this week, month or year lies in the last one, and no moment in both."""
    zone, now = ZoneInfo(name), naive.replace(tzinfo=UTC, microsecond=0)
    for unit in ("week", "month", "year"):
        this, last = (age({"within": f"{which}_{unit}"}, zone) for which in ("this", "last"))
        span = windows.span(f"this_{unit}", now.astimezone(zone).date())
        assert span is not None
        begin = datetime(span[0].year, span[0].month, span[0].day, tzinfo=zone)
        assert (this(iso(begin), now), last(iso(begin), now)) == (True, False)
        before = iso(begin.astimezone(UTC) - timedelta(milliseconds=1))
        assert (this(before, now), last(before, now)) == (False, True)


@pytest.mark.parametrize(
    "value", ["0d", "0mo", "1month", "", 7, None, [], "last_day", "next_month", "-1mo", "１mo"]
)
def test_what_is_no_window(value: object) -> None:
    """400 with the names that there are."""
    (detail,) = windows.within(value, "w")
    assert "last_month" in detail.message


def test_days_that_are_kept() -> None:
    """What is counted by days reaches as far back as days are kept."""
    check = windows.days_kept(92)
    good = ["1d", "13w", "3mo", "last_month", "this_week", "yesterday"]
    assert [value for value in good if list(check(value, "w"))] == []
    for value in ("93d", "4mo", "1y", "this_year", "1h", "x"):
        assert len(list(check(value, "w"))) == 1
