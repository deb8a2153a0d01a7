"""Bundles: a plan says exactly what an apply does, and a document's stored form is stable."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from chalicelib.api.kinds import KINDS
from chalicelib.catalog import bundles, yaml_text
from chalicelib.catalog.kinds import DocumentKind
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.catalog.validation import normal_body
from chalicelib.shared.errors import InvalidInput


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: Any
    note: str | None = None


class Tree(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    from_: str | None = Field(None, alias="from")
    size: int = 3
    leaves: list[Leaf] = []


TREE = DocumentKind("trees", Tree)


def a_snapshot(bodies: dict[str, dict[str, Any]]) -> Snapshot:
    documents = {("trees", id_): Document("trees", id_, 1, body, "") for id_, body in bodies.items()}
    return Snapshot("shop", 1, "s", {}, documents)


def test_the_stored_form_has_defaults_and_keeps_written_nulls() -> None:
    """Defaults are filled in, absent options stay absent, and a null that was written stays written."""
    body = {"name": "a", "leaves": [{"value": None}, {"value": {"x": None}, "note": None}], "from": "b"}
    stored = normal_body(TREE, body)
    assert stored == {**body, "size": 3}
    assert normal_body(TREE, stored) == stored


def test_paths_begin_with_the_document() -> None:
    """In a bundle every wrong place is named from the bundle's root."""
    with pytest.raises(InvalidInput) as caught:
        bundles.read(
            {
                "tags": {"a": {"name": 1}, "B": {}, "c": None, "d": {"name": "d", "x": 1}},
                "sorts": {},
                "links": [],
                "forms": None,
            },
            KINDS,
        )
    paths = [detail.path for detail in caught.value.details]
    assert sorted(paths) == ["links", "sorts", "tags.B", "tags.a.name", "tags.c", "tags.d.x"]


@pytest.mark.parametrize("value", [None, [], "a", 1])
def test_a_bundle_is_an_object(value: Any) -> None:
    """Anything else is invalid input."""
    with pytest.raises(InvalidInput):
        bundles.read(value, KINDS)


def test_a_plan_names_each_document_and_field() -> None:
    """Creations, updates with their fields, and what stays the same; what is not named is not there."""
    seen = a_snapshot({"a": {"name": "a", "size": 1}, "b": {"name": "b", "l": [1, 2]}, "c": {"name": "c"}})
    wanted = {
        ("trees", "a"): {"name": "a", "size": True},
        ("trees", "b"): {"name": "b", "l": [1, 3, 4], "n": {"x": 1}},
        ("trees", "d"): {"name": "d"},
    }
    changes = {change.id: change for change in bundles.plan(seen, wanted)}
    assert {id_: change.action for id_, change in changes.items()} == {
        "a": "update",
        "b": "update",
        "d": "create",
    }
    assert changes["a"].diff == [{"path": "size", "before": 1, "after": True}]
    assert changes["b"].diff == [
        {"path": "l[1]", "before": 2, "after": 3},
        {"path": "l[2]", "after": 4},
        {"path": "n", "after": {"x": 1}},
    ]
    assert [write.id for write in bundles.writes(seen, wanted)] == ["a", "b", "d"]


bodies = st.dictionaries(
    st.sampled_from("abc"),
    st.recursive(
        st.none() | st.booleans() | st.integers(0, 2) | st.just("x"),
        lambda x: st.lists(x, max_size=3) | st.dictionaries(st.sampled_from("ab"), x),
    ),
    max_size=3,
)


@given(bodies, bodies)
def test_a_difference_is_empty_exactly_for_equal_bodies(before: Any, after: Any) -> None:
    """No difference means the same JSON, and the other way round; a difference is symmetric in its paths."""
    from json import dumps

    forth = list(bundles.difference(before, after))
    back = list(bundles.difference(after, before))
    assert (forth == []) == (dumps(before, sort_keys=True) == dumps(after, sort_keys=True))
    assert sorted(entry["path"] for entry in forth) == sorted(entry["path"] for entry in back)


@given(st.dictionaries(st.sampled_from("abcd"), bodies), st.dictionaries(st.sampled_from("abcd"), bodies))
def test_applying_twice_changes_nothing_more(current: Any, wanted: Any) -> None:
    """After an apply the same bundle plans no change, and nothing that it does not name has changed."""
    bundle = {("trees", id_): body for id_, body in wanted.items()}
    after = {**current, **{write.id: write.body for write in bundles.writes(a_snapshot(current), bundle)}}
    assert bundles.writes(a_snapshot(after), bundle) == []
    assert all(after[id_] == body for id_, body in current.items() if id_ not in wanted)


ids = st.sampled_from(["a", "b-1", "c_2"])
readable = st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp"))
texts = st.builds("{}名{}".format, st.text(readable, max_size=6), st.text(readable, max_size=6))
conditions = st.recursive(
    st.sampled_from([{"everyone": True}, {"tag": "a"}, {"friend": {"status": "following"}}]),
    lambda x: (
        st.builds(lambda parts: {"all": parts}, st.lists(x, max_size=3))
        | st.builds(lambda part: {"not": part}, x)
    ),
    max_leaves=6,
)
whole_bundles = st.fixed_dictionaries(
    {},
    optional={
        "tags": st.dictionaries(ids, st.fixed_dictionaries({"name": texts}, optional={"folder": texts})),
        "scores": st.dictionaries(
            ids,
            st.fixed_dictionaries({"name": texts}, optional={"min": st.integers(-9, 9) | st.floats(-9, 9)}),
        ),
        "segments": st.dictionaries(ids, st.fixed_dictionaries({"name": texts, "condition": conditions})),
        "links": st.dictionaries(ids, st.just({"url": "https://example.com/%E6%98%A5?a=b#c"})),
        "routes": st.dictionaries(
            ids,
            st.fixed_dictionaries(
                {"name": texts},
                optional={
                    "then": st.lists(
                        st.sampled_from(
                            [
                                {"add_tag": "a"},
                                {"set_attribute": {"attribute": "a", "value": None}},
                                {"send": {"message": "a"}},
                            ]
                        ),
                        max_size=3,
                    )
                },
            ),
        ),
        "policies": st.just(
            {"default": {"quiet_hours": {"from": "21:00", "to": "09:00"}, "blackout_dates": []}}
        ),
    },
)


@given(whole_bundles)
def test_an_export_is_the_same_bundle_again(value: dict[str, Any]) -> None:
    """Read, exported as JSON or YAML, and read again: the same documents, and no change is planned."""
    bundle = bundles.read(value, KINDS)
    documents = {key: Document(*key, 1, body, "") for key, body in bundle.items()}
    snapshot = Snapshot("shop", 1, "s", {}, documents)
    exported = bundles.export(snapshot, list(KINDS))
    for again in (exported, yaml_text.read(yaml_text.write(exported))):
        assert bundles.read(again, KINDS) == bundle
        assert bundles.writes(snapshot, bundles.read(again, KINDS)) == []
