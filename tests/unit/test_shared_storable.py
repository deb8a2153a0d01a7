"""What the stores can hold: one place says it for every door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.enrollments.nodes import schedule
from chalicelib.gateways import queues
from chalicelib.shared.storable import is_storable, storable, unfit, unfit_name
from chalicelib.shared.times import (
    CALENDAR_BEGINS,
    CALENDAR_ENDS,
    duration_text,
    iso,
    local_date,
    parse_duration,
    parse_iso,
)

TOKYO = ZoneInfo("Asia/Tokyo")


def deep(levels: int) -> Any:
    return [deep(levels - 1)] if levels else 1


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ({"a": [1, {"__proto__": 1}]}, "a[1]"),
        ({"a": {"": 1}}, "a"),
        ({"a": [10**38]}, "a[0]"),
        ({"a": float("nan")}, "a"),
        ({"a": float("-inf")}, "a"),
        ({"a": 1e101}, "a"),
        ({"a": 1e-101}, "a"),
        ({"a": "\ud800"}, "a"),
        ({"a": {"\ufffe": 1}}, "a"),
        ({"届": {"a": "\uffff"}}, "届.a"),
        (deep(33), "[0]" * 20),
    ],
)
def test_what_cannot_be_stored_is_named(value: Any, path: str) -> None:
    """With its place; made storable, it is nothing of the kind."""
    assert (unfit(value) or ("",))[0] == path
    assert not is_storable(value)
    assert is_storable(storable(value))


def test_nothing_is_lost_when_names_are_made_storable() -> None:
    """Names that become alike are told apart."""
    given_ = {"": 1, "_": 2, "__proto__": 3, "__proto___": 4, "\ud800": 5, "?": 6}
    assert sorted(storable(given_).values()) == [1, 2, 3, 4, 5, 6]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(json_values)
def test_made_storable_once_is_storable(value: Any) -> None:
    """And what is storable already stays as it is."""
    kept = storable(value)
    assert is_storable(kept)
    assert storable(kept) == kept
    assert not is_storable(value) or kept == value


@pytest.mark.parametrize("name", ["", "__proto__", "a\nb", "\x7f", "\ufffe", "\ud800"])
def test_names_that_cannot_be(name: str) -> None:
    """Ids under which things are kept."""
    assert unfit_name(name)
    assert unfit_name("E-1 届く 𠮷") is None


def test_sqs_takes_every_body() -> None:
    """The two characters that it refuses travel as escapes, and come back."""
    body = {"a": "\ufffe\uffff\\ufffe届"}
    text = queues._text(body)
    assert "\ufffe" not in text
    assert "\uffff" not in text
    assert queues.json.loads(text) == body


@pytest.mark.parametrize(
    "text",
    ["0900-05-01T00:00:00Z", "0999-12-31T23:59:59Z", "0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-09:00",
     "1000-01-01T00:00:00+09:00", "2026-11-22T00:00:00", "10000-01-01T00:00:00Z", "tomorrow", ""],
)  # fmt: skip
def test_times_outside_are_refused(text: str) -> None:
    """Years of fewer than four digits would sort wrong; a time without offset is no moment."""
    with pytest.raises(ValueError, match=r"2026-11-22T15:06:38\+09:00|years 1000 to 9999"):
        parse_iso(text)


@given(
    st.datetimes(datetime(1000, 1, 2), datetime(9999, 12, 30)), st.timedeltas(timedelta(0), timedelta(days=1))
)
def test_text_order_is_time_order(at: datetime, later: timedelta) -> None:
    """Over the whole calendar, and back again to the millisecond."""
    first, second = at.replace(tzinfo=UTC), (at + later).replace(tzinfo=UTC)
    assert iso(first) <= iso(second)
    assert len(iso(first)) == 24
    assert abs(parse_iso(iso(first)) - first) < timedelta(milliseconds=1)


def test_waits_end_within_the_calendar() -> None:
    """A date at its edge and offsets of millennia: the edge, never an error."""
    for day in ("1000-01-01", "9999-12-31", "2026-11-22"):
        for offset in ("-999999w", "+999999w", "999999h", "-999999h", "0s", "-1d", "1d"):
            for zone in (TOKYO, ZoneInfo("America/New_York")):
                found = schedule.until(
                    {"attribute": "a", "offset": offset}, {"attributes": {"a": day}}, zone, CALENDAR_BEGINS
                )
                assert found is not None
                assert CALENDAR_BEGINS <= found <= CALENDAR_ENDS
    assert schedule.ends_at({"after": "999999w"}, datetime(2026, 1, 1, tzinfo=UTC), TOKYO) == CALENDAR_ENDS
    assert local_date(datetime(9999, 12, 31, 23, tzinfo=UTC), TOKYO) == date.max
    assert CALENDAR_BEGINS.year == 1000


@pytest.mark.parametrize("text", ["0s", "90s", "1m", "90m", "1d", "36h", "2w", "100000d"])
def test_durations_come_back_as_text(text: str) -> None:
    """In the largest unit, of the same length."""
    assert parse_duration(duration_text(parse_duration(text))) == parse_duration(text)
    assert duration_text(timedelta(days=1)) == "1d"
