"""Folding by event time: the order of arrival must not matter, and nothing later is undone."""

from __future__ import annotations

import copy
import json
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.model import BUDGET_BYTES, KEYS_PER_TYPE, new_sheet
from chalicelib.sheets.paths import changed_paths
from chalicelib.sheets.purchases import stage
from chalicelib.sheets.trim import size_of, tidy
from tests.strategies import ATTRIBUTES, NOW, apply_change, changes, friend_events, sheets

TOKYO = ZoneInfo("Asia/Tokyo")


def at(days: float = 0, ms: int = 0) -> str:
    """A moment ``days`` before NOW."""
    return iso(NOW - timedelta(days=days) + timedelta(milliseconds=ms))


def a_sheet():
    return new_sheet("salon", "U1", at(200))


def an_event(kind: str, when: str, source: str = "line", **props) -> FriendEvent:
    return FriendEvent("e", "salon", "U1", kind, when, props=props, source=source)


def distinct(items, when):
    """Without items of the same moment: their order is told by arrival."""
    return list({when(item): item for item in items}.values())


@given(st.lists(friend_events(), max_size=10), st.randoms(use_true_random=False))
def test_events_fold_alike_in_any_order(events, random):
    """Counts, first and last times, days, status, source, answers, purchases: the order does not matter. (A
    touch that waits for its follow is put to rest by time: ``tests/model/test_touches.py``.)
    """
    events = distinct(events, lambda e: e.at)
    shuffled = list(events)
    random.shuffle(shuffled)
    one, other = a_sheet(), a_sheet()
    for event in events:
        folding.fold_event(one, event, TOKYO)
    for event in shuffled:
        folding.fold_event(other, event, TOKYO)
    for sheet in (one, other):
        for name in ("touch", "joined", "back"):
            sheet["source"].pop(name, None)
    assert one == other


@given(st.lists(changes(), max_size=10), st.randoms(use_true_random=False))
def test_changes_fold_alike_in_any_order(made, random):
    """Tags held, attributes, and scores (to rounding): the order of arrival does not matter."""
    made = distinct(made, lambda c: c[2])
    shuffled = list(made)
    random.shuffle(shuffled)
    one, other = a_sheet(), a_sheet()
    for change in made:
        apply_change(one, change)
    for change in shuffled:
        apply_change(other, change)
    assert {t: e["at"] for t, e in one["tags"].items()} == {t: e["at"] for t, e in other["tags"].items()}
    assert one["untagged"] == other["untagged"]
    assert (one["attributes"], one["attributes_at"]) == (other["attributes"], other["attributes_at"])
    assert one["scores"].keys() == other["scores"].keys()
    for score, entry in one["scores"].items():
        assert entry["at"] == other["scores"][score]["at"]
        assert entry["value"] == pytest.approx(other["scores"][score]["value"], abs=1e-6)


@given(sheets(), changes())
def test_facts_are_produced_by_real_changes_only(sheet, change):
    """A tag fact means the tag came or went; a score or attribute fact means a new value."""
    before = copy.deepcopy(sheet)
    facts = apply_change(sheet, change)
    for kind, key, props in facts:
        if kind == "tag_added":
            assert key in sheet["tags"]
            assert key not in before["tags"]
        elif kind == "tag_removed":
            assert key not in sheet["tags"]
            assert key in before["tags"]
        elif kind == "score_changed":
            assert props["before"] != props["after"] == sheet["scores"][key]["value"]
        elif kind == "attribute_set":
            assert before["attributes"].get(key) != sheet["attributes"].get(key)


@given(sheets(), st.lists(changes(), max_size=5))
def test_changed_paths_turn_one_sheet_into_the_other(sheet, made):
    """Applying the written paths to the stored sheet gives the new one."""
    after = copy.deepcopy(sheet)
    for change in made:
        apply_change(after, change)
    sets, removes = changed_paths(sheet, after)
    stored = copy.deepcopy(sheet)
    for path, value in sets:
        parent = stored if len(path) == 1 else stored[path[0]]
        parent[path[-1]] = value
    for path in removes:
        parent = stored if len(path) == 1 else stored[path[0]]
        del parent[path[-1]]
    assert stored == after
    assert made or (sets, removes) == ([], [])


def test_a_mirror_of_another_room_is_never_written_whole():
    """However much differs below scenarios, only entries are written, and of receipts nothing."""
    before, after = a_sheet(), a_sheet()
    after["scenarios"] = {f"s{n}": {"v": 1} for n in range(100)}
    after["received"] = {f"r{n}": at() for n in range(100)}
    after["tags"] = {f"t{n}": {} for n in range(100)}
    sets, _ = changed_paths(before, after)
    assert {len(path) for path, _ in sets if path[0] == "scenarios"} == {2}
    assert not [path for path, _ in sets if path[0] == "received"]
    assert [path for path, _ in sets if path[0] == "tags"] == [("tags",)]


def test_status_goes_by_the_latest_event():
    """A late block does not undo a later follow; unblocking clears blocked_at."""
    sheet = a_sheet()
    folding.fold_event(sheet, an_event("followed", at(10)), TOKYO)
    folding.fold_event(sheet, an_event("unfollowed", at(5)), TOKYO)
    assert (sheet["status"], sheet["blocked_at"], sheet["followed_at"]) == ("blocked", at(5), at(10))
    folding.fold_event(sheet, an_event("followed", at(2)), TOKYO)
    assert (sheet["status"], sheet["blocked_at"], sheet["followed_at"]) == ("following", None, at(2))
    folding.fold_event(sheet, an_event("unfollowed", at(3)), TOKYO)
    assert (sheet["status"], sheet["status_at"]) == ("following", at(2))


def test_facts_are_counted_by_local_day():
    """15:30 UTC is the next day in Tokyo; days older than 92 leave."""
    sheet = a_sheet()
    folding.fold_event(sheet, an_event("messaged", "2026-11-21T14:30:00.000Z", message_type="text"), TOKYO)
    folding.fold_event(sheet, an_event("messaged", "2026-11-21T15:30:00.000Z", message_type="image"), TOKYO)
    assert sheet["facts"]["messaged"]["days"] == {"2026-11-21": 1, "2026-11-22": 1}
    assert sheet["facts"]["messaged:text"]["count"] == 1
    folding.fold_event(sheet, an_event("messaged", "2026-08-22T03:00:00.000Z", message_type="text"), TOKYO)
    assert sheet["facts"]["messaged"]["count"] == 3
    assert "2026-08-22" not in sheet["facts"]["messaged"]["days"]


@pytest.mark.parametrize(
    ("kind", "props", "names"),
    [
        ("messaged", {"message_type": "text"}, {"messaged", "messaged:text"}),
        ("postback", {"data": "skin=dry&x=1"}, {"postback", "postback:skin=dry"}),
        ("link_clicked", {"link": "spring"}, {"link_clicked", "link_clicked:spring"}),
        ("custom:trial", {"key": "x"}, {"custom:trial", "custom:trial::x"}),
        ("custom:trial", {"key": 5}, {"custom:trial"}),
        ("console_edit", {}, set()),
        ("scenario_skipped", {"scenario": "s1"}, set()),
        ("unknown:plan", {}, set()),
    ],
)
def test_what_an_event_is_counted_under(kind, props, names):
    """Type, and type with key; custom events by their property key; internal and unknown ones not at all."""
    sheet = a_sheet()
    folding.fold_event(sheet, an_event(kind, at(), **props), TOKYO)
    assert set(sheet["facts"]) == names


def test_only_what_the_friend_does_makes_active():
    """Messages, follows and purchases count; edits and the API's own events do not."""
    sheet = a_sheet()
    folding.fold_event(sheet, an_event("custom:restock", at(3), source="api"), TOKYO)
    folding.fold_event(sheet, an_event("console_edit", at(2), source="console"), TOKYO)
    assert sheet["last_active_at"] is None
    folding.fold_event(sheet, an_event("followed", at(9)), TOKYO)
    folding.fold_event(sheet, an_event("purchased", at(8), source="api"), TOKYO)
    assert sheet["last_active_at"] == at(8)


def test_a_late_removal_leaves_a_later_tag():
    """Tagged, tagged again, and only then the removal between the two arrives: the tag stays."""
    sheet = a_sheet()
    folding.add_tag(sheet, "vip", at(9), "rule:a")
    folding.add_tag(sheet, "vip", at(3), "rule:b")
    assert folding.remove_tag(sheet, "vip", at(5)) == []
    assert sheet["tags"]["vip"]["since"] == at(3)
    assert folding.remove_tag(sheet, "vip", at(1)) == [("tag_removed", "vip", {"tag": "vip"})]
    assert folding.add_tag(sheet, "vip", at(2), "rule:late") == []
    assert sheet["tags"] == {}


def test_changes_of_one_timestamp_apply_in_the_order_made():
    """One reaction removes and adds a tag at the moment of its event: the last action stands."""
    sheet = a_sheet()
    folding.add_tag(sheet, "vip", at(1), "r")
    folding.remove_tag(sheet, "vip", at(1))
    assert folding.add_tag(sheet, "vip", at(1), "r")
    assert "vip" in sheet["tags"]


def test_purchases_and_refunds_and_stages():
    """Sums by category and product; stages are computed for a moment."""
    sheet = a_sheet()
    order = {"amount": 300, "items": [{"product": "p1", "category": "lotion", "amount": 300}]}
    facts = folding.fold_event(sheet, an_event("purchased", at(200), order_id="o1", **order), TOKYO)
    assert facts == []
    folding.fold_event(sheet, an_event("purchased", at(190), order_id="o2", **order), TOKYO)
    assert stage(sheet["purchases"], NOW) == "dormant"
    assert stage(sheet["purchases"], parse_iso(at(100))) == "repeat"
    assert sheet["purchases"]["categories"]["lotion"]["total"] == 600
    folding.fold_event(sheet, an_event("refunded", at(180), order_id="r1", refund_of="o1", **order), TOKYO)
    assert (sheet["purchases"]["count"], sheet["purchases"]["total"]) == (1, 300)
    assert sheet["purchases"]["products"]["p1"]["last_at"] == at(190)


def test_a_sheet_is_trimmed_to_its_budget_and_says_what_went():
    """Oldest keys above 200 per type; then, above 32 KB, the least missed; tags and scores stay."""
    sheet = a_sheet()
    for n in range(KEYS_PER_TYPE + 5):
        key = f"k{n:03d}" + "x" * 60
        folding.fold_event(sheet, an_event("postback", at(5, ms=n), data=key), TOKYO)
    for n in range(50):
        folding.add_tag(sheet, f"t{n}", at(1), "test")
    trimmed = tidy(sheet, date(2026, 11, 22))
    assert trimmed[:5] == [f"facts.postback:k{n:03d}" + "x" * 60 for n in range(5)]
    assert size_of(sheet) <= BUDGET_BYTES
    assert len(sheet["tags"]) == 50
    assert sheet["facts"]["postback"]["count"] == KEYS_PER_TYPE + 5
    assert tidy(sheet, date(2026, 11, 22)) == []
    assert json.dumps(sheet)


def test_caps_of_periods_gone_by_leave():
    """The two latest periods of each counter stay; the store is told by path."""
    before = a_sheet()
    before |= {f"cap_marketing_day_2026-11-{n}": {"run"} for n in range(10, 23)}
    before["cap_marketing_month_2026-11"] = {"r"}
    after = copy.deepcopy(before)
    assert tidy(after, date(2026, 11, 22)) == []
    assert {name for name in after if name.startswith("cap_")} == {
        "cap_marketing_day_2026-11-21",
        "cap_marketing_day_2026-11-22",
        "cap_marketing_month_2026-11",
    }
    sets, removes = changed_paths(before, after)
    assert sets == []
    assert len(removes) == 11
    assert all(len(path) == 1 for path in removes)


def test_attributes_remember_when():
    """The latest value stands; None removes; the same value again is no change."""
    sheet, definition = a_sheet(), ATTRIBUTES["visits"]
    assert folding.set_attribute(sheet, "visits", definition, 3, at(3), TOKYO)
    assert folding.set_attribute(sheet, "visits", definition, 9, at(4), TOKYO) == []
    assert folding.set_attribute(sheet, "visits", definition, 3, at(2), TOKYO) == []
    assert folding.set_attribute(sheet, "visits", definition, None, at(1), TOKYO)
    assert folding.set_attribute(sheet, "visits", definition, 5, at(1.5), TOKYO) == []
    assert sheet["attributes"] == {}


@settings(max_examples=50)
@given(sheets())
def test_tidy_changes_nothing_within_the_budget(sheet):
    """Ordinary sheets lose nothing but days out of the window."""
    before = copy.deepcopy(sheet)
    assert tidy(sheet, NOW.date()) == []
    for fact in (*before["facts"].values(), *sheet["facts"].values()):
        fact.pop("days")
    assert sheet == before


@pytest.mark.parametrize("late", [False, True])
def test_what_new_limits_take_is_reported_with_the_change_that_takes_it(late: bool) -> None:
    """Points after ``max`` was lowered: before is what stood there, so the changes add up to the score."""
    free = {"thresholds": [30]}
    limited = free | {"max": 10}
    for change, number in ((folding.add_score, 0), (folding.add_score, 1), (folding.set_score, 10)):
        if late and change is folding.set_score:
            continue
        sheet = a_sheet()
        folding.add_score(sheet, "s", free, 50, at(5))
        facts = change(sheet, "s", limited, number, at(6 if late else 5))
        assert ("score_changed", "s", {"score": "s", "before": 50.0, "after": 10.0}) in facts
        assert [p["direction"] for kind, _, p in facts if kind == "score_crossed"] == ["down"]
        assert folding.add_score(sheet, "s", limited, 1, at(5)) == []


def test_clicks_remember_the_latest_runs_of_a_delivery():
    """Ten of them, by the time of each click, in whatever order they are told."""
    facts = [("link_clicked", at(n), {"delivery": "sale", "run": f"r{n:02d}"}) for n in range(15)]
    for order in (facts, facts[::-1]):
        sheet = a_sheet()
        for kind, when, props in order:
            folding.fold_event(sheet, an_event(kind, when, **props), TOKYO)
        entry = sheet["clicked"]["sale"]
        assert (entry["at"], entry["run"]) == (at(0), "r00")
        assert entry["before"] == {f"r{n:02d}": at(n) for n in range(1, 10)}


def test_answers_in_the_chat_keep_their_own_times():
    """The end of the form is told by a rule's fact and gives no answer anew; answers sent at once are."""
    sheet, props = a_sheet(), {"form": "skin", "answers": {"q": "dry"}}
    folding.fold_event(sheet, an_event("form_answered", at(9), source="form", **props), TOKYO)
    folding.fold_event(sheet, an_event("form_answered", at(2), source="rule", **props), TOKYO)
    assert sheet["forms"]["skin"] == {"at": at(2), "answers": {"q": {"value": "dry", "at": at(9)}}}
    folding.fold_event(sheet, an_event("form_answered", at(1), source="form", **props), TOKYO)
    assert sheet["forms"]["skin"]["answers"]["q"]["at"] == at(1)
