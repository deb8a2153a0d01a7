"""Rules that cannot work are refused when they are saved, with the path; what was hardly meant is told."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.catalog.validation import normal_body, verify
from chalicelib.events.kinds import EVENTS, triggers
from chalicelib.rules.documents import DOCUMENTS, warn
from chalicelib.shared.errors import InvalidInput, RuleViolation
from tests.reaction_builders import a_catalog, a_rule
from tests.reasons_checked import sentences

RULE: dict[str, Any] = {
    "name": "r",
    "when": {"event": "messaged", "match": {"text": {"prefix": "予約"}}},
    "then": [{"add_tag": "vip"}],
}


def save(body: dict[str, Any]) -> None:
    """As PUT does: the shape of the body, then the catalog as it would be."""
    catalog = a_catalog({"r": normal_body(DOCUMENTS["rules"], body)})
    verify(DOCUMENTS, catalog)


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"if": {"all": [{"tag": "vip"}, {"score": {"id": "interest", "gte": 3}}]}},
        {"limit": "once"},
        {"limit": {"cooldown": "1d"}},
        {"limit": {"every": 3}},
        {"limit": {"per_day": 1}},
        {"priority": -5, "stop": True, "enabled": False},
        {"valid": {"from": "2026-01-01T00:00:00+09:00", "until": "2026-02-01T00:00:00+09:00"}},
        {"valid": {"weekdays": ["sat", "sun"], "hours": {"from": "22:00", "to": "06:00"}}},
        {"when": {"event": "custom:予約した"}},
        {
            "when": {"event": "messaged", "match": {"text": {"regex": "(?P<name>.+)"}}},
            "then": [
                {"set_attribute": {"attribute": "memo", "value": "{{ event.match.name }}"}},
                {"set_attribute": {"attribute": "memo", "value": "{{ event.match.1 }}"}},
            ],
        },
        {
            "when": {"event": "custom:x"},
            "then": [{"set_attribute": {"attribute": "memo", "value": "{{ event.match.team }}"}}],
        },
        {"then": []},
        {"then": [{"reply": {"any_of": ["hello", "three"], "choose": "rotate", "push_fallback": True}}]},
        {
            "then": [
                {"add_score": {"score": "interest", "points": 3}},
                {"set_score": {"score": "interest", "value": "{{ event.n }}"}},
                {"set_attribute": {"attribute": "skin", "value": None}},
                {"set_attribute": {"attribute": "visit", "value": "{{ event.params.date }}"}},
                {"reply": {"message": "hello"}},
                {"send": {"message": "dear"}},
                {"enter_scenario": "welcome"},
                {"exit_scenario": "welcome"},
                {
                    "notify": {
                        "to": "C0123456789abcdef",
                        "text": "{{ event.text }}",
                    }
                },
                {"call_webhook": {"url": "https://example.com/hook", "secret": "s"}},
                {"record_event": {"name": "booked", "props": {"v": "{{ event.text }}"}}},
            ]
        },
    ],
)
def test_rules_that_can_work(more: dict[str, Any]) -> None:
    """The whole vocabulary is accepted."""
    save(RULE | more)


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"when": {}}, "when.event"),
        ({"name": ""}, "name"),
        ({"unknown": 1}, "unknown"),
        ({"then": [{"add_tag": 5}]}, "then[0].add_tag"),
        ({"then": [{}]}, "then[0]"),
        ({"then": [{"add_tag": "a", "remove_tag": "b"}]}, "then[0]"),
        ({"then": [{"fly": True}]}, "then[0].fly"),
        ({"then": [{"add_score": {"score": "interest", "points": "three"}}]}, "then[0].add_score.points"),
        ({"if": {"tag": "a", "not": {}}}, "if"),
        ({"if": {"tagg": "a"}}, "if.tagg"),
        ({"when": {"event": "messaged", "match": {"text": {"like": "x"}}}}, "when.match.text.like"),
        ({"when": {"event": "messaged", "match": {"text": {"regex": "("}}}}, "when.match.text.regex"),
        ({"limit": "twice"}, "limit"),
        ({"limit": {"every": 0}}, "limit.every"),
        ({"limit": {"cooldown": "soon"}}, "limit.cooldown"),
        ({"limit": {"cooldown": "1d", "every": 2}}, "limit"),
        ({"priority": 1.5}, "priority"),
        ({"then": [{"reply": {}}]}, "then[0].reply"),
        ({"then": [{"reply": {"message": "hello", "choose": "random"}}]}, "then[0].reply"),
        ({"valid": {"from": "2026-01-01"}}, "valid.from"),
        ({"valid": {"hours": {"from": "25:00", "to": "06:00"}}}, "valid.hours.from"),
    ],
)
def test_wrong_shapes_are_400(more: dict[str, Any], path: str) -> None:
    """Shape, type and range, with the path."""
    with pytest.raises(InvalidInput) as refused:
        save(RULE | more)
    assert refused.value.details[0].path == path


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"when": {"event": "mesaged"}}, "when.event"),
        ({"when": {"event": "custom:"}}, "when.event"),
        ({"then": [{"add_tag": "nope"}]}, "then[0].add_tag"),
        ({"then": [{"add_score": {"score": "nope", "points": 1}}]}, "then[0].add_score.score"),
        (
            {"then": [{"set_attribute": {"attribute": "nope", "value": 1}}]},
            "then[0].set_attribute.attribute",
        ),
        (
            {"then": [{"set_attribute": {"attribute": "skin", "value": "green"}}]},
            "then[0].set_attribute.value",
        ),
        ({"then": [{"reply": {"message": "nope"}}]}, "then[0].reply.message"),
        ({"then": [{"reply": {"any_of": ["hello", "nope"]}}]}, "then[0].reply.any_of[1]"),
        ({"then": [{"enter_scenario": "nope"}]}, "then[0].enter_scenario"),
        ({"then": [{"switch_rich_menu": "menu"}]}, "then[0].switch_rich_menu"),
        ({"then": [{"start_form": "form"}]}, "then[0].start_form"),
        ({"then": [{"notify": {"to": "somebody", "text": "x"}}]}, "then[0].notify.to"),
        ({"then": [{"call_webhook": {"url": "ftp://x"}}]}, "then[0].call_webhook.url"),
        (
            {"then": [{"set_attribute": {"attribute": "memo", "value": "{{ nothing.x }}"}}]},
            "then[0].set_attribute.value",
        ),
        (
            {"then": [{"record_event": {"name": "x", "props": {"v": "{{ event.text"}}}]},
            "then[0].record_event.props.v",
        ),
        ({"when": {"event": "tag_added", "match": {"tag": "nope"}}}, "when.match.tag"),
        ({"when": {"event": "tag_removed", "match": {"tag": {"in": ["a", "nope"]}}}}, "when.match.tag.in[1]"),
        ({"when": {"event": "score_crossed", "match": {"score": {"eq": "nope"}}}}, "when.match.score.eq"),
        ({"when": {"event": "form_answered", "match": {"form": "nope"}}}, "when.match.form"),
        ({"when": {"event": "scenario_finished", "match": {"scenario": "nope"}}}, "when.match.scenario"),
        (
            {
                "when": {"event": "messaged", "match": {"text": {"regex": "(?P<name>.+)(x)"}}},
                "then": [{"record_event": {"name": "x", "props": {"v": ["{{ event.match.nam }}"]}}}],
            },
            "then[0].record_event.props.v[0]",
        ),
        (
            {
                "when": {"event": "custom:x", "match": {"text": {"regex": "(.+)"}}},
                "then": [{"set_attribute": {"attribute": "memo", "value": "{{ event.match.2 }}"}}],
            },
            "then[0].set_attribute.value",
        ),
        (
            {"then": [{"notify": {"to": "C0123456789abcdef", "text": "{{ event.match.1 }}"}}]},
            "then[0].notify.text",
        ),
        ({"if": {"tag": "nope"}}, "if.tag"),
        ({"if": {"any": [{"score": {"id": "nope", "gt": 1}}]}}, "if.any[0].score.id"),
        ({"valid": {"from": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"}}, "valid.until"),
    ],
)
def test_what_cannot_work_is_422(more: dict[str, Any], path: str) -> None:
    """References and logic, with the path; an action whose room is missing is refused, not ignored."""
    with pytest.raises(RuleViolation) as refused:
        save(RULE | more)
    assert path in [detail.path for detail in refused.value.details]


@pytest.mark.parametrize(
    ("when", "warning"),
    [
        ({"event": "messaged", "match": {"txt": "予約"}}, "when.match.txt: messaged has no such property"),
        ({"event": "messaged", "match": {"text": "予約", "raw.stickerId": "1"}}, ""),
        ({"event": "custom:x", "match": {"txt": "予約"}}, ""),
        (
            {"event": "score_crossed", "match": {"score": "interest", "threshold": 4}},
            "when.match.threshold: scores/interest has no threshold 4; it has 3",
        ),
        ({"event": "score_crossed", "match": {"score": "interest", "threshold": 3}}, ""),
        ({"event": "link_clicked"}, ""),
        ({"event": "stage_changed", "match": {"after": "dormand"}}, "when.match.after: no value is"),
        ({"event": "stage_changed", "match": {"before": {"in": ["x", "y"]}}}, "when.match.before: no value"),
        ({"event": "score_crossed", "match": {"direction": "upp"}}, "when.match.direction: no value is like"),
        ({"event": "messaged", "match": {"message_type": {"in": ["sticker", "x"]}}}, ""),
        ({"event": "messaged", "match": {"message_type": "stickers"}}, "when.match.message_type: no value"),
        ({"event": "postback", "match": {"params.date": {"prefix": "2026"}}}, ""),
        ({"event": "postback", "match": {"params.dat": "x"}}, "when.match.params.dat: postback has no such"),
        ({"event": "attribute_set", "match": {"attribute": "skin", "value": "dry"}}, ""),
        (
            {"event": "attribute_set", "match": {"attribute": "skin", "value": "dri"}},
            "when.match.value: no value is like that; there are",
        ),
        ({"event": "stage_changed", "match": {"before": {"prefix": "re"}, "after": "dormant"}}, ""),
        (
            {"event": "form_answered", "match": {"form": "check", "answers.q3": "yes"}},
            "when.match.answers.q3: forms/check has no question q3; there are q1, q2",
        ),
        ({"event": "form_answered", "match": {"form": "check", "answers.q2": {"gte": 3}}}, ""),
        ({"event": "form_answered", "match": {"answers.q1": "yes", "form": {"in": ["check"]}}}, ""),
        ({"event": "page_viewed"}, ""),
        ({"event": "converted", "match": {"amount": 1}}, "when.match.amount: converted has no such property"),
        *(({"event": event}, "") for event in triggers() if EVENTS[event].made_by and event != "tag_added"),
    ],
)
def test_what_was_probably_not_meant_is_warned_of(when: dict[str, Any], warning: str) -> None:
    """A rule that waits for what never comes is saved with a warning."""
    found = sentences(warn("r", a_catalog({"r": normal_body(DOCUMENTS["rules"], RULE | {"when": when})})))
    assert (found[0] if found else "").startswith(warning)
    assert bool(found) is bool(warning)


def test_variables_that_the_event_never_fills_are_warned_of() -> None:
    """What an action would say of the event is a property that the event may have."""
    actions = [{"set_attribute": {"attribute": "memo", "value": "{{ event.txt }}"}}]
    catalog = a_catalog({"r": a_rule("messaged", actions), "c": a_rule("custom:x", actions)})
    (warning,) = sentences(warn("r", catalog))
    assert warning.startswith(
        'then[0].set_attribute.value: messaged has no such property (did you mean "text"?)'
    )
    assert list(warn("c", catalog)) == []


def test_who_is_never_entered_is_warned_of():
    """A scenario that runs for each value of what the event never has."""
    body = {"name": "s", "entry": {"per": "reservation_id"}, "start": "m", "nodes": {}}
    enters = [{"enter_scenario": "welcome"}]
    rules = {"never": a_rule("followed", enters), "does": a_rule("reserved", enters)}
    catalog = a_catalog(rules, scenarios={"welcome": body})
    assert [d.path for d in warn("never", catalog)] == ["then[0].enter_scenario"]
    assert list(warn("does", catalog)) == []
