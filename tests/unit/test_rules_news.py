"""History is not news: it is counted, and nothing reacts to it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.actions.model import Decision
from chalicelib.reaction.decide import decide
from chalicelib.rehearsals import replay
from chalicelib.rules import news
from chalicelib.rules.compile import program_of
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from tests.reaction_builders import NOW, TOKYO, a_catalog, a_program, a_rule, an_event, why

ORDER = {"order_id": "o1", "amount": 100}
RULES = {"r": a_rule("purchased", [{"add_tag": "vip"}]), "s": a_rule("stage_changed", [{"add_tag": "a"}])}
LATE = {name: rule | {"also_late": True} for name, rule in RULES.items()}
DAY = 24 * 60


def purchase(minutes: float, **more: Any) -> FriendEvent:
    return replace(an_event("purchased", minutes, **ORDER), reply_token=None, **more)


def decided(event: FriendEvent, rules: dict[str, Any], within: timedelta = timedelta(days=1)) -> Decision:
    return decide(event, None, program_of(a_catalog(rules), TOKYO, within), NOW)


def test_an_old_event_is_counted_and_wakes_nothing():
    """Facts, totals and the stage are there; no rule ran for it or what it produced; the reason is told."""
    decision = decided(purchase(-200 * DAY), RULES)
    assert decision.after["purchases"]["count"] == 1
    assert decision.after["facts"]["stage_changed"]["count"] == 1
    assert decision.after["tags"] == {}
    assert decision.effects == []
    assert decision.history is not None
    assert Reason.of(decision.history).code == "happened_late"
    assert "happened 200 d before it came; the account reacts within 1d" in why(decision, "r")
    assert not any(entry["matched"] for entry in decision.rules)
    assert {entry["rule"] for entry in decision.rules} == {"r", "s"}


def test_a_rule_may_look_at_late_events():
    """``also_late`` is each rule's own: also for what the event produces."""
    decision = decided(purchase(-200 * DAY), {"r": LATE["r"], "s": RULES["s"]})
    assert set(decision.after["tags"]) == {"vip"}
    assert set(decided(purchase(-200 * DAY), LATE).after["tags"]) == {"vip", "a"}


def test_fire_false_wakes_no_rule_at_all():
    """Not even one that looks at late events, however new it is."""
    decision = decided(purchase(0, fire=False), LATE)
    assert decision.after["purchases"]["count"] == 1
    assert (decision.after["tags"], decision.history) == ({}, "fire_false")


@pytest.mark.parametrize(("minutes", "ran"), [(-DAY, True), (-DAY - 0.01, False), (10, True)])
def test_the_bound_is_the_account_s(minutes: float, ran: bool):
    """Up to ``react_within``, that included."""
    assert bool(decided(purchase(minutes), RULES).after["tags"]) is ran
    assert bool(decided(purchase(minutes), RULES, timedelta(days=2)).after["tags"]) is True
    assert bool(decided(purchase(minutes), RULES, timedelta(0)).after["tags"]) is (minutes > 0)


def test_a_question_is_not_answered_by_history():
    """A message that comes days late leaves the form that asks as it is."""
    program = a_program()
    asked = decide(
        an_event("followed"), None, a_program({"f": a_rule("followed", [{"start_form": "check"}])}), NOW
    )
    for minutes, answered in ((1, True), (-2 * DAY, False)):
        after = decide(an_event(minutes=minutes, id="e2", text="答え"), asked.after, program, NOW).after
        assert bool(after["forms"].get("check", {}).get("answers")) is answered
        assert after["facts"]["messaged"]["count"] == 1


def test_the_house_s_own_events_are_never_history():
    """An action node that waited for days runs all the same."""
    node = {"scenario": "welcome", "node": "n", "then": [{"add_tag": "vip"}]}
    assert "vip" in decided(an_event("scenario_action", -9 * DAY, **node), {}).after["tags"]


def test_time_that_passed_is_reported_by_news():
    """History does not use up what time alone brings: the next news, or the moment itself, wakes the rule."""
    rules = {"d": a_rule("stage_changed", [{"add_tag": "t"}], match={"after": "dormant"})}
    first = decided(purchase(-300 * DAY), rules).after
    late = decide(purchase(-2 * DAY - 1, event_id="e2", type="custom:x"), first, a_program(rules), NOW)
    assert late.after["tags"] == {}
    decision = decide(
        replace(an_event("custom:y", 0, id="e3"), source="api"), late.after, a_program(rules), NOW
    )
    assert "t" in decision.after["tags"]


def test_an_old_tag_of_an_import_is_history():
    """With ``?fire=true`` a tag fires when it is of today, not when it is of years ago."""
    rules = {"r": a_rule("tag_added", [{"add_tag": "vip"}])}
    for at, fires in (
        (None, True),
        (iso(NOW - timedelta(hours=1)), True),
        ("2020-01-01T00:00:00.000Z", False),
    ):
        row = {"user_id": "U1", "tags": [["a", at]]}
        decision = decided(an_event("imported", job="j", line=2, row=row), rules)
        assert ("vip" in decision.after["tags"]) is fires
        assert decision.history is None


def test_a_test_of_what_happened_judges_it_as_then():
    """News of last week is news in a test of today; what was history then is history."""
    program, event = a_program(RULES), purchase(-9 * DAY)
    for then, ran in ((None, True), (news.history(event, timedelta(days=1), NOW, {}), False)):
        activity = {
            "rules": [],
            "changes": [],
            "effects": [],
            "at": event.at,
            **({"history": then} if then else {}),
        }
        counted = replay.counted(activity)
        decision = decide(event, decided(event, {}).after, program, NOW, counted=counted)
        assert bool(decision.after["tags"]) is ran
