"""Documents in items: whatever a request may hold is kept and comes back, within DynamoDB's rules."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.gateways.dynamo import Document
from tests import dynamo_rules

DOCUMENT: Any = Document()
TEXT = st.text(st.characters(codec="utf-8"), max_size=5)
NUMBERS = st.integers(-(10**63), 10**63) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(TEXT, x, max_size=3),
    max_leaves=8,
)


def deep(levels: int) -> dict[str, Any]:
    value: Any = {}
    for n in range(levels):
        value = [value] if n % 2 else {"all": value}
    return {"condition": value}


@given(st.dictionaries(TEXT, JSON, max_size=3))
@example({"~json": None})
@example({"": {"": 1}})
def test_documents_come_back(document: dict[str, Any]) -> None:
    """Kept within the store's rules and read back equal, whatever numbers it holds."""
    kept = DOCUMENT.serialize(document)
    dynamo_rules.refuse("dynamodb:PutItem", {"Item": {"body": {"M": kept}}})
    assert DOCUMENT.deserialize(kept) == document


@pytest.mark.parametrize("levels", [1, 27, 28, 29, 30, 31, 32, 33, 60, 99])
def test_depth_is_no_limit(levels: int) -> None:
    """Deeper than a map can be is kept as text; what a map can hold stays one that people can read."""
    kept = DOCUMENT.serialize(deep(levels))
    dynamo_rules.refuse("dynamodb:PutItem", {"Item": {"body": {"M": kept}}})
    assert DOCUMENT.deserialize(kept) == deep(levels)
    assert ("condition" in kept) is (levels < 29)
