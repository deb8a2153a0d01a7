"""What happens by time alone: when it is noted, once, and what a late or an early moment does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.engine.decide import decide
from chalicelib.engine.model import Decision, Program
from chalicelib.friends import scores
from chalicelib.friends.model import TIME_PASSED
from chalicelib.friends.purchases import DORMANT_AFTER
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from tests.engine_builders import NOW, a_program, a_rule, an_event

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
def test_the_moment_of_a_crossing(threshold: float, ratio: float, half_life: int, sign: int) -> None:
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


def test_a_score_that_sinks_wakes_a_rule_at_the_moment() -> None:
    """8 points, a half-life of a day: below 3 after 1 day 9 hours 58 minutes; told once, and not again."""
    found = program(cold=COLD)
    first = after(an_event("custom:x"), found)
    due = first.after["moment"]
    assert abs(parse_iso(due) - NOW - timedelta(hours=33, minutes=57, seconds=41)) < timedelta(seconds=60)
    then = after(passed(due), found, first.after)
    assert crossed(then) == [(3, "down")]
    assert "a" in then.after["tags"]
    assert "moment" not in then.after
    assert then.after["scores"]["warmth"]["value"] == 8, "what is stored stays as it was"
    later = parse_iso(due) + timedelta(days=1)
    again = decide(
        an_event("custom:x", (later - NOW).total_seconds() / 60, id="e2"), then.after, found, later
    )
    assert crossed(again) == [(3, "up")], "the way down was told already"
    assert again.after["moment"] > iso(later)


def test_points_put_the_moment_off_without_a_write() -> None:
    """More points: the entry that stands is kept, finds nothing when it comes, and leads to the next."""
    match = {"score": "warmth", "threshold": 3, "direction": "down"}
    found = program(cold=a_rule("score_crossed", [{"add_tag": "a"}], match=match))
    first = after(an_event("custom:x"), found)
    second = after(an_event("custom:x", 60, id="e2"), found, first.after)
    assert second.after["moment"] == first.after["moment"]
    early = after(passed(first.after["moment"]), found, second.after)
    assert crossed(early) == [(10, "down")], "above 10 it had come meanwhile"
    assert early.after["moment"] > first.after["moment"]
    assert crossed(after(passed(early.after["moment"]), found, early.after)) == [(3, "down")]


def test_nothing_is_noted_that_no_rule_waits_for() -> None:
    """Without a rule, with one for another score, another threshold or the way up: no moment."""
    for match in ({"score": "interest"}, {"score": "warmth", "direction": "up"}, {"threshold": 7}):
        other = a_rule("score_crossed", [{"add_tag": "a"}], match=match)
        assert "moment" not in after(an_event("custom:x"), program(other=other)).after
    off = {**COLD, "enabled": False}
    assert "moment" not in after(an_event("custom:x"), program(off=off)).after


def test_a_customer_becomes_dormant_at_the_moment() -> None:
    """Half a year after the last order, once; a later order puts it off."""
    rule = a_rule("stage_changed", [{"add_tag": "b"}], match={"after": "dormant"})
    found = program(dormant=rule)
    order = {"order_id": "1", "amount": 100, "items": []}
    bought = after(an_event("purchased", **order), found)
    assert bought.after["moment"] == iso(NOW + DORMANT_AFTER)
    more = after(an_event("purchased", 60, id="e2", **order), found, bought.after)
    early = after(passed(bought.after["moment"]), found, more.after)
    assert "b" not in early.after["tags"]
    assert early.after["moment"] == iso(NOW + DORMANT_AFTER + timedelta(hours=1))
    then = after(passed(early.after["moment"]), found, early.after)
    assert [c for c in then.changes if c["type"] == "stage_changed"] == [
        {"type": "stage_changed", "before": "repeat", "after": "dormant", "by": "timer"}
    ]
    assert "b" in then.after["tags"]


def test_a_late_event_does_not_bring_a_moment_again() -> None:
    """What has come stays come, whatever arrives from before it."""
    found = program(cold=COLD, dormant=a_rule("stage_changed", [{"add_tag": "b"}]))
    bought = after(an_event("purchased", order_id="1", amount=1, items=[]), found)
    then = after(passed(bought.after["moment"]), found, bought.after)
    late = after(an_event("custom:y", 60, id="late"), found, then.after)
    assert "moment" not in late.after


def test_late_points_after_the_moment_are_measured_as_of_it() -> None:
    """Points from before that arrive afterwards lift the score again, or do not: nothing is made up."""
    found = program(cold=COLD)
    sheet = after(an_event("custom:x"), found).after
    then = after(passed(sheet["moment"]), found, sheet)
    few = a_rule("custom:few", [{"add_score": {"score": "warmth", "points": -1}}])
    for minutes in (-60, 60):
        less = after(an_event("custom:few", minutes, id="late"), program(cold=COLD, few=few), then.after)
        assert crossed(less) == []
        more = after(an_event("custom:x", minutes, id="late"), found, then.after)
        assert crossed(more) == [(3, "up")]
        assert more.after["moment"] > sheet["moment"]


def test_a_moment_that_never_came_is_armed_anew() -> None:
    """Its entry may be lost with everything else: the friend's next event much later sees to it."""
    found = program(cold=COLD)
    sheet = after(an_event("custom:x"), found).after
    lost = iso(parse_iso(sheet["moment"]) + timedelta(days=1))
    warm = decide(FriendEvent("e9", "shop", "U1", "custom:x", lost), sheet, found, parse_iso(lost))
    assert crossed(warm)[0] == (3, "down"), "told with the change"
    assert warm.after["moment"] > lost


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(-5, 12)), min_size=1, max_size=8))
def test_every_crossing_down_is_told_once_between_two_ways_up(steps: list[tuple[int, int]]) -> None:
    """Points at any times, every moment that comes in between: ups and downs of a threshold take turns."""
    add = a_rule("custom:x", [{"add_score": {"score": "warmth", "points": "{{ event.n }}"}}])
    found = a_program({"add": add, "cold": COLD}, scores={"warmth": WARMTH})
    sheet: Any = None
    told: list[str] = []
    for n, (minutes, points) in enumerate(sorted(steps)):
        event = an_event("custom:x", minutes, id=f"e{n}", n=points)
        while sheet is not None and sheet.get("moment", "~") < event.at:
            moment = after(passed(sheet["moment"]), found, sheet)
            told += [d for t, d in crossed(moment) if t == 3]
            sheet = moment.after
        decision = after(event, found, sheet)
        told += [d for t, d in crossed(decision) if t == 3]
        sheet = decision.after
    assert told == ["up", "down"] * (len(told) // 2) + ["up"] * (len(told) % 2)
