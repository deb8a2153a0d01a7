"""Which events may use the friend's profile: through messages, forms, scenarios, segments and other rules."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.reaction.profile_lookup import fields_used
from tests.reaction_builders import a_program, a_rule

NAME, BOTH, NOTHING = {"display_name"}, {"display_name", "language"}, set[str]()
GREET = {"name": "g", "messages": [{"type": "text", "text": "{{ friend.display_name | default('x') }}"}]}
MESSAGES = {"greet": GREET}
SEGMENTS = {
    "en": {"name": "en", "condition": {"not": {"friend": {"language": "en"}}}},
    "outer": {"name": "o", "condition": {"any": [{"segment": "en"}, {"tag": "a"}]}},
}
FORMS = {
    "named": {"name": "n", "questions": [{"id": "q", "text": "{{ friend.display_name }}様", "type": "text"}]},
    "greets": {
        "name": "t",
        "questions": [{"id": "q", "text": "?", "type": "text", "attribute": "memo"}],
        "then": [{"reply": {"message": "greet"}}],
    },
}
STEPS = {"m": {"type": "message", "message": "greet"}}
PUBLISHED = {"steps": {"version": 1, "definition": {"name": "s", "start": "m", "nodes": STEPS}}}


@pytest.mark.parametrize(
    ("then", "condition", "others", "fields"),
    [
        ([{"reply": {"message": "greet"}}], None, {}, NAME),
        ([{"reply": {"any_of": ["hello", "greet"]}}], None, {}, NAME),
        ([{"send": {"message": "greet"}}], None, {}, NAME),
        (
            [{"notify": {"to": "U1", "text": "{{ friend.display_name }} {{ friend.language }}"}}],
            None,
            {},
            BOTH,
        ),
        ([{"set_attribute": {"attribute": "memo", "value": "{{ friend.display_name }}"}}], None, {}, NAME),
        ([{"start_form": "named"}], None, {}, NAME),
        ([{"start_form": "greets"}], None, {}, NAME),
        ([{"enter_scenario": "steps"}], None, {}, NAME),
        ([{"add_tag": "a"}], {"segment": "outer"}, {}, {"language"}),
        ([{"add_tag": "a"}], None, {"tagged": a_rule("tag_added", [{"reply": {"message": "greet"}}])}, NAME),
        (
            [{"add_tag": "a"}],
            None,
            {"scored": a_rule("score_changed", [{"reply": {"message": "greet"}}])},
            NOTHING,
        ),
        (
            [{"record_event": {"name": "x"}}],
            None,
            {"x": a_rule("custom:x", [{"send": {"message": "greet"}}])},
            NAME,
        ),
        (
            [{"record_event": {"name": "x"}}],
            None,
            {"y": a_rule("custom:y", [{"send": {"message": "greet"}}])},
            NOTHING,
        ),
        ([{"reply": {"message": "hello"}}], {"friend": {"status": "following"}}, {}, NOTHING),
        (
            [{"reply": {"message": "hello"}}],
            None,
            {"r": a_rule("messaged", [{"send": {"message": "greet"}}])},
            NOTHING,
        ),
        ([{"notify": {"to": "U1", "text": "{{ friend.user_id }}"}}], None, {}, NOTHING),
    ],
)
def test_what_a_follow_may_use(then: Any, condition: Any, others: dict[str, Any], fields: set[str]) -> None:
    """Everything that may be said or judged at once counts; what waits for another event does not."""
    rules = {"first": a_rule("followed", then, **({"condition": condition} if condition else {})), **others}
    more = {"messages": MESSAGES, "segments": SEGMENTS, "forms": FORMS, "published": PUBLISHED}
    assert fields_used(a_program(rules, **more), "followed") == fields


def test_rules_that_wake_each_other_are_looked_at_once() -> None:
    """A circle of rules ends; a rule that is switched off counts for nothing."""
    circle = {
        "a": a_rule("followed", [{"add_tag": "a"}]),
        "b": a_rule("tag_added", [{"remove_tag": "a"}]),
        "c": a_rule("tag_removed", [{"add_tag": "a"}]),
        "off": a_rule("tag_removed", [{"reply": {"message": "greet"}}], enabled=False),
    }
    assert fields_used(a_program(circle, messages=MESSAGES), "followed") == NOTHING
