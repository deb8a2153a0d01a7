"""The condition language: its laws, its table of leaves, and what is refused with which path."""

from __future__ import annotations

import copy
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.friends import sheet as folding
from chalicelib.friends.model import new_sheet
from chalicelib.segments import conditions
from chalicelib.segments.answers import bucket
from chalicelib.segments.model import Context
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests import strategies
from tests.strategies import ATTRIBUTES, NOW, SCORES, a_snapshot

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
            st.none(), st.booleans(), st.integers(), st.text(max_size=3), st.sampled_from(conditions.KEYS)
        ),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.sampled_from([*conditions.KEYS, "id", "eq", "within"]), inner, max_size=2),
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


# Leaves, one by one


def a_sheet(**changes):
    sheet = copy.deepcopy(EMPTY)
    sheet.update(changes)
    return sheet


def test_empties():
    """Empty all is true, empty any is false."""
    assert holds({"all": []}, EMPTY)
    assert not holds({"any": []}, EMPTY)
    assert holds({"everyone": True}, EMPTY)
    assert conditions.explain({"all": []}, CONTEXT, EMPTY, NOW) == {
        "kind": "all",
        "value": True,
        "seen": None,
        "children": [],
    }


def test_tags():
    """Having it, and since when; one who lost it does not."""
    sheet = a_sheet()
    folding.add_tag(sheet, "vip", at(days=7), "rule:r1")
    assert holds({"tag": "vip"}, sheet)
    assert holds({"tag": {"id": "vip"}}, sheet)
    assert not holds({"tag": {"id": "vip", "since": {"within": "7d"}}}, sheet)
    assert holds({"tag": {"id": "vip", "since": {"before": "7d"}}}, sheet)
    assert not holds({"tag": {"id": "dry", "since": {"before": "1d"}}}, sheet)
    tree = conditions.explain({"tag": "vip"}, CONTEXT, sheet, NOW)
    assert (tree["seen"], tree["condition"]) == (at(days=7), "vip")


@pytest.mark.parametrize(
    ("back", "within", "before"),
    [
        (timedelta(0), True, False),
        (timedelta(days=1) - timedelta(milliseconds=1), True, False),
        (timedelta(days=1), False, True),
        (-timedelta(milliseconds=1), False, False),
    ],
)
def test_within_and_before_meet_exactly(back, within, before):
    """within d: 0 <= now - at < d; before d: now - at >= d; the future is neither."""
    sheet = a_sheet(followed_at=iso(NOW - back))
    assert holds({"friend": {"followed_at": {"within": "1d"}}}, sheet) is within
    assert holds({"friend": {"followed_at": {"before": "1d"}}}, sheet) is before


def test_now_may_have_microseconds():
    """Moments hold milliseconds; a now between two of them is no border case."""
    now = NOW + timedelta(microseconds=400)
    assert holds({"friend": {"followed_at": {"within": "1s"}}}, a_sheet(followed_at=iso(NOW)), now=now)
    second_ago = a_sheet(followed_at=iso(NOW - timedelta(seconds=1)))
    assert not holds({"friend": {"followed_at": {"within": "1s"}}}, second_ago, now=now)
    assert holds({"friend": {"followed_at": {"before": "1s"}}}, second_ago, now=now)


def test_scores_are_decayed_and_missing_when_never_touched():
    """A score never touched satisfies nothing, not even below zero."""
    sheet = a_sheet()
    folding.add_score(sheet, "warmth", SCORES["warmth"], 8, at(days=7))
    assert holds({"score": {"id": "warmth", "between": [4, 4]}}, sheet)
    assert not holds({"score": {"id": "warmth", "gt": 4}}, sheet)
    assert not holds({"score": {"id": "interest", "lt": 100}}, sheet)
    assert holds({"not": {"score": {"id": "interest", "lt": 100}}}, sheet)
    assert conditions.explain({"score": {"id": "warmth", "gte": 5}}, CONTEXT, sheet, NOW)["seen"] == 4


@pytest.mark.parametrize(
    ("attribute", "value", "true", "false"),
    [
        (
            "area",
            "か\u3099",
            [{"eq": "が"}, {"contains": "が"}, {"starts_with": "か\u3099"}, {"in": ["が"]}],
            [{"ne": "が"}, {"eq": "か"}],
        ),
        ("area", "Abc", [{"eq": "Abc"}, {"ne": "abc"}, {"gte": "A"}], [{"eq": "abc"}, {"contains": "B"}]),
        (
            "visits",
            3,
            [{"eq": 3}, {"gte": 3.0}, {"between": [3, 5]}, {"in": [1, 3]}, {"exists": True}],
            [{"gt": 3}, {"ne": 3}],
        ),
        ("member", False, [{"eq": False}, {"ne": True}], [{"eq": True}]),
        ("skin", "dry", [{"in": ["oily", "dry"]}], [{"ne": "dry"}]),
        (
            "likes",
            ["hair", "spa"],
            [{"eq": ["spa", "hair"]}, {"has_any": ["nail", "spa"]}, {"has_all": []}, {"ne": ["hair"]}],
            [{"eq": ["hair"]}, {"has_all": ["hair", "nail"]}, {"has_any": []}],
        ),
        (
            "birthday",
            "2026-11-25",
            [{"in_next": "4d"}, {"gt": "2026-11-22"}, {"anniversary_in": "1w"}],
            [{"in_next": "3d"}, {"in_last": "1w"}],
        ),
        ("birthday", "2026-11-22", [{"in_next": "1d"}, {"in_last": "1d"}, {"anniversary_in": "1d"}], []),
        (
            "birthday",
            "1990-11-28",
            [{"anniversary_in": "7d"}, {"lt": "2000-01-01"}],
            [{"anniversary_in": "6d"}],
        ),
        ("birthday", "1990-11-21", [{"anniversary_in": "53w"}], [{"anniversary_in": "52w"}]),
    ],
)
def test_attributes(attribute, value, true, false):
    """Each type with its operators; text in NFC, case-sensitive; dates in the account's zone."""
    sheet = a_sheet()
    folding.set_attribute(sheet, attribute, ATTRIBUTES[attribute], value, at(), TOKYO)
    for cmp in true:
        assert holds({"attribute": {"id": attribute, **cmp}}, sheet), cmp
    for cmp in false:
        assert not holds({"attribute": {"id": attribute, **cmp}}, sheet), cmp


@pytest.mark.parametrize("cmp", [{"ne": 5}, {"lt": 9}, {"exists": True}])
def test_a_missing_attribute_is_false(cmp):
    """Missing data makes a leaf false, so its not is true; only ``exists: false`` finds it."""
    assert not holds({"attribute": {"id": "visits", **cmp}}, EMPTY)
    assert holds({"not": {"attribute": {"id": "visits", **cmp}}}, EMPTY)
    assert holds({"attribute": {"id": "visits", "exists": False}}, EMPTY)


def test_a_value_from_before_a_type_change_is_missing():
    """Text in what is a number now satisfies nothing and raises nothing."""
    sheet = a_sheet(attributes={"visits": "many", "member": 1})
    assert not holds({"attribute": {"id": "visits", "gt": 0}}, sheet)
    assert not holds({"attribute": {"id": "member", "eq": True}}, sheet)


def test_leap_days_come_round_on_the_28th():
    """29 February has its anniversary on 28 February of other years."""
    sheet = a_sheet(attributes={"birthday": "2000-02-29"})
    condition = {"attribute": {"id": "birthday", "anniversary_in": "1d"}}
    assert holds(condition, sheet, now=NOW.replace(year=2027, month=2, day=28, hour=3))
    assert holds(condition, sheet, now=NOW.replace(year=2028, month=2, day=29, hour=3))
    assert not holds(condition, sheet, now=NOW.replace(year=2028, month=2, day=28, hour=3))


def test_events_are_counted_by_type_key_and_whole_local_days():
    """The last 7 local days: today and six before; nothing counts as 0."""
    sheet = a_sheet()
    # NOW is 15:06 in Tokyo on the 22nd; the 16th is the first of the last 7 days there.
    for moment in ("2026-11-15T15:00:00.000Z", "2026-11-15T14:59:59.999Z", "2026-11-22T06:00:00.000Z"):
        event = FriendEvent("e", "salon", "U1", "messaged", moment, props={"message_type": "text"})
        folding.fold_event(sheet, event, TOKYO)

    def messaged(**more):
        return {"event": {"type": "messaged", **more}}

    assert holds(messaged(), sheet)
    assert holds(messaged(within="7d", count={"eq": 2}), sheet)
    assert holds(messaged(within="1w", count={"eq": 2}), sheet)
    assert holds(messaged(within="8d", count={"eq": 3}), sheet)
    assert holds(messaged(key="text", count={"gte": 3}), sheet)
    assert not holds(messaged(key="image"), sheet)
    assert holds(messaged(key="image", count={"eq": 0}), sheet)
    assert holds({"event": {"type": "custom:trial", "count": {"lt": 1}}}, sheet)
    assert not holds({"event": {"type": "beacon"}}, sheet)


def test_purchases():
    """Counts, totals and moments, in all or within a category or product."""
    sheet = a_sheet()
    for days, product, category, amount in ((40, "p1", "lotion", 300), (30, "p2", "soap", 200)):
        props = {"amount": amount, "items": [{"product": product, "category": category, "amount": amount}]}
        event = FriendEvent("e", "salon", "U1", "purchased", at(days=days), props=props)
        folding.fold_event(sheet, event, TOKYO)

    def bought(**parts):
        return {"purchase": parts}

    assert holds(bought(count={"eq": 2}, total={"eq": 500}), sheet)
    assert holds(bought(category="lotion"), sheet)
    assert holds(bought(category="lotion", product="p1", total={"eq": 300}), sheet)
    assert not holds(bought(category="lotion", product="p2"), sheet)
    assert holds(bought(category="lotion", last={"days_ago": [40, 40]}), sheet)
    assert holds(bought(last={"within": "31d"}, first={"before": "40d"}), sheet)
    assert not holds(bought(category="soap", last={"before": "31d"}), sheet)
    assert holds(bought(category="shampoo", count={"eq": 0}), sheet)
    assert not holds(bought(category="shampoo", last={"within": "99d"}), sheet)
    assert holds({"rfm": {"r": {"eq": 30}, "f": {"gte": 2}, "m": {"between": [500, 500]}}}, sheet)
    assert holds({"rfm": {"f": {"eq": 0}, "m": {"eq": 0}}}, EMPTY)
    assert not holds({"rfm": {"r": {"gte": 0}}}, EMPTY)
    assert holds({"stage": "repeat"}, sheet)
    assert holds({"stage": {"in": ["prospect", "dormant"]}}, EMPTY)


def test_friend_source_scenario_delivery_form():
    """What is not there is never, not received, not answered."""
    sheet = a_sheet(
        status="following",
        language="ja",
        member_id="m1",
        last_active_at=at(days=2),
        source={"first": "poster", "latest": "web"},
        scenarios={"welcome": {"state": "active", "node": "n1", "v": 3}},
        received={"run-1": at(days=3)},
        clicked={"run-1": {"at": at(days=1), "run": "r"}},
        forms={
            "skin-check": {
                "at": at(),
                "answers": {"age": {"value": 30, "at": at()}, "care": {"value": ["a", "b"], "at": at()}},
            }
        },
    )
    true = [
        {"friend": {"status": "following"}},
        {"friend": {"linked": True}},
        {"friend": {"language": "ja"}},
        {"friend": {"last_active": {"before": "2d"}}},
        {"source": {"first": "poster"}},
        {"not": {"source": {"latest": "poster"}}},
        {"scenario": {"id": "welcome", "state": "active", "node": "n1"}},
        {"not": {"scenario": {"id": "welcome", "state": "finished"}}},
        {"delivery": {"received": True}},
        {"delivery": {"id": "run-1", "received": True, "within": "4d"}},
        {"delivery": {"id": "run-1", "received": False, "within": "3d"}},
        {"delivery": {"id": "other", "received": False}},
        {"delivery": {"clicked": True, "within": "2d"}},
        {"form": {"id": "skin-check", "answered": True}},
        {"form": {"id": "skin-check", "question": "age", "between": [20, 30]}},
        {"form": {"id": "skin-check", "question": "care", "eq": ["b", "a"]}},
        {"form": {"id": "skin-check", "question": "care", "in": ["b", "z"]}},
        {"not": {"form": {"id": "skin-check", "question": "nothing", "ne": "x"}}},
    ]
    for condition in true:
        assert holds(condition, sheet), condition
    for condition in (
        {"scenario": {"id": "welcome", "state": "never"}},
        {"delivery": {"received": False}},
        {"form": {"id": "skin-check", "answered": False}},
        {"friend": {"linked": False}},
    ):
        assert holds(condition, EMPTY), condition


def test_random_buckets_are_those_of_the_contract():
    """x = int(sha256(salt:user) hex[:8], 16) / 2^32 × 100; buckets side by side leave nobody out."""
    assert bucket("s", "U1") == int(_sha("s:U1")[:8], 16) / 2**32 * 100
    for user in map(str, range(50)):
        sheet = a_sheet(user_id=user)
        hits = [
            holds({"random": {"salt": "x", "from": low, "to": low + 25}}, sheet) for low in (0, 25, 50, 75)
        ]
        assert hits.count(True) == 1
    assert not holds({"random": {"salt": "x", "from": 5, "to": 5}}, EMPTY)


def _sha(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


# Segments and audiences


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
        ({"event": {"type": "nothing"}}, "condition.event.type"),
        ({"event": {"type": "custom:"}}, "condition.event.type"),
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
        ({"event": {"type": "custom:trial", "key": "x"}}, "condition.event.key"),
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
