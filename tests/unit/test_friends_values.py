"""Attribute values: what fits, and a reason for what does not."""

from __future__ import annotations

import pytest

from chalicelib.friends.values import UnfitValue, fit

CHOICES = {"type": "choice", "choices": ["dry", "oily", "が"]}
MANY = {"type": "multi_choice", "choices": ["a", "b", "c"]}


@pytest.mark.parametrize(
    ("definition", "value", "stored"),
    [
        ({"type": "text"}, "か\u3099", "が"),
        ({"type": "text"}, 12, "12"),
        ({"type": "number"}, "１２.5", 12.5),
        ({"type": "number"}, "1,200", 1200),
        ({"type": "number"}, 3, 3),
        ({"type": "boolean"}, "TRUE", True),
        ({"type": "boolean"}, False, False),
        ({"type": "date"}, "2026-11-22", "2026-11-22"),
        ({"type": "date"}, "2026-11-22t18:30", "2026-11-22"),
        ({"type": "date"}, "2026-11-22T18:30:00+09:00", "2026-11-22"),
        (CHOICES, " dry ", "dry"),
        (CHOICES, "か\u3099", "が"),
        (MANY, ["c", "a", "c"], ["a", "c"]),
        (MANY, "b", ["b"]),
        (MANY, [], []),
    ],
)
def test_what_fits_is_stored_in_one_form(definition, value, stored):
    """Captured text is read as the type says."""
    found = fit(definition, value)
    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize(
    ("definition", "value"),
    [
        ({"type": "text"}, ["x"]),
        ({"type": "text"}, "x" * 1001),
        ({"type": "text"}, True),
        ({"type": "number"}, "twelve"),
        ({"type": "number"}, True),
        ({"type": "number"}, float("nan")),
        ({"type": "number"}, float("inf")),
        ({"type": "number"}, 1e16),
        ({"type": "number"}, ""),
        ({"type": "boolean"}, "yes"),
        ({"type": "boolean"}, 1),
        ({"type": "date"}, "2026-02-30"),
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
        fit(definition, value, "attributes.x")
    assert caught.value.details[0].path == "attributes.x"
    assert caught.value.details[0].message


@pytest.mark.parametrize(
    ("definition", "value"),
    [({"type": "number"}, "12"), ({"type": "boolean"}, "true"), ({"type": "text"}, 1), (MANY, "a")],
)
def test_strict_takes_no_text_for_other_types(definition, value):
    """JSON has types: the API does not guess."""
    with pytest.raises(UnfitValue):
        fit(definition, value, strict=True)
