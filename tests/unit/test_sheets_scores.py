"""Scores: crossings, decay, limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.shared.times import parse_iso
from chalicelib.sheets import sheet as folding
from chalicelib.sheets.scores import fold_decay
from tests.strategies import NOW, SCORES
from tests.unit.test_sheets_sheet import a_sheet, at


def test_thresholds_are_crossed_in_both_directions():
    """Up at the value, down below it; several at once in the order they are passed."""
    sheet, definition = a_sheet(), SCORES["interest"]
    up = folding.add_score(sheet, "interest", definition, 10, at(2))
    assert [(k, p.get("threshold"), p.get("direction")) for k, _, p in up] == [
        ("score_changed", None, None),
        ("score_crossed", 3.0, "up"),
        ("score_crossed", 10.0, "up"),
    ]
    down = folding.add_score(sheet, "interest", definition, -8, at(1))
    assert [p["threshold"] for k, _, p in down if k == "score_crossed"] == [10.0, 3.0]
    assert {p["direction"] for k, _, p in down if k == "score_crossed"} == {"down"}
    assert folding.add_score(sheet, "interest", definition, 0, at(0)) == []


def test_scores_decay_and_late_points_count():
    """Half after one half-life; late points are worth what they would be by now."""
    sheet, definition = a_sheet(), SCORES["warmth"]
    folding.add_score(sheet, "warmth", definition, 8, at(7))
    assert folding.score_value(sheet["scores"]["warmth"], definition, NOW) == 4
    facts = folding.add_score(sheet, "warmth", definition, 2, at(0))
    assert ("score_changed", "warmth", {"score": "warmth", "before": 4.0, "after": 6.0}) in facts
    crossed = [(p["threshold"], p["direction"]) for k, _, p in facts if k == "score_crossed"]
    assert crossed == [(5.0, "down"), (5.0, "up")]
    folding.add_score(sheet, "warmth", definition, 8, at(14))
    assert sheet["scores"]["warmth"]["value"] == 8
    assert folding.score_value(sheet["scores"]["warmth"], definition, parse_iso(at(30))) == 8


def test_a_set_score_overwrites_what_was_before_it():
    """Points from before the set are void, a set from before later points too."""
    sheet, definition = a_sheet(), SCORES["interest"]
    folding.set_score(sheet, "interest", definition, 5, at(5))
    assert folding.add_score(sheet, "interest", definition, 3, at(6)) == []
    folding.add_score(sheet, "interest", definition, 1, at(4))
    assert folding.set_score(sheet, "interest", definition, 0, at(5)) == []
    assert sheet["scores"]["interest"]["value"] == 6


def test_scores_stay_within_their_limits():
    """Clamped at every change, and at every read."""
    sheet, definition = a_sheet(), {"min": 0, "max": 10}
    folding.add_score(sheet, "s", definition, 99, at(3))
    assert sheet["scores"]["s"]["value"] == 10
    folding.add_score(sheet, "s", definition, -99, at(2))
    assert sheet["scores"]["s"]["value"] == 0


def test_a_score_decays_to_its_minimum():
    """It goes no lower than the limits allow, and points are added to what is read."""
    sheet, definition = a_sheet(), {"min": 4, "half_life": "1d", "thresholds": [4.0, 5.0]}
    folding.add_score(sheet, "s", definition, 8, at(9))
    assert folding.score_value(sheet["scores"]["s"], definition, NOW) == 4
    facts = folding.add_score(sheet, "s", definition, 3, at(0))
    assert [(k, p.get("threshold"), p.get("direction")) for k, _, p in facts] == [
        ("score_crossed", 5.0, "down"),
        ("score_changed", None, None),
        ("score_crossed", 5.0, "up"),
    ]
    assert facts[1][2] == {"score": "s", "before": 4.0, "after": 7.0}


def test_new_limits_hold_at_once():
    """What was stored before max was lowered, or min raised, is read within them; changes begin at it."""
    sheet, low = a_sheet(), {"max": 10, "thresholds": [3.0, 8.0]}
    folding.add_score(sheet, "s", {"thresholds": [3.0, 8.0]}, 20, at(3))
    entry = sheet["scores"]["s"]
    assert (folding.score_value(entry, low, NOW), entry["value"]) == (10, 20)
    late = folding.add_score(sheet, "s", low, -4, at(4))
    assert late == [
        ("score_changed", "s", {"score": "s", "before": 20.0, "after": 6.0}),
        ("score_crossed", "s", {"score": "s", "threshold": 8.0, "direction": "down"}),
    ]
    assert folding.score_value(entry, {"min": 7}, NOW) == 7


DAYS = st.integers(0, 20)
LIMITS = st.tuples(st.one_of(st.none(), st.integers(-6, 0)), st.one_of(st.none(), st.integers(5, 12)))


@given(
    st.sampled_from([None, "1d", "7d"]),
    st.lists(
        st.tuples(st.sampled_from(["add", "set"]), st.integers(-12, 15), DAYS, LIMITS),
        min_size=1,
        max_size=12,
    ),
)
def test_whatever_happens_a_score_lies_within_its_limits_and_crossings_add_up(half_life, made):
    """Limits may change between changes: the value read obeys the limits of now, at any moment; and the
    crossings told of a threshold take turns and end on the side on which the last change left the score.
    """
    sheet = a_sheet()
    thresholds = [0.0, 2.0, 5.0]
    above = dict.fromkeys(thresholds, False) | {0.0: True}
    for verb, number, days, (low, high) in made:
        definition = {"half_life": half_life, "min": low, "max": high, "thresholds": thresholds}
        change = folding.add_score if verb == "add" else folding.set_score
        for kind, _, props in change(sheet, "s", definition, number, at(days)):
            if kind == "score_crossed":
                assert above[props["threshold"]] is (props["direction"] == "down")
                above[props["threshold"]] = props["direction"] == "up"
        entry = sheet["scores"]["s"]
        assert {t: entry["value"] >= t for t in thresholds} == above
        for time in (at(days), at(0), at(-30)):
            value = folding.score_value(entry, definition, parse_iso(time))
            assert (-99 if low is None else low) <= value <= (99 if high is None else high)


@given(
    LIMITS,
    st.lists(
        st.tuples(st.sampled_from(["add", "set", "decay"]), st.integers(-12, 15), DAYS),
        min_size=1,
        max_size=12,
    ),
)
def test_crossings_by_decay_take_turns_within_limits(limits, made):
    """What time alone crosses is told in turns with what changes cross, and never beyond a limit."""
    sheet, thresholds = a_sheet(), [0.0, 2.0, 5.0]
    above = dict.fromkeys(thresholds, False) | {0.0: True}
    definition = {"half_life": "1d", "min": limits[0], "max": limits[1], "thresholds": thresholds}
    for verb, number, days in made:
        if verb == "decay":
            facts = fold_decay(sheet, "s", definition, at(days)) if "s" in sheet["scores"] else []
        else:
            change = folding.add_score if verb == "add" else folding.set_score
            facts = change(sheet, "s", definition, number, at(days))
        for kind, _, props in facts:
            if kind == "score_crossed":
                assert above[props["threshold"]] is (props["direction"] == "down")
                above[props["threshold"]] = props["direction"] == "up"
