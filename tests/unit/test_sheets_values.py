"""Attribute values: what fits, and a reason for what does not."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from chalicelib.sheets.values import UnfitValue, check, fit

TOKYO = ZoneInfo("Asia/Tokyo")
CHOICES = {"type": "choice", "choices": ["dry", "oily", "が"]}
MANY = {"type": "multi_choice", "choices": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("definition", "value", "stored"),
    [
        ({"type": "text"}, "か\u3099", "が"),
        ({"type": "text"}, 12, "12"),
        ({"type": "number"}, "１２.5", 12.5),
        ({"type": "number"}, "1,200", 1200),
        ({"type": "number"}, "－１，２３４，５６７．５", -1234567.5),
        ({"type": "number"}, "−3", -3),
        ({"type": "number"}, 3, 3),
        ({"type": "boolean"}, "TRUE", True),
        ({"type": "boolean"}, False, False),
        ({"type": "date"}, "2026-11-22", "2026-11-22"),
        ({"type": "date"}, "2026-11-22t18:30", "2026-11-22"),
        ({"type": "date"}, "2026-11-22 23:59", "2026-11-22"),
        ({"type": "date"}, "2026-11-22T18:30:00+09:00", "2026-11-22"),
        ({"type": "date"}, "2026-02-01T14:59:59.999Z", "2026-02-01"),
        ({"type": "date"}, "2026-02-01T15:30:00Z", "2026-02-02"),
        ({"type": "date"}, "2026-02-01t15:30z", "2026-02-02"),
        ({"type": "date"}, "2026-02-01T15:30:00-0500", "2026-02-02"),
        ({"type": "date"}, "2026-02-02T08:30:00+10:00", "2026-02-02"),
        ({"type": "date"}, "2026-02-02T00:30:00+14:00", "2026-02-01"),
        ({"type": "date"}, "２０２６-０２-０１", "2026-02-01"),
        ({"type": "date"}, " ２０２６－０２－０１Ｔ１５：３０Ｚ ", "2026-02-02"),
        (CHOICES, " dry ", "dry"),
        (CHOICES, "か\u3099", "が"),
        (MANY, ["c", "a", "c"], ["a", "c"]),
        (MANY, "b", ["b"]),
        (MANY, [], []),
    ],
)
def test_what_fits_is_stored_in_one_form(definition, value, stored):
    """Captured text is read as the type says."""
    found = fit(definition, value, zone=TOKYO)
    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        ({"type": "text"}, ["x"]),
        ({"type": "text"}, "\ud83d"),
        ({"type": "text"}, "x" * 1001),
        ({"type": "text"}, True),
        ({"type": "number"}, "twelve"),
        ({"type": "number"}, -1e-300),
        ({"type": "number"}, "1,2,3"),
        ({"type": "number"}, "0,5"),
        ({"type": "number"}, True),
        ({"type": "number"}, float("nan")),
        ({"type": "number"}, float("inf")),
        ({"type": "number"}, 1e16),
        ({"type": "number"}, ""),
        ({"type": "boolean"}, "yes"),
        ({"type": "boolean"}, 1),
        ({"type": "date"}, "2026-02-30"),
        ({"type": "date"}, "2026-11-22T25:00"),
        ({"type": "date"}, "2026-11-22T10:00+25:00"),
        ({"type": "date"}, "0000-01-01"),
        ({"type": "date"}, "18:30"),
        ({"type": "date"}, 20261122),
        (CHOICES, "wet"),
        (CHOICES, ["dry"]),
        (MANY, ["a", "z"]),
        (MANY, 5),
    ],
)
def test_what_does_not_fit_says_why(definition, value):
    """The error names the path and a reason."""
    with pytest.raises(UnfitValue) as caught:
        fit(definition, value, "attributes.x", zone=TOKYO)
    assert caught.value.details[0].path == "attributes.x"
    assert caught.value.details[0].message
    with pytest.raises(UnfitValue):
        check(definition, value)


@pytest.mark.parametrize(
    ("definition", "value"),
    [({"type": "number"}, "12"), ({"type": "boolean"}, "true"), ({"type": "text"}, 1), (MANY, "a")],
)
def test_strict_takes_no_text_for_other_types(definition, value):
    """JSON has types: the API does not guess."""
    with pytest.raises(UnfitValue):
        fit(definition, value, zone=TOKYO, strict=True)


@pytest.mark.parametrize(
    "value", ["2026-02-30", "２０２６-０２-３０", "2026-13-01T00:00Z", "9999-12-31T23:00Z"]
)
def test_a_day_that_does_not_exist_is_reported_in_our_words(value):
    """Python's own sentence (such as "day is out of range for month") is never shown."""
    with pytest.raises(UnfitValue) as caught:
        fit({"type": "date"}, value, "attributes.x", zone=TOKYO)
    reason = f"{value!r} is not a day and time that the calendar has"
    assert caught.value.details[0].message == reason
    assert caught.value.message == f"attributes.x: {reason}"


def test_whether_a_value_fits_needs_no_zone():
    """What is checked at save, or when a PATCH comes in, is taken when it is stored."""
    check({"type": "date"}, "2026-02-01T15:30:00Z", strict=True)
    check({"type": "date"}, "2026-02-01", strict=True)
