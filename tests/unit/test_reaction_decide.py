"""Deciding: one event, one sheet, the rules; changes in order, and cascades that end."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.reaction import service
from chalicelib.reaction.decide import decide
from chalicelib.sheets.sheet import new_sheet
from tests.reaction_builders import NOW, a_program, a_rule, after, an_event, types, why
from tests.reasons_checked import in_words, words


def test_a_follow_tags_scores_and_replies() -> None:
    """The ordinary reaction: facts, changes with their cause, one effect, a trace."""
    rule = a_rule(
        "followed",
        [
            {"add_tag": "new"},
            {"add_score": {"score": "interest", "points": 3}},
            {"reply": {"message": "hello"}},
            {"enter_scenario": "welcome"},
        ],
        match={"is_unblocked": False},
    )
    decision = after(an_event("followed", is_unblocked=False), {"welcome": rule})
    sheet = decision.after
    assert sheet["status"] == "following"
    assert sheet["tags"]["new"]["by"] == "rule:welcome"
    assert sheet["scores"]["interest"]["value"] == 3
    assert types(decision) == ["tag_added", "score_changed", "score_crossed"]
    assert all(change["by"] == "rule:welcome" for change in decision.changes)
    assert [(e["action"], e["status"]) for e in decision.effects] == [
        ("reply", "pending"),
        ("enter_scenario", "pending"),
    ]
    assert decision.payloads["welcome:2"] == [{"type": "text", "text": "ようこそ"}]
    assert decision.rules == [{"rule": "welcome", "matched": True, "why": "matched"}]
    assert after(an_event("followed", is_unblocked=True), {"welcome": rule}).after["tags"] == {}


def test_nothing_given_is_changed() -> None:
    """The sheet that was read stays as it was read."""
    rules = {"r": a_rule(then=[{"add_tag": "vip"}])}
    first = after(an_event(text="x"), rules).after
    seen = repr(first)
    after(an_event(text="y", id="e2"), rules, first)
    assert repr(first) == seen


def test_rules_run_by_priority_and_stop() -> None:
    """The higher priority first; ``stop`` keeps the lower ones from this event, and the trace says so."""
    rules = {
        "low": a_rule(then=[{"add_tag": "a"}]),
        "high": a_rule(then=[{"add_tag": "b"}], priority=5, stop=True),
        "highest": a_rule(then=[{"add_tag": "c"}], priority=9),
    }
    decision = after(an_event(text="x"), rules)
    assert [entry["rule"] for entry in decision.rules] == ["highest", "high", "low"]
    assert set(decision.after["tags"]) == {"b", "c"}
    assert why(decision, "low") == "stopped by high"


def test_a_later_rule_sees_what_an_earlier_one_changed() -> None:
    """Conditions are judged on the sheet as it stands at that moment."""
    rules = {
        "a": a_rule(then=[{"add_tag": "a"}], priority=1),
        "b": a_rule(then=[{"add_tag": "b"}], condition={"tag": "a"}),
    }
    assert set(after(an_event(text="x"), rules).after["tags"]) == {"a", "b"}


def test_produced_facts_trigger_rules() -> None:
    """tag -> score -> threshold -> attribute: each fact wakes its rules, with its own props."""
    rules = {
        "one": a_rule(then=[{"add_tag": "vip"}]),
        "two": a_rule("tag_added", [{"add_score": {"score": "interest", "points": 5}}], match={"tag": "vip"}),
        "three": a_rule(
            "score_crossed",
            [{"set_attribute": {"attribute": "n", "value": "{{ event.threshold }}"}}],
            match={"direction": "up"},
        ),
        "four": a_rule(
            "attribute_set", [{"record_event": {"name": "done", "props": {"v": "{{ event.value }}"}}}]
        ),
        "five": a_rule("custom:done", [{"add_tag": "c"}], match={"v": 3}),
    }
    decision = after(an_event(text="x"), rules)
    assert set(decision.after["tags"]) == {"vip", "c"}
    assert decision.after["attributes"] == {"n": 3}
    assert decision.after["facts"]["custom:done"]["count"] == 1
    assert decision.after["facts"]["tag_added"]["count"] == 2
    assert [entry.get("on") for entry in decision.rules] == [
        None, "tag_added:vip", "score_crossed:interest", "attribute_set:n", "custom:done", "tag_added:c",
    ]  # fmt: skip


def test_a_loop_ends_and_each_rule_runs_once() -> None:
    """Two rules that cause each other run once each; the trace says why no further."""
    rules = {
        "ping": a_rule("custom:ping", [{"record_event": {"name": "pong"}}]),
        "pong": a_rule("custom:pong", [{"record_event": {"name": "ping"}}]),
    }
    decision = after(an_event("custom:ping"), rules)
    assert decision.after["facts"]["custom:ping"]["count"] == 2
    assert decision.after["facts"]["custom:pong"]["count"] == 1
    assert in_words(decision.rules[-1]) == {
        "rule": "ping", "matched": False, "why": "ran already for this event", "on": "custom:ping",
    }  # fmt: skip


def test_a_chain_is_cut_at_depth_eight_and_says_so() -> None:
    """Twelve rules in a chain: eight facts are fed back, the cut is recorded."""
    rules = {
        f"r{n:02d}": a_rule(f"custom:c{n}", [{"record_event": {"name": f"c{n + 1}"}}]) for n in range(12)
    }
    decision = after(an_event("custom:c0"), rules)
    ran = [entry["rule"] for entry in decision.rules if entry["matched"]]
    assert ran == [f"r{n:02d}" for n in range(9)]
    cut = [change for change in decision.changes if change["type"] == "cut"]
    assert cut == [{"type": "cut", "fact": "custom:c9", "key": None, "depth": 9}]


def test_disabled_rules_are_not_considered() -> None:
    """They do not run and are not in the trace."""
    assert after(an_event(text="x"), {"r": a_rule(then=[{"add_tag": "a"}], enabled=False)}).rules == []


def test_values_come_from_the_event() -> None:
    """Captured text, datetimepicker params, numbers in text; a lone variable keeps its type."""
    rules = {
        "r": a_rule(
            "postback",
            [
                {"set_attribute": {"attribute": "visit", "value": "{{ event.params.date }}"}},
                {"set_attribute": {"attribute": "memo", "value": "来店 {{ event.params.date }}"}},
                {"add_score": {"score": "interest", "points": "{{ event.amount }}"}},
            ],
        )
    }
    decision = after(an_event("postback", data="d", params={"date": "2026-12-01"}, amount="７"), rules)
    assert decision.after["attributes"] == {"visit": "2026-12-01", "memo": "来店 2026-12-01"}
    assert decision.after["scores"]["interest"]["value"] == 7


@pytest.mark.parametrize(
    ("given", "kept"), [("2026-02-01T15:30:00Z", "2026-02-02"), ("2026-02-01T15:30", "2026-02-01")]
)
def test_dates_are_the_accounts(given: str, kept: str) -> None:
    """A moment with an offset is kept as the day it is in the account's zone; without one as written."""
    rule = a_rule(then=[{"set_attribute": {"attribute": "visit", "value": "{{ event.text }}"}}])
    assert after(an_event(text=given), {"r": rule}).after["attributes"] == {"visit": kept}
    edit = an_event("console_edit", attributes={"visit": given})
    assert after(edit, {}).after["attributes"] == {"visit": kept}


def test_what_cannot_run_is_visible() -> None:
    """A wrong value, a missing variable, an unrenderable message: a failed effect with its reason."""
    rules = {
        "r": a_rule(
            then=[
                {"set_attribute": {"attribute": "skin", "value": "{{ event.text }}"}},
                {"set_attribute": {"attribute": "memo", "value": "{{ event.nothing }}"}},
                {"send": {"message": "dear"}},
                {"add_tag": "a"},
            ]
        )
    }
    decision = after(an_event(text="green"), rules)
    assert [(e["index"], e["status"]) for e in decision.effects] == [
        (0, "failed"),
        (1, "failed"),
        (2, "failed"),
    ]
    assert all(words(effect) for effect in decision.effects)
    assert set(decision.after["tags"]) == {"a"}


def test_replies_need_a_token_and_sends_a_friend() -> None:
    """Without a token a reply is skipped, or a push if the rule allows; nothing is pushed to who blocked."""
    rules = {
        "r": a_rule(
            "purchased",
            [
                {"reply": {"message": "hello"}},
                {"reply": {"message": "hello", "push_fallback": True}},
                {"send": {"message": "hello"}},
            ],
        )
    }
    event = an_event("purchased", order_id="o", amount=1, items=[])
    effects = after(event, rules).effects
    assert [(e["status"], e.get("via")) for e in effects] == [
        ("skipped", None), ("pending", "push"), ("pending", None),
    ]  # fmt: skip
    gone = after(an_event("unfollowed", minutes=-5), {}).after
    assert [e["status"] for e in after(event, rules, gone).effects] == ["skipped"] * 3


def test_a_reply_may_be_one_of_several() -> None:
    """By turns each comes round per friend; by chance the same event always gets the same one."""
    options = ["hello", "three", "other"]
    messages = {"other": {"name": "other", "messages": [{"type": "text", "text": "ほか"}]}}

    def outcome(choose: str, sheet: Any, n: int) -> tuple[str, Any]:
        rules = {"r": a_rule(then=[{"reply": {"any_of": options, "choose": choose}}])}
        decision = after(an_event(text="x", id=f"e{n}"), rules, sheet, messages=messages)
        return decision.effects[0]["message"], decision.after

    sheet, turns = None, []
    for n in range(4):
        message, sheet = outcome("rotate", sheet, n)
        turns.append(message)
    assert turns == ["hello", "three", "other", "hello"]
    assert {outcome("random", None, n)[0] for n in range(40)} == set(options)
    assert outcome("random", None, 7)[0] == outcome("random", None, 7)[0]


def test_standby_events_count_and_cause_nothing() -> None:
    """While another system holds the chat the facts are kept and no rule runs."""
    decision = after(an_event(text="x", standby=True), {"r": a_rule(then=[{"add_tag": "a"}])})
    assert decision.after["facts"]["messaged"]["count"] == 1
    assert (decision.rules, decision.effects, decision.after["tags"]) == ([], [], {})


def test_edits_by_hand_fire_rules() -> None:
    """A PATCH's tag wakes the rules on tag_added, and says who did it."""
    rules = {"r": a_rule("tag_added", [{"add_tag": "b"}], match={"tag": "a"})}
    event = an_event("console_edit", tags={"add": ["a"]}, by="key:k1")
    decision = after(event, rules)
    assert set(decision.after["tags"]) == {"a", "b"}
    assert decision.changes[0] == {"type": "tag_added", "tag": "a", "by": "key:k1"}
    assert "console_edit" not in decision.after["facts"]


def test_a_scenarios_action_node_runs_its_actions() -> None:
    """Its changes name the node, and its facts wake rules."""
    rules = {"r": a_rule("tag_added", [{"add_tag": "b"}], match={"tag": "a"})}
    event = an_event("scenario_action", scenario="s", node="n", run=1, v=2, then=[{"add_tag": "a"}])
    decision = after(event, rules)
    assert decision.after["tags"]["a"]["by"] == "scenario:s:n"
    assert set(decision.after["tags"]) == {"a", "b"}


def test_staff_act_on_many_friends_by_actions_of_the_event() -> None:
    """Changes name who asked, and their facts wake rules; the event itself is no behaviour."""
    rules = {"r": a_rule("tag_added", [{"add_tag": "b"}], match={"tag": "a"})}
    event = an_event("bulk_action", by="key:k1", job="J1", then=[{"add_tag": "a"}])
    decision = after(event, rules)
    assert decision.after["tags"]["a"]["by"] == "key:k1"
    assert set(decision.after["tags"]) == {"a", "b"}
    assert "bulk_action" not in decision.after["facts"]


NAMED = {"text": {"regex": r"名前[:：]\s*(?P<name>\S+?)(様)?$"}}


def test_what_a_regex_captures_fills_actions_and_messages() -> None:
    """By name and by number, in this rule alone; a group that took no part has no value."""
    messages = {"m": {"name": "m", "messages": [{"type": "text", "text": "{{ event.match.name }}さん"}]}}
    rules = {
        "r": a_rule(
            match=NAMED,
            then=[
                {"set_attribute": {"attribute": "memo", "value": "{{ event.match.name }}"}},
                {"record_event": {"name": "named", "props": {"v": "{{ event.match.1 }}"}}},
                {"reply": {"message": "m"}},
                {"set_attribute": {"attribute": "memo", "value": "{{ event.match.2 }}"}},
            ],
        ),
        "s": a_rule(
            "custom:named", [{"set_attribute": {"attribute": "memo", "value": "{{ event.match.1 }}"}}]
        ),
    }
    decision = after(an_event(text="名前： 山田"), rules, messages=messages)
    assert decision.after["attributes"] == {"memo": "山田"}
    assert decision.payloads["r:2"] == [{"type": "text", "text": "山田さん"}]
    assert [(e["rule"], e["action"], e["status"]) for e in decision.effects] == [
        ("r", "reply", "pending"),
        ("r", "set_attribute", "failed"),
        ("s", "set_attribute", "failed"),
    ]
    decision = after(an_event(text="名前：山田様"), rules, messages=messages)
    assert decision.after["attributes"] == {"memo": "様"}


def test_an_events_own_property_called_match_stays_readable() -> None:
    """Where the rule's match has no groups, ``event.match`` is what the caller sent."""
    rules = {
        "r": a_rule("custom:x", [{"set_attribute": {"attribute": "memo", "value": "{{ event.match.team }}"}}])
    }
    decision = after(an_event("custom:x", match={"team": "青"}), rules)
    assert decision.after["attributes"] == {"memo": "青"}


def test_what_staff_say_is_the_first_effect_of_its_event() -> None:
    """Whoever asked for it was told its run, which is named by that; also of a friend in a scenario."""
    event = an_event("staff_message", messages=[{"type": "text", "text": "はい"}], by="user:a")
    sheet = new_sheet("shop", "U1", event.at)
    sheet["scenarios"]["welcome"] = {"state": "active", "node": "m", "run": 1, "v": 1, "at": event.at}
    program = a_program()
    decision = decide(event, sheet, program, NOW)
    service._add_internal_effects(decision, event, program, is_known=True)
    assert [(effect["action"], effect["index"]) for effect in decision.effects] == [
        ("send", 0),
        ("scenario_event", 1),
    ]
