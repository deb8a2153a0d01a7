"""What happens by time alone: when it is noted, once, and what a late or an early moment does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.actions.model import Decision
from chalicelib.reaction.decide import decide
from chalicelib.rules.model import Program
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import scores
from chalicelib.sheets.model import TIME_PASSED
from chalicelib.sheets.purchases import DORMANT_AFTER
from tests.reaction_builders import NOW, a_program, a_rule, an_event

WARMTH = {"name": "warmth", "half_life": "1d", "thresholds": [3, 10]}
COLD = a_rule("score_crossed", [{"add_tag": "a"}], match={"score": "warmth", "direction": "down"})
WARM = a_rule("custom:x", [{"add_score": {"score": "warmth", "points": 8}}])


def program(**rules: Any) -> Program:
    return a_program({"warm": WARM, **rules}, scores={"warmth": WARMTH})


def passed(at: str) -> FriendEvent:
    return FriendEvent(f"time:{at}", "shop", "U1", TIME_PASSED, at, source="timer")


def after(event: FriendEvent, found: Program, sheet: Any = None) -> Decision:
    return decide(event, sheet, found, parse_iso(event.at))


def crossed(decision: Decision) -> list[tuple[float, str]]:
    return [(c["threshold"], c["direction"]) for c in decision.changes if c["type"] == "score_crossed"]


@given(
    st.floats(0.01, 1e6),
    st.floats(1.0001, 1e6),
    st.integers(1, 90 * 24 * 60),
    st.sampled_from([1, -1]),
)
def test_the_time_of_a_crossing(threshold: float, ratio: float, half_life: int, sign: int) -> None:
    """At that moment the value is on the other side, and a little earlier it was not: a second, and what
    values are rounded to.
    """
    definition = {"half_life": f"{half_life}m"}
    entry = {"value": sign * threshold * ratio, "at": iso(NOW)}
    at = scores.crossed_by_decay_at(entry, definition, sign * threshold)
    assert at is not None
    assert abs(scores.score_value(entry, definition, at)) < threshold
    earlier = at - timedelta(seconds=1 + half_life * 60 * (4e-9 / threshold + 2e-9))
    assert earlier <= NOW or abs(scores.score_value(entry, definition, earlier)) >= threshold


def test_a_score_that_sinks_wakes_a_rule_when_it_crosses() -> None:
    """8 points, a half-life of a day: below 3 after 1 day 9 hours 58 minutes; told once, and not again."""
    found = program(cold=COLD)
    first = after(an_event("custom:x"), found)
    due = first.after["due_at"]
    assert abs(parse_iso(due) - NOW - timedelta(hours=33, minutes=57, seconds=41)) < timedelta(seconds=60)
    then = after(passed(due), found, first.after)
    assert crossed(then) == [(3, "down")]
    assert "a" in then.after["tags"]
    assert "due_at" not in then.after
    assert then.after["scores"]["warmth"]["value"] == 8, "what is stored stays as it was"
    later = parse_iso(due) + timedelta(days=1)
    again = decide(
        an_event("custom:x", (later - NOW).total_seconds() / 60, id="e2"), then.after, found, later
    )
    assert crossed(again) == [(3, "up")], "the way down was told already"
    assert again.after["due_at"] > iso(later)


def test_points_put_the_due_time_off_without_a_write() -> None:
    """More points: the entry that stands is kept, finds nothing when it comes, and leads to the next."""
    match = {"score": "warmth", "threshold": 3, "direction": "down"}
    found = program(cold=a_rule("score_crossed", [{"add_tag": "a"}], match=match))
    first = after(an_event("custom:x"), found)
    second = after(an_event("custom:x", 60, id="e2"), found, first.after)
    assert second.after["due_at"] == first.after["due_at"]
    early = after(passed(first.after["due_at"]), found, second.after)
    assert crossed(early) == [(10, "down")], "above 10 it had come meanwhile"
    assert early.after["due_at"] > first.after["due_at"]
    assert crossed(after(passed(early.after["due_at"]), found, early.after)) == [(3, "down")]


def test_nothing_is_noted_that_no_rule_waits_for() -> None:
    """Without a rule, with one for another score, another threshold or the way up: no moment."""
    for match in ({"score": "interest"}, {"score": "warmth", "direction": "up"}, {"threshold": 7}):
        other = a_rule("score_crossed", [{"add_tag": "a"}], match=match)
        assert "due_at" not in after(an_event("custom:x"), program(other=other)).after
    off = {**COLD, "enabled": False}
    assert "due_at" not in after(an_event("custom:x"), program(off=off)).after


def test_a_customer_becomes_dormant_when_it_is_due() -> None:
    """Half a year after the last order, once; a later order puts it off."""
    rule = a_rule("stage_changed", [{"add_tag": "b"}], match={"after": "dormant"})
    found = program(dormant=rule)
    order = {"order_id": "1", "amount": 100, "items": []}
    bought = after(an_event("purchased", **order), found)
    assert bought.after["due_at"] == iso(NOW + DORMANT_AFTER)
    another = order | {"order_id": "2"}
    more = after(an_event("purchased", 60, id="e2", **another), found, bought.after)
    early = after(passed(bought.after["due_at"]), found, more.after)
    assert "b" not in early.after["tags"]
    assert early.after["due_at"] == iso(NOW + DORMANT_AFTER + timedelta(hours=1))
    then = after(passed(early.after["due_at"]), found, early.after)
    assert [c for c in then.changes if c["type"] == "stage_changed"] == [
        {"type": "stage_changed", "before": "repeat", "after": "dormant", "by": "time"}
    ]
    assert "b" in then.after["tags"]


def test_a_late_event_does_not_bring_a_due_time_again() -> None:
    """What has come stays come, whatever arrives from before it."""
    found = program(cold=COLD, dormant=a_rule("stage_changed", [{"add_tag": "b"}]))
    bought = after(an_event("purchased", order_id="1", amount=1, items=[]), found)
    then = after(passed(bought.after["due_at"]), found, bought.after)
    late = after(an_event("custom:y", 60, id="late"), found, then.after)
    assert "due_at" not in late.after


def test_late_points_after_the_crossing_are_measured_as_of_it() -> None:
    """Points from before that arrive afterwards lift the score again, or do not: nothing is made up."""
    found = program(cold=COLD)
    sheet = after(an_event("custom:x"), found).after
    then = after(passed(sheet["due_at"]), found, sheet)
    few = a_rule("custom:few", [{"add_score": {"score": "warmth", "points": -1}}])
    for minutes in (-60, 60):
        less = after(an_event("custom:few", minutes, id="late"), program(cold=COLD, few=few), then.after)
        assert crossed(less) == []
        more = after(an_event("custom:x", minutes, id="late"), found, then.after)
        assert crossed(more) == [(3, "up")]
        assert more.after["due_at"] > sheet["due_at"]


@pytest.mark.parametrize("seconds", [0.3, 86_400])
def test_what_time_has_done_is_reported_with_the_next_event_at_the_latest(seconds: float) -> None:
    """The moment's entry may be on its way, or lost with everything else: whichever event comes first tells
    it, once.
    """
    found = program(cold=COLD)
    sheet = after(an_event("custom:x"), found).after
    late = iso(parse_iso(sheet["due_at"]) + timedelta(seconds=seconds))
    decision = after(FriendEvent("e9", "shop", "U1", "custom:y", late), found, sheet)
    assert crossed(decision) == [(3, "down")]
    assert "a" in decision.after["tags"]
    assert "due_at" not in decision.after
    assert crossed(after(passed(sheet["due_at"]), found, decision.after)) == []


def test_dormancy_is_reported_with_the_next_event_at_the_latest() -> None:
    """Once for each last purchase."""
    rule = a_rule("stage_changed", [{"add_tag": "b"}], match={"after": "dormant"})
    found = program(dormant=rule)
    bought = after(an_event("purchased", order_id="1", amount=1, items=[]), found)
    minutes = DORMANT_AFTER.total_seconds() / 60 + 1
    decision = after(an_event("custom:y", minutes, id="e2"), found, bought.after)
    assert "b" in decision.after["tags"]
    again = after(an_event("custom:y", minutes + 1, id="e3"), found, decision.after)
    assert [c for c in again.changes if c["type"] == "stage_changed"] == []


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(-5, 12)), min_size=1, max_size=8))
def test_every_crossing_down_is_reported_once_between_two_ways_up(steps: list[tuple[int, int]]) -> None:
    """Points at any times, every moment that comes in between: ups and downs of a threshold take turns."""
    add = a_rule("custom:x", [{"add_score": {"score": "warmth", "points": "{{ event.n }}"}}])
    found = a_program({"add": add, "cold": COLD}, scores={"warmth": WARMTH})
    sheet: Any = None
    crossings: list[str] = []
    for n, (minutes, points) in enumerate(sorted(steps)):
        event = an_event("custom:x", minutes, id=f"e{n}", n=points)
        while sheet is not None and sheet.get("due_at", "~") < event.at:
            woken = after(passed(sheet["due_at"]), found, sheet)
            crossings += [d for t, d in crossed(woken) if t == 3]
            sheet = woken.after
        decision = after(event, found, sheet)
        crossings += [d for t, d in crossed(decision) if t == 3]
        sheet = decision.after
    assert crossings == ["up", "down"] * (len(crossings) // 2) + ["up"] * (len(crossings) % 2)


def test_a_circle_through_decay_is_slowed_down() -> None:
    """The rule that hears of the sinking adds points: a burst to the second, then one round a minute."""
    hot = {**WARMTH, "half_life": "1s", "thresholds": [5]}
    again = a_rule("score_crossed", WARM["then"], match={"score": "warmth", "direction": "down"})
    found = a_program({"warm": WARM, "again": again}, scores={"warmth": hot})
    sheet = after(an_event("custom:x"), found).after
    came = []
    for n in range(30):
        woken = after(passed(sheet["due_at"]), found, sheet)
        assert crossed(woken) == [(5, "down"), (5, "up")], "none is lost"
        came.append(parse_iso(sheet["due_at"]))
        sheet = woken.after
        if n % 7 == 0:
            at = iso(came[-1] + timedelta(milliseconds=300))
            other = FriendEvent(f"o{n}", "shop", "U1", "custom:y", at)
            sheet = after(other, found, sheet).after
    assert came[7] - came[0] < timedelta(seconds=30)
    for n in range(len(came) - 8):
        assert came[n + 8] - came[n] >= timedelta(minutes=1)
    assert came[-1] - came[8] >= timedelta(minutes=len(came) - 9)
    assert isinstance(sheet["due_pace"], str), "what is remembered of it does not grow"


def test_the_pace_does_not_put_off_what_comes_seldom() -> None:
    """A friend at rest has the whole burst again; becoming dormant is never put off."""
    hot = {**WARMTH, "half_life": "1s", "thresholds": [5]}
    again = a_rule("score_crossed", WARM["then"], match={"score": "warmth", "direction": "down"})
    dormant = a_rule("stage_changed", [{"add_tag": "b"}], match={"after": "dormant"})
    rules = {"warm": WARM, "again": again, "dormant": dormant}
    found = a_program(rules, scores={"warmth": hot})
    sheet = after(an_event("purchased", order_id="1", amount=1, items=[]), found).after
    at = parse_iso(sheet["due_at"]) - timedelta(seconds=20)
    sheet = after(FriendEvent("x", "shop", "U1", "custom:x", iso(at)), found, sheet).after
    crossings = []
    for _ in range(12):
        woken = after(passed(sheet["due_at"]), found, sheet)
        crossings += [sheet["due_at"] for c in woken.changes if c["type"] == "stage_changed"]
        sheet = woken.after
    assert crossings == [iso(NOW + DORMANT_AFTER)]
    rest = parse_iso(sheet["due_at"]) + timedelta(hours=1)
    sheet = after(passed(iso(rest)), found, sheet).after
    assert parse_iso(sheet["due_at"]) - rest < timedelta(seconds=5)


def test_a_shorter_half_life_brings_the_due_time_forward_with_the_next_event() -> None:
    """Whether the score is past the threshold by then or not yet; it is told once."""
    sheet = after(an_event("custom:x"), program(cold=COLD)).after
    for half_life in ("6h", "1h"):
        shorter = {**WARMTH, "half_life": half_life}
        found = a_program({"warm": WARM, "cold": COLD}, scores={"warmth": shorter})
        event = an_event("custom:y", 120, id="y")
        decision = after(event, found, sheet)
        if half_life == "1h":
            assert crossed(decision) == [(3, "down")], "past it already"
            continue
        due = decision.after["due_at"]
        assert event.at < due < sheet["due_at"]
        then = after(passed(due), found, decision.after)
        assert crossed(then) == [(3, "down")]
        assert "due_at" not in after(an_event("custom:y", 720, id="z"), found, then.after).after


def test_a_reservation_for_later_makes_nobody_older() -> None:
    """An event whose moment is to come tells nothing of what time has not done yet."""
    found = program(cold=COLD)
    sheet = after(an_event("custom:x"), found).after
    booked = decide(an_event("reserved", 3 * 24 * 60, id="e2"), sheet, found, NOW)
    assert crossed(booked) == []
    assert booked.after["due_at"] == sheet["due_at"]
