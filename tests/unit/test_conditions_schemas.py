"""The published schemas of conditions admit what the language takes, leaf by leaf."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given

from chalicelib.conditions import language, schemas
from chalicelib.conditions.model import LEAVES
from tests.strategies import conditions

DOCUMENT = {"$ref": schemas.REF, "components": {"schemas": {"Condition": schemas.condition()}}}


def admits(condition: Any) -> bool:
    """Whether the schema takes it."""
    return bool(jsonschema.Draft202012Validator(DOCUMENT).is_valid(condition))


def test_every_leaf_has_a_schema() -> None:
    """A new leaf is published, or this fails."""
    assert [name for name, leaf in LEAVES.items() if not leaf.schema] == []


@given(conditions())
def test_what_the_language_takes_the_schema_admits(condition: Any) -> None:
    """Programs that check by the schema refuse nothing that works."""
    assert language.shape(condition) == []
    assert admits(condition), condition


@pytest.mark.parametrize(
    "condition",
    [
        {},
        [],
        {"tag": "a", "score": {"id": "b", "gte": 1}},
        {"unknown": "x"},
        {"all": {"tag": "a"}},
        {"not": [{"tag": "a"}]},
        {"everyone": False},
        {"score": {"gte": 1}},
        {"scenario": {"id": "a", "state": "sleeping"}},
        {"friend": {"status": "following", "language": "ja"}},
    ],
    ids=str,
)
def test_what_is_no_condition_is_refused_by_both(condition: Any) -> None:
    """Several keys, unknown keys, the wrong shape."""
    assert language.shape(condition) != []
    assert not admits(condition)
