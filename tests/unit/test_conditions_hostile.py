"""Conditions with anything anywhere: refused with a path or evaluated, never a crash."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.conditions import language as conditions
from chalicelib.http.bodies import parse_json
from tests.strategies import NOW, TOKYO, a_snapshot, sheets
from tests.strategies import conditions as any_condition

CATALOG = a_snapshot()
CONTEXT = conditions.Context(CATALOG, TOKYO)
TEXT = st.text(max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**60), 10**60) | st.floats(allow_nan=False) | TEXT,
    lambda x: st.lists(x, max_size=3) | st.dictionaries(TEXT, x, max_size=3),
    max_leaves=5,
)
ODD = JSON | st.sampled_from(
    [
        *(None, True, -1, 0.5, 10**60, -(10**60), 1e308, "", "x", "a" * 3000, "\x00", "𠮷か\u3099", [], {}),
        *({"type": {}}, {"id": []}, {"in": [{}]}, {"between": [{}, []]}, ["a", "b"], {"eq": None}, [[]]),
    ]
)


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield way
    children = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for name, child in children:
        yield from places(child, (*way, name))


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A good condition with something odd in one or two places."""
    condition = copy.deepcopy(draw(any_condition()))
    for _ in range(draw(st.integers(1, 2))):
        way = draw(st.sampled_from(list(places(condition))))
        odd = copy.deepcopy(draw(ODD))
        if not way:
            condition = odd
            continue
        inside = condition
        for name in way[:-1]:
            inside = inside[name]
        if isinstance(inside, dict) and draw(st.booleans()):
            inside[draw(st.sampled_from(["id", "eq", "in", "type", "count", "x", "between", "within"]))] = odd
        else:
            inside[way[-1]] = odd
    return condition


@given(spoilt(), sheets())
def test_anything_is_refused_or_works(condition: Any, sheet: dict[str, Any]) -> None:
    """Whatever stands wherever, checking names paths below the condition, and what passes evaluates."""
    wrong, impossible = conditions.validate(condition, CATALOG)
    assert all(detail.path.startswith("condition") for detail in [*wrong, *impossible])
    if not wrong and not impossible:
        conditions.compile_audience(condition, CONTEXT)(sheet, NOW)
        json.dumps(conditions.explain(condition, CONTEXT, sheet, NOW))


@pytest.mark.parametrize(
    ("condition", "path", "hint"),
    [
        ({"tag": ["a", "b"]}, "condition.tag", '{"any": [{"tag": "a"}, {"tag": "b"}]}'),
        ({"segment": ["a"]}, "condition.segment", '{"any": [{"segment": "a"}'),
        ({"score": {"id": ["a"], "gt": 1}}, "condition.score.id", '{"any": [{"score": {"id": "a", …}}'),
        ({"score": {"id": "a", "eq": [1, 2]}}, "condition.score.eq", '"in"'),
        ({"stage": ["loyal"]}, "condition.stage", '"any"'),
        ({"friend": {"status": ["blocked"]}}, "condition.friend.status", '{"friend": {"status": "a", …}}'),
        ([{"tag": "a"}], "condition", '{"any": […]}'),
        ({"tag": "a", "segment": "b"}, "condition", '{"all": [{"tag": …}, {"segment": …}]}'),
        ({"event": {"type": ["messaged"]}}, "condition.event.type", '{"event": {"type": "a", …}}'),
        ({"delivery": {"id": ["a"], "received": True}}, "condition.delivery.id", '"any"'),
        ({"event": {"type": {}}}, "condition.event.type", "custom:<name>"),
        ({"tga": "a"}, "condition.tga", '"tag"'),
        ({"event": {"type": "followed", "withn": "7d"}}, "condition.event.withn", '"within"'),
        ({"tag": {"id": "a", "since": {"within": "7 days"}}}, "condition.tag.since.within", "7d"),
    ],
)
def test_refusals_help(condition: Any, path: str, hint: str) -> None:
    """A refusal names the operator that was missing, the name that was meant, or an example."""
    found = {detail.path: detail.message for detail in conditions.shape(condition)}
    assert hint in found[path]


def test_long_numbers_are_refused_at_once() -> None:
    """A number of 400 digits never reaches the language; the longest that is taken compares."""
    condition = parse_json('{"purchase": {"total": {"gte": ' + "9" * 64 + "}}}")
    assert conditions.shape(condition) == []
