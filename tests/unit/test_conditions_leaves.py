"""Leaves of conditions, one by one."""

from __future__ import annotations

from datetime import timedelta

import pytest

import chalicelib.broadcasts.documents  # noqa: F401 (declares what deliveries are)
from chalicelib.conditions import language as conditions
from chalicelib.conditions.answer_leaves import bucket
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from chalicelib.sheets import sheet as folding
from tests.strategies import ATTRIBUTES, NOW, SCORES
from tests.unit.test_conditions_language import CONTEXT, EMPTY, TOKYO, a_sheet, at, holds


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
    for visited_at in ("2026-11-15T15:00:00.000Z", "2026-11-15T14:59:59.999Z", "2026-11-22T06:00:00.000Z"):
        event = FriendEvent("e", "salon", "U1", "messaged", visited_at, props={"message_type": "text"})
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
