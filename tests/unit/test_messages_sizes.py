"""What is said of a filter's texts before anybody gets them is so."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messages import filters
from chalicelib.messages.filters import FILTERS, FilterProblem, as_text
from chalicelib.messages.sizes import Size
from chalicelib.messages.text import graphemes, units
from chalicelib.messages.variables import ANY_ZONE
from chalicelib.shared.text.template import Filter

_ARGS = (1, 3, "、", "%Y年%-m月%-d日 %A", "…続き")
_LETTERS = st.text(alphabet="aZ19-. ﬃİßあ々👩‍👩‍👧が\u302a年月日", max_size=12)
_TIMES = st.sampled_from(["2026-09-30", "2026-12-31T23:59:59Z", "-123456789012345678.987654", "0"])


def _uses(name: str) -> list[Filter]:
    """The filter with every choice of our arguments that it takes."""
    rule = FILTERS[name]
    several = (product(_ARGS, repeat=n) for n in range(rule.required, len(rule.takes) + 1))
    uses = [Filter(name, tuple(args)) for some in several for args in some]
    return [use for use in uses if filters.problem(use) is None]


@pytest.mark.parametrize("name", FILTERS)
@given(text=_LETTERS | _TIMES)
def test_nothing_that_a_filter_makes_is_larger_than_its_bound(name: str, text: str) -> None:
    """Whatever the text, and whatever arguments the filter takes; a new filter is tried here as it is."""
    uses = _uses(name)
    assert uses
    for used in uses:
        try:
            made = as_text(filters.run(used, text, ANY_ZONE))
        except FilterProblem:
            continue
        most = FILTERS[name].size(used.args, Size(units(text), graphemes(text), wide=not text.isascii()))
        missing = filters.run(used, None, ANY_ZONE)
        named = [as_text(value) for value in (*FILTERS[name].values(used.args), missing) if value is not None]
        sizes = [(units(value), graphemes(value)) for value in named]
        sizes += [(most.units, most.graphemes)] if most is not None else []
        assert units(made) <= max(size[0] for size in sizes)
        assert graphemes(made) <= max(size[1] for size in sizes)


def test_every_filter_is_on_the_page() -> None:
    """Authors find it."""
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    assert [name for name in FILTERS if f"`{name}" not in page] == []
