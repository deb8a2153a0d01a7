"""Judging an event again: not counted twice, what it took of limits given back, nothing else changed."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.actions.model import Decision
from chalicelib.reaction.decide import decide
from chalicelib.rehearsals import replay
from chalicelib.shared.events import FriendEvent
from tests.reaction_builders import NOW, a_program, a_rule, an_event
from tests.reasons_checked import words


class History:
    """A friend to whom events happen, and their activities."""

    def __init__(self, rules: dict[str, Any], **more: Any) -> None:
        self.program = a_program(rules, **more)
        self.sheet: Any = None
        self.activities: dict[str, dict[str, Any]] = {}

    def happens(self, event: FriendEvent) -> Decision:
        decision = decide(event, self.sheet, self.program, NOW)
        self.sheet = decision.after
        self.activities[event.event_id] = {
            "type": event.type,
            "at": event.at,
            "rules": decision.rules,
            "changes": decision.changes,
            "effects": decision.effects,
        }
        return decision

    def again(self, event: FriendEvent) -> Decision:
        activity, before = self.activities[event.event_id], repr(self.sheet)
        sheet = replay.give_back(self.sheet, activity, self.program)
        decision = decide(event, sheet, self.program, NOW, counted=replay.counted(activity))
        assert repr(self.sheet) == before
        return decision


@pytest.mark.parametrize(
    "limit",
    [
        None,
        "once",
        {"every": 1},
        {"every": 2},
        {"every": 3},
        {"cooldown": "1h"},
        {"per_day": 1},
        {"per_day": 3},
    ],
)
@pytest.mark.parametrize("minutes", [(0, 1, 2, 3, 4, 5, 6), (0, 61, 100, 122, 900, 901), (100, 0, -500, 61)])
def test_every_event_is_judged_as_it_was(limit: Any, minutes: tuple[int, ...]) -> None:
    """Whatever came after it: the rule ran then and runs now, or does neither."""
    history = History({"r": a_rule(then=[{"add_tag": "a"}], **({"limit": limit} if limit else {}))})
    events = [an_event(text="x", id=f"e{n}", minutes=minute) for n, minute in enumerate(minutes)]
    for event in events:
        history.happens(event)
    for event in events:
        was, now = history.activities[event.event_id]["rules"][0], history.again(event).rules[0]
        assert now["matched"] == was["matched"], (event.at, was, now)


def test_an_event_is_not_folded_again() -> None:
    """Counts, purchases and the stage stay; the facts of then wake rules again, and are not counted again."""
    rules = {
        "thanks": a_rule("purchased", [{"add_tag": "vip"}], condition={"purchase": {"count": {"eq": 1}}}),
        "staged": a_rule("stage_changed", [{"add_tag": "b"}]),
        "tagged": a_rule("tag_added", [{"add_tag": "c"}], match={"tag": "b"}),
    }
    history = History(rules)
    event = an_event("purchased", order_id="o", amount=100, items=[])
    history.happens(event)
    again = history.again(event)
    assert [entry["rule"] for entry in again.rules if entry["matched"]] == ["thanks", "staged"]
    assert {change["type"] for change in again.changes} == {"unchanged"}
    assert again.after["facts"] == history.sheet["facts"]
    assert again.after["purchases"] == history.sheet["purchases"]


def test_edits_by_hand_are_not_made_again() -> None:
    """The tag that a PATCH added wakes its rules again, though the friend has lost it since."""
    rules = {
        "r": a_rule("tag_added", [{"add_score": {"score": "interest", "points": 2}}], match={"tag": "a"})
    }
    history = History(rules)
    edit = an_event("console_edit", tags={"add": ["a"]}, by="key:k1")
    history.happens(edit)
    history.happens(an_event("console_edit", id="e2", minutes=1, tags={"remove": ["a"]}))
    again = history.again(edit)
    assert "a" not in again.after["tags"]
    assert [change["type"] for change in again.changes] == ["score_changed", "score_crossed"]


def test_what_a_node_did_is_not_done_again() -> None:
    """A scenario's action node: its facts wake the rules, its actions do not run."""
    rules = {
        "r": a_rule("tag_added", [{"add_tag": "b"}], match={"tag": "a"}),
        "s": a_rule("custom:x", [{"add_tag": "c"}], match={"v": 1}),
    }
    then = [{"add_tag": "a"}, {"record_event": {"name": "x", "props": {"v": 1}}}]
    history = History(rules)
    event = an_event("scenario_action", scenario="s", node="n", run=1, v=2, then=then)
    history.happens(event)
    follow = FriendEvent(
        event.event_id, "shop", "U1", event.type, event.at, props={"scenario": "s", "node": "n"}
    )
    again = history.again(follow)
    assert [entry["rule"] for entry in again.rules if entry["matched"]] == ["r", "s"]
    assert {change["type"] for change in again.changes} == {"unchanged"}


def test_an_answer_stays_an_answer() -> None:
    """What answered a form is not taken as the next answer, and rules do not look at it now either."""
    rules = {
        "ask": a_rule("postback", [{"start_form": "check"}]),
        "r": a_rule(then=[{"add_tag": "a"}]),
        "s": a_rule("attribute_set", [{"add_tag": "b"}], match={"attribute": "memo"}),
    }
    history = History(rules)
    history.happens(an_event("postback", id="e0", data="x"))
    answer = an_event(text="はい", id="e1", minutes=1)
    was = history.happens(answer)
    assert was.rules[0]["rule"] == "form:check:q1"
    again = history.again(answer)
    assert again.rules == was.rules
    assert [effect["question"] for effect in again.effects] == ["q2"]
    assert again.after.get("form_session") == history.sheet["form_session"]


def test_turns_are_taken_again() -> None:
    """Of several messages by turns the one that was said, whatever was said since."""
    options = {"any_of": ["hello", "three"], "choose": "rotate"}
    history = History({"r": a_rule(then=[{"reply": options}])})
    events = [an_event(text="x", id=f"e{n}", minutes=n) for n in range(3)]
    messages = [history.happens(event).effects[0]["message"] for event in events]
    assert [history.again(event).effects[0]["message"] for event in events] == messages


def test_points_of_the_day_are_given_back() -> None:
    """What the event took of the day, cut off or not."""
    add = {"add_score": {"score": "interest", "points": 3, "max_per_day": 5}}
    history = History({"r": a_rule(then=[add])})
    events = [an_event(text="x", id=f"e{n}", minutes=n) for n in range(2)]
    for event in events:
        history.happens(event)

    def used(decision: Decision) -> Any:
        return decision.after["limits"]["r"]["points"]["interest"]["used"]

    first, second = (history.again(event) for event in events)
    assert [c["added"] for c in second.changes if c["type"] == "capped"] == [2]
    assert (used(first), used(second)) == (5, 5)


def test_a_limit_taken_by_another_event_stays_taken() -> None:
    """Only what this event took is given back: also when the limit came later than the event."""
    history = History({"r": a_rule(then=[{"add_tag": "a"}])})
    first, second = an_event(text="x"), an_event(text="y", id="e2", minutes=1)
    history.happens(first)
    history.program = a_program({"r": a_rule(then=[{"add_tag": "a"}], limit="once")})
    history.happens(second)
    assert history.again(second).rules[0]["matched"]
    assert "once" in words(history.again(first).rules[0])


CHOICES = [
    {"value": "dry", "label": "乾燥", "then": [{"add_tag": "dry"}, {"send": {"message": "hello"}}]},
    {"value": "oily", "label": "脂性"},
]
SKIN = {
    "name": "skin",
    "questions": [
        {"id": "q1", "text": "?", "type": "choice", "choices": CHOICES},
        {"id": "q2", "text": "?", "type": "multi_choice", "choices": CHOICES},
    ],
    "then": [{"add_tag": "t"}, {"reply": {"message": "hello"}}],
}


def test_what_an_event_did_with_a_form_is_shown_again() -> None:
    """Begun, answered, ended, at any time later: the question, the choice's effects, the form's own."""
    rules = {
        "begin": a_rule(then=[{"start_form": "skin"}], match={"text": "診断"}),
        "dry": a_rule("tag_added", [{"add_tag": "a"}], match={"tag": "dry"}),
    }
    history = History(rules, forms={"skin": SKIN})
    events = [
        an_event(text=text, id=f"e{n}", minutes=n)
        for n, text in enumerate(["診断", "何それ", "乾燥", "乾燥、脂性", "診断", "脂性", "キャンセル"])
    ]

    def effects(decision: Decision) -> list[Any]:
        names = ("rule", "index", "action", "status", "question", "message")
        return [[effect.get(name) for name in names] for effect in decision.effects]

    def ran(decision: Decision) -> list[str]:
        return [trace["rule"] for trace in decision.rules if trace["matched"]]

    was = {}
    for event in events:
        was[event.event_id] = history.happens(event)
        for earlier in events[: events.index(event) + 1]:
            again = history.again(earlier)
            assert effects(again) == effects(was[earlier.event_id]), (event.event_id, earlier.event_id)
            assert sorted(ran(again)) == sorted(ran(was[earlier.event_id]))
    assert [e[4] for e in effects(was["e2"])] == [None, "q2"]
    assert effects(was["e3"])[-1][2] == "reply"
    assert history.again(events[2]).changes == [
        {"type": "unchanged", "action": "add_tag", "what": "a", "by": "rule:dry"}
    ]
