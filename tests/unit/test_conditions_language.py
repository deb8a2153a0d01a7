"""The condition language: its laws, its table of leaves, and what is refused with which path."""

from __future__ import annotations

import copy
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chalicelib.broadcasts.documents  # noqa: F401 (declares what deliveries are)
from chalicelib.conditions import language as conditions
from chalicelib.conditions.model import Context
from chalicelib.shared.times import iso
from chalicelib.sheets.model import new_sheet
from tests import strategies
from tests.strategies import NOW, a_snapshot

TOKYO = ZoneInfo("Asia/Tokyo")
CONTEXT = Context(a_snapshot(), TOKYO)
EMPTY = new_sheet("salon", "U1", iso(NOW))


def at(**back) -> str:
    return iso(NOW - timedelta(**back))


def holds(condition, sheet, context=CONTEXT, now=NOW) -> bool:
    assert conditions.validate(condition, context.snapshot) == ([], [])
    truth = conditions.compile(condition, context)(sheet, now)
    assert conditions.explain(condition, context, sheet, now)["value"] is truth
    return truth


def a_sheet(**changes):
    sheet = copy.deepcopy(EMPTY)
    sheet.update(changes)
    return sheet


# Laws


@settings(max_examples=300)
@given(strategies.conditions(), strategies.sheets())
def test_compile_and_explain_agree(condition, sheet):
    """The truth of the tree is the compiled truth, at the root and at every node below; no error ever."""
    assert conditions.validate(condition, CONTEXT.snapshot) == ([], [])
    tree = conditions.explain(condition, CONTEXT, sheet, NOW)
    assert tree["value"] is conditions.compile(condition, CONTEXT)(sheet, NOW)

    def check(node, part):
        ((key, value),) = part.items()
        assert node["kind"] == key
        assert node["value"] is conditions.compile(part, CONTEXT)(sheet, NOW)
        children = value if key in {"all", "any"} else [value] if key == "not" else []
        assert len(children) == len(node["children"])
        for child_node, child in zip(node["children"], children, strict=True):
            check(child_node, child)

    check(tree, condition)


@given(strategies.conditions(), strategies.conditions(), strategies.sheets())
def test_the_laws_of_logic_hold(one, two, sheet):
    """not not c = c, De Morgan, neutral and absorbing elements."""

    def truth(condition):
        return conditions.compile(condition, CONTEXT)(sheet, NOW)

    assert truth({"not": {"not": one}}) is truth(one)
    assert truth({"not": {"all": [one, two]}}) is truth({"any": [{"not": one}, {"not": two}]})
    assert truth({"not": {"any": [one, two]}}) is truth({"all": [{"not": one}, {"not": two}]})
    assert truth({"all": [one, {"everyone": True}]}) is truth(one)
    assert truth({"any": [one, {"any": []}]}) is truth(one)
    assert truth({"all": [one, two]}) is truth({"all": [two, one]})
    assert truth({"any": [one, {"not": one}]}) is True


@given(strategies.conditions(), strategies.sheets())
def test_a_projection_of_what_is_needed_is_enough(condition, sheet):
    """Reading only the attributes that ``needs`` names changes no truth."""
    needed = conditions.needs(condition, CONTEXT.snapshot) | {"account", "user_id", "status"}
    part = {name: value for name, value in sheet.items() if name in needed}
    test = conditions.compile_audience(condition, CONTEXT)
    assert test(part, NOW) is test(sheet, NOW)


@given(strategies.conditions(), strategies.sheets())
def test_evaluating_changes_nothing(condition, sheet):
    """A sheet is only looked at."""
    before = copy.deepcopy(sheet)
    conditions.explain(condition, CONTEXT, sheet, NOW)
    conditions.compile(condition, CONTEXT)(sheet, NOW)
    assert sheet == before


@given(strategies.conditions())
def test_a_tombstone_is_nobody(condition):
    """An erased friend has no data: nothing raises, and no audience has them."""
    erased = {"account": "salon", "user_id": "U1", "status": "erased", "rev": 3}
    conditions.explain(condition, CONTEXT, erased, NOW)
    assert not conditions.compile_audience(condition, CONTEXT)(erased, NOW)


@given(
    st.recursive(
        st.one_of(
            st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.sampled_from(conditions.keys())
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from([*conditions.keys(), "id", "eq", "within"]), inner, max_size=2),
        ),
        max_leaves=10,
    )
)
def test_whatever_is_no_condition_is_refused_without_an_error(value):
    """Any JSON is either of the right shape, and then compiles and evaluates, or named with a path."""
    wrong = conditions.shape(value)
    if wrong:
        assert all(detail.path.startswith("condition") and detail.message for detail in wrong)
    else:
        conditions.validate(value, CONTEXT.snapshot)
        conditions.compile(value, CONTEXT)(EMPTY, NOW)


def test_segments_refer_to_segments():
    """A segment means its condition; the tree goes on below it; what is needed includes what it needs."""
    catalog = a_snapshot(
        segments={
            "vips": {"name": "v", "condition": {"tag": "vip"}},
            "both": {"name": "b", "condition": {"all": [{"segment": "vips"}, {"tag": "dry"}]}},
        }
    )
    context = Context(catalog, TOKYO)
    sheet = a_sheet(tags={"vip": {"since": at(), "at": at(), "by": "r"}})
    assert holds({"segment": "vips"}, sheet, context)
    assert not holds({"segment": "both"}, sheet, context)
    tree = conditions.explain({"segment": "both"}, context, sheet, NOW)
    assert tree["children"][0]["children"][0]["kind"] == "segment"
    assert conditions.needs({"segment": "both"}, catalog) == {"tags"}


def test_only_followers_are_looked_at_unless_a_status_is_asked_for():
    """A friend.status leaf anywhere in the tree, also in a segment, lifts the rule."""
    catalog = a_snapshot(
        segments={"gone": {"name": "g", "condition": {"not": {"friend": {"status": "following"}}}}}
    )
    context = Context(catalog, TOKYO)
    for status, everyone, gone in (
        ("following", True, False),
        ("blocked", False, True),
        ("unknown", False, True),
    ):
        sheet = a_sheet(status=status)
        assert conditions.compile_audience({"everyone": True}, context)(sheet, NOW) is everyone
        assert conditions.compile_audience({"segment": "gone"}, context)(sheet, NOW) is gone


def test_circles_and_long_chains_are_refused():
    """A segment must not lead back to itself, whichever of the circle is saved."""
    catalog = a_snapshot(
        segments={
            "a": {"name": "a", "condition": {"segment": "b"}},
            "b": {"name": "b", "condition": {"not": {"segment": "a"}}},
            **{f"c{n}": {"name": "c", "condition": {"segment": f"c{n + 1}"}} for n in range(40)},
            "c40": {"name": "c", "condition": {"everyone": True}},
        }
    )
    assert [d.path for d in conditions.logic({"segment": "b"}, catalog, own_id="a")] == ["condition.segment"]
    assert "itself" in conditions.logic({"any": [{"segment": "a"}]}, catalog)[0].message
    assert conditions.logic({"segment": "self"}, catalog, own_id="self")
    assert "deep" in conditions.logic({"segment": "c0"}, catalog)[0].message
    assert conditions.logic({"segment": "c35"}, catalog) == []


def test_a_blown_up_condition_is_refused():
    """Segments that multiply one another are counted as they would be evaluated."""
    segments = {"d0": {"name": "d", "condition": {"all": [{"everyone": True}] * 10}}}
    for n in range(1, 6):
        segments[f"d{n}"] = {"name": "d", "condition": {"all": [{"segment": f"d{n - 1}"}] * 10}}
    catalog = a_snapshot(segments=segments)
    assert conditions.logic({"segment": "d2"}, catalog) == []
    assert "more than" in conditions.logic({"segment": "d5"}, catalog)[0].message


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        (None, "condition"),
        ([], "condition"),
        ({}, "condition"),
        ({"tag": "vip", "everyone": True}, "condition"),
        ({"nope": 1}, "condition.nope"),
        ({"all": {"tag": "vip"}}, "condition.all"),
        ({"all": [{"tag": "vip"}, {"tag": ""}]}, "condition.all[1].tag"),
        ({"not": []}, "condition.not"),
        ({"everyone": False}, "condition.everyone"),
        ({"tag": {"id": "vip", "sinc": {}}}, "condition.tag.sinc"),
        ({"tag": {"id": "vip", "since": {"within": "0d"}}}, "condition.tag.since.within"),
        ({"tag": {"id": "vip", "since": {"within": "1d", "before": "1d"}}}, "condition.tag.since"),
        ({"score": {"id": "interest"}}, "condition.score"),
        ({"score": {"id": "interest", "gte": "3"}}, "condition.score.gte"),
        ({"score": {"id": "interest", "gte": 3, "lt": 5}}, "condition.score"),
        ({"score": {"id": "interest", "between": [1]}}, "condition.score.between"),
        ({"score": {"gte": 3}}, "condition.score.id"),
        ({"attribute": {"id": "area", "like": "x"}}, "condition.attribute.like"),
        ({"attribute": {"id": "birthday", "in_next": "5h"}}, "condition.attribute.in_next"),
        ({"attribute": {"id": "area", "exists": "yes"}}, "condition.attribute.exists"),
        ({"event": {"type": ""}}, "condition.event.type"),
        ({"event": {"type": "custom:" + "x" * 101}}, "condition.event.type"),
        ({"event": {"type": "messaged", "within": "93d"}}, "condition.event.within"),
        ({"event": {"type": "messaged", "within": "12h"}}, "condition.event.within"),
        ({"event": {"type": "messaged", "count": 3}}, "condition.event.count"),
        ({"purchase": {}}, "condition.purchase"),
        ({"purchase": {"last": {"days_ago": [1.5, 2]}}}, "condition.purchase.last.days_ago[0]"),
        ({"stage": "rich"}, "condition.stage"),
        ({"rfm": {"x": {"eq": 1}}}, "condition.rfm.x"),
        ({"source": {"first": "a", "latest": "b"}}, "condition.source"),
        ({"friend": {"status": "erased"}}, "condition.friend.status"),
        ({"friend": {}}, "condition.friend"),
        ({"scenario": {"id": "welcome", "state": "done"}}, "condition.scenario.state"),
        ({"delivery": {"received": True, "clicked": True}}, "condition.delivery"),
        ({"form": {"id": "skin-check"}}, "condition.form.answered"),
        ({"random": {"salt": "s", "from": 0, "to": 101}}, "condition.random.to"),
        ({"segment": 5}, "condition.segment"),
    ],
)
def test_a_wrong_shape_is_named_with_its_path(condition, path):
    """400: where it is, and a sentence."""
    wrong, logic = conditions.validate(condition, CONTEXT.snapshot)
    assert path in [detail.path for detail in wrong]
    assert logic == []


@pytest.mark.parametrize(
    ("condition", "path"),
    [
        ({"any": [{"not": {"tag": "nobody"}}]}, "condition.any[0].not.tag"),
        ({"score": {"id": "nope", "gt": 1}}, "condition.score.id"),
        ({"score": {"id": "interest", "between": [5, 1]}}, "condition.score.between"),
        ({"attribute": {"id": "nope", "eq": 1}}, "condition.attribute.id"),
        ({"attribute": {"id": "visits", "eq": "three"}}, "condition.attribute.eq"),
        ({"attribute": {"id": "visits", "contains": "3"}}, "condition.attribute.contains"),
        ({"attribute": {"id": "member", "gt": True}}, "condition.attribute.gt"),
        ({"attribute": {"id": "skin", "in": ["dry", "wet"]}}, "condition.attribute.in[1]"),
        (
            {"attribute": {"id": "birthday", "between": ["2026-01-01", "soon"]}},
            "condition.attribute.between[1]",
        ),
        ({"attribute": {"id": "birthday", "eq": "2026-01-01T10:00"}}, "condition.attribute.eq"),
        ({"attribute": {"id": "birthday", "gt": "2026-01-01T15:30:00Z"}}, "condition.attribute.gt"),
        ({"attribute": {"id": "birthday", "in": ["２０２６-０１-０１"]}}, "condition.attribute.in[0]"),
        ({"attribute": {"id": "likes", "has_any": ["cars"]}}, "condition.attribute.has_any"),
        ({"event": {"type": "link_clicked", "key": "nope"}}, "condition.event.key"),
        ({"event": {"type": "purchased", "key": "x"}}, "condition.event.key"),
        ({"event": {"type": "nothing"}}, "condition.event.type"),
        ({"event": {"type": "custom:"}}, "condition.event.type"),
        ({"event": {"type": "score_changed", "key": "x"}}, "condition.event.key"),
        ({"purchase": {"count": {"between": [3, 1]}}}, "condition.purchase.count.between"),
        ({"scenario": {"id": "nope", "state": "never"}}, "condition.scenario.id"),
        ({"form": {"id": "nope", "answered": True}}, "condition.form.id"),
        ({"random": {"salt": "s", "from": 50, "to": 10}}, "condition.random.from"),
        ({"segment": "nope"}, "condition.segment"),
    ],
)
def test_what_cannot_work_is_named_with_its_path(condition, path):
    """422: unknown references, and what no friend could satisfy."""
    wrong, logic = conditions.validate(condition, CONTEXT.snapshot)
    assert wrong == []
    assert path in [detail.path for detail in logic]


def test_nesting_has_a_limit():
    """Deep, but not for ever."""
    condition = {"everyone": True}
    for _ in range(conditions.MAX_DEPTH - 1):
        condition = {"not": condition}
    assert conditions.shape(condition) == []
    assert conditions.shape({"not": condition})
    assert conditions.shape({"any": [{"everyone": True}] * (conditions.MAX_NODES + 1)})
