"""What a decision leaves on the timeline: what changed, what stayed, why."""

from __future__ import annotations

from chalicelib.reaction.decide import decide
from tests.reaction_builders import NOW, a_program, a_rule, after, an_event, types, why
from tests.reasons_checked import in_words


def test_the_trace_names_the_deciding_leaf() -> None:
    """A rule whose condition does not hold says which leaf and what was seen."""
    rules = {"r": a_rule(condition={"all": [{"everyone": True}, {"score": {"id": "interest", "gte": 4}}]})}
    reason = why(after(an_event(text="x"), rules), "r")
    assert reason == 'if: score {"id":"interest","gte":4} is false (seen null)'
    rules = {"r": a_rule(condition={"not": {"everyone": True}})}
    assert why(after(an_event(text="x"), rules), "r").startswith("if: not everyone")


def test_the_deciding_leaf_is_shown_as_it_was_written() -> None:
    """JSON with Japanese as it is, never Python's own notation."""
    rules = {
        "set": a_rule(then=[{"set_attribute": {"attribute": "memo", "value": "大阪"}}], priority=1),
        "r": a_rule(condition={"attribute": {"id": "memo", "in": ["横浜", "東京"]}}),
        "s": a_rule(condition={"not": {"attribute": {"id": "memo", "exists": True}}}),
        "t": a_rule(condition={"tag": {"id": "vip", "since": {"within": "7d"}}}),
        "u": a_rule(condition={"tag": "vip"}),
    }
    decision = after(an_event(text="x"), rules)
    shown = 'if: attribute {"id":"memo","in":["横浜","東京"]} is false (seen "大阪")'
    assert why(decision, "r") == shown
    assert why(decision, "s") == 'if: not attribute {"id":"memo","exists":true} is true (seen "大阪")'
    assert why(decision, "t") == 'if: tag {"id":"vip","since":{"within":"7d"}} is false (seen null)'
    assert why(decision, "u") == 'if: tag "vip" is false (seen null)'


def test_what_could_not_be_sent_is_named() -> None:
    """A reply or send that cannot be rendered still tells which message, also one that was chosen."""
    then = [
        {"reply": {"message": "dear"}},
        {"send": {"message": "dear"}},
        {"reply": {"any_of": ["dear", "three"], "choose": "rotate"}},
    ]
    decision = decide(an_event(text="x"), None, a_program({"r": a_rule(then=then)}), NOW)
    assert [(e["status"], e["message"]) for e in decision.effects] == [("failed", "dear")] * 3


def test_a_long_trace_is_counted_not_kept() -> None:
    """Hundreds of rules that do not match leave sixty entries and a count; those that ran are all there."""
    rules = {f"r{n:03d}": a_rule(match={"text": f"word {n}"}, then=[{"add_tag": "a"}]) for n in range(200)}
    decision = after(an_event(text="word 199"), rules)
    assert len(decision.rules) == 62
    assert in_words(decision.rules[-2:]) == [
        {"rule": "r199", "matched": True, "why": "matched"},
        {"rule": "*", "matched": False, "why": "139 more did not match"},
    ]


def test_a_late_change_that_stays_without_effect_is_reported() -> None:
    """What something later has overtaken is on the timeline: a rule never does nothing in silence."""
    late = a_rule(
        "postback",
        [
            {"add_tag": "a"},
            {"set_attribute": {"attribute": "memo", "value": "old"}},
            {"set_score": {"score": "interest", "value": 9}},
        ],
    )
    early = a_rule(
        then=[
            {"remove_tag": "a"},
            {"set_attribute": {"attribute": "memo", "value": "new"}},
            {"set_score": {"score": "interest", "value": 1}},
        ]
    )
    program = a_program({"late": late, "early": early})
    sheet = decide(an_event(minutes=10, text="x"), None, program, NOW).after
    decision = decide(an_event("postback", id="p", data="x"), sheet, program, NOW)
    changes = [(c["action"], c["what"]) for c in decision.changes if c["type"] == "overtaken"]
    assert changes == [("add_tag", "a"), ("set_attribute", "memo"), ("set_score", "interest")]
    assert decision.after["attributes"]["memo"] == "new"
    assert decision.after["scores"]["interest"]["value"] == 1


def test_what_changes_nothing_is_reported() -> None:
    """A rule that runs and finds everything as it would make it leaves a word for each of its actions."""
    then = [
        {"add_tag": "a"},
        {"remove_tag": "b"},
        {"add_score": {"score": "interest", "points": 0}},
        {"add_score": {"score": "heat", "points": 20}},
        {"set_score": {"score": "interest", "value": 0}},
        {"set_attribute": {"attribute": "memo", "value": "x"}},
        {"set_attribute": {"attribute": "n", "value": None}},
    ]
    rules = {"r": a_rule(then=then)}
    first = after(an_event(text="x"), rules)
    assert [c["what"] for c in first.changes if c["type"] == "unchanged"] == [
        "b",
        "interest",
        "interest",
        "n",
    ]
    second = after(an_event(text="x", id="e2"), rules, first.after)
    assert second.changes == [
        {"type": "unchanged", "action": action, "what": what, "by": "rule:r"}
        for action, what in [
            ("add_tag", "a"), ("remove_tag", "b"), ("add_score", "interest"), ("add_score", "heat"),
            ("set_score", "interest"), ("set_attribute", "memo"), ("set_attribute", "n"),
        ]
    ]  # fmt: skip


def test_what_is_overtaken_or_capped_is_reported_once() -> None:
    """Not as unchanged too."""
    five = {"add_score": {"score": "interest", "points": 5, "max_per_day": 5}}
    rules = {
        "r": a_rule(then=[five]),
        "late": a_rule("postback", [{"add_tag": "a"}, {"remove_tag": "b"}]),
    }
    rules["off"] = a_rule(then=[{"remove_tag": "a"}, {"add_tag": "b"}])
    sheet = after(an_event(text="x"), rules).after
    assert types(after(an_event(text="x", id="e2"), {"r": rules["r"]}, sheet)) == ["capped"]
    late = after(an_event("postback", id="p", minutes=-5, data="x"), rules, sheet)
    assert types(late) == ["overtaken", "overtaken"]
