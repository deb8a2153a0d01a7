"""Numbers as people read them: no "-0", halves go up, nothing is lost of large ones."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messages import filters
from chalicelib.messages.variables import ANY_ZONE
from chalicelib.shared.text.template import Expression, parse


def shown(value: Any, how: str = "number") -> str:
    part = parse("{{ event.x | " + how + " }}")[0]
    assert isinstance(part, Expression)
    return filters.as_text(filters.run(part.filters[0], value, ANY_ZONE))


@pytest.mark.parametrize(
    ("value", "how", "text"),
    [
        (-0.001, "number", "0"),
        (-0.0, "number", "0"),
        (-0.4, "number(0)", "0"),
        (-0.04, "number(1)", "0.0"),
        ("-0", "number", "0"),
        (-0.005, "number", "-0.01"),
        (0.5, "number(0)", "1"),
        (2.5, "number(0)", "3"),
        (-2.5, "number(0)", "-3"),
        (1.005, "number", "1.01"),
        (2.675, "number(2)", "2.68"),
        (-1234.5, "number", "-1,234.5"),
        (99_999_999_999_999_999, "number", "99,999,999,999,999,999"),
        ("12500", "number", "12,500"),
    ],
)
def test_numbers_are_rounded_as_people_do(value: Any, how: str, text: str) -> None:
    """Half a unit goes away from zero, as the number is written, and nothing has no sign."""
    assert shown(value, how) == text


@pytest.mark.parametrize("value", ["あ", [1], {}, "nan", "Infinity", 1e18, "9" * 400, ""])
def test_what_is_no_number_is_a_problem(value: Any) -> None:
    """The message is not sent to whom it cannot be said."""
    with pytest.raises(filters.FilterProblem):
        shown(value)


@given(st.floats(-1e15, 1e15), st.integers(0, 6))
def test_no_number_is_minus_nothing(value: float, digits: int) -> None:
    """Whatever is rounded to nothing reads 0; everything else is within half a unit."""
    text = shown(value, f"number({digits})").replace(",", "")
    assert not (text.startswith("-") and Decimal(text) == 0)
    assert abs(Decimal(text) - Decimal(repr(value))) <= Decimal(5).scaleb(-digits - 1)


@pytest.mark.parametrize("value", [-0.0, -1e-320, 0.0])
def test_a_bare_value_is_not_minus_nothing(value: float) -> None:
    """Also without a filter."""
    assert not filters.as_text(value).startswith("-0")
