"""Rights follow effects: which changes of documents need a publisher. Table and property."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.api import rights
from chalicelib.broadcasts.dependents import OpenBroadcast
from chalicelib.catalog.snapshot import Current, Document, Key, Snapshot
from chalicelib.rules import reach
from tests.reaction_builders import a_catalog, a_rule

SAYS = [{"reply": {"message": "hello"}}]
TAGS = [{"add_tag": "vip"}]
TEXT = {"name": "m", "messages": [{"type": "text", "text": "x"}], "category": "marketing"}
LINKED = {**TEXT, "messages": [{"type": "text", "text": '{{ link("spring") }}'}]}
SEGMENT = {"name": "s", "condition": {"tag": "vip"}}
LINK = {"url": "https://x.example/"}
FORM = {"name": "f", "questions": [{"id": "q", "text": "?", "type": "text"}]}


def published(*nodes: dict[str, Any], paused: bool = False) -> dict[str, Any]:
    named = {f"n{n}": node for n, node in enumerate(nodes)}
    definition = {"name": "w", "start": "n0", "nodes": named}
    return {"version": 1, "definition": definition, "published_at": "x", "paused": paused}


def catalog(documents: dict[str, dict[str, Any] | None], of: Mapping[Key, Current] | None = None) -> Snapshot:
    """The builders' catalog with these documents (``kind/id``); None takes one away."""
    base = dict(a_catalog().documents)
    base.pop(("scenarios", "welcome"), None)
    for name, body in documents.items():
        kind, _, id_ = name.partition("/")
        base.pop((kind, id_), None)
        if body is not None:
            base[kind, id_] = Document(kind, id_, 2, body, "x")
    return Snapshot("shop", 1, "s", of or {}, base)


WAITS = {"type": "wait_for", "event": "tag_added", "match": {"tag": "vip"}, "timeout": "1d"}
UNTIL = {"type": "wait", "until": {"attribute": "skin", "offset": "0s"}}
SPEAKS = {"type": "message", "message": "hello"}

PUBLISHERS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a rule that replies": ({}, {"rules/r": a_rule(then=SAYS)}),
    "a rule that sends": ({}, {"rules/r": a_rule(then=[{"send": {"message": "hello"}}])}),
    "a rule that enrols": ({}, {"rules/r": a_rule(then=[{"enter_scenario": "welcome"}])}),
    "a rule that takes out": ({}, {"rules/r": a_rule(then=[{"exit_scenario": "welcome"}])}),
    "a rule that asks": ({}, {"rules/r": a_rule(then=[{"start_form": "f"}])}),
    "a rule that switches menus": ({}, {"rules/r": a_rule(then=[{"switch_rich_menu": "m"}])}),
    "a rule that notifies": ({}, {"rules/r": a_rule(then=[{"notify": {"to": "U1", "text": "x"}}])}),
    "a rule that calls out": ({}, {"rules/r": a_rule(then=[{"call_webhook": {"url": "https://x.example"}}])}),
    "enabling a rule": ({"rules/r": a_rule(then=SAYS, enabled=False)}, {"rules/r": a_rule(then=SAYS)}),
    "disabling a rule": ({"rules/r": a_rule(then=SAYS)}, {"rules/r": a_rule(then=SAYS, enabled=False)}),
    "deleting a rule": ({"rules/r": a_rule(then=SAYS)}, {"rules/r": None}),
    "a live rule's condition": (
        {"rules/r": a_rule(then=SAYS, condition={"tag": "vip"})},
        {"rules/r": a_rule(then=SAYS)},
    ),
    "a tag that wakes a rule": (
        {"rules/says": a_rule("tag_added", SAYS, match={"tag": "vip"})},
        {"rules/r": a_rule(then=TAGS)},
    ),
    "an event that wakes a rule that wakes a rule": (
        {
            "rules/says": a_rule("tag_added", SAYS, match={"tag": "vip"}),
            "rules/tags": a_rule("custom:x", TAGS),
        },
        {"rules/r": a_rule(then=[{"record_event": {"name": "x", "props": {}}}])},
    ),
    "a tag that a scenario waits for": (
        {"published/w": published(WAITS)},
        {"rules/r": a_rule(then=TAGS)},
    ),
    "a rule that stops a live one": (
        {"rules/r": a_rule(then=SAYS)},
        {"rules/first": a_rule(then=TAGS, stop=True, priority=9)},
    ),
    "a keyword that a form's question would get": (
        {"forms/f": FORM, "rules/r": a_rule(then=[{"start_form": "f"}])},
        {"rules/keyword": a_rule(then=TAGS, match={"text": "予約"})},
    ),
    "a rule that looks over a scenario's form": (
        {"forms/f": FORM, "published/w": published({"type": "action", "then": [{"start_form": "f"}]})},
        {"rules/first": a_rule(then=TAGS, match={"text": {"prefix": "予約"}}, over_forms=True)},
    ),
    "a link whose tag wakes a rule": (
        {"rules/says": a_rule("tag_added", SAYS, match={"tag": "vip"})},
        {"links/l": {**LINK, "tags": ["vip"]}},
    ),
    "a route that says hello": ({}, {"routes/q": {"name": "q", "then": SAYS}}),
    "a message of a live rule": (
        {"rules/r": a_rule(then=SAYS)},
        {"messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]}},
    ),
    "the category of a live message": (
        {"rules/r": a_rule(then=SAYS), "messages/hello": TEXT},
        {"messages/hello": {**TEXT, "category": "transactional"}},
    ),
    "a message of a published scenario": (
        {"published/w": published(SPEAKS)},
        {"messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]}},
    ),
    "a message of a paused scenario": (
        {"published/w": published(SPEAKS, paused=True)},
        {"messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]}},
    ),
    "publishing": ({}, {"published/w": published(SPEAKS)}),
    "deleting a published scenario": ({"published/w": published(SPEAKS)}, {"published/w": None}),
    "a segment of a live rule": (
        {"segments/s": SEGMENT, "rules/r": a_rule(then=SAYS, condition={"segment": "s"})},
        {"segments/s": {**SEGMENT, "condition": {"everyone": True}}},
    ),
    "a segment within a segment of a live rule": (
        {
            "segments/s": SEGMENT,
            "segments/t": {"name": "t", "condition": {"segment": "s"}},
            "rules/r": a_rule(then=SAYS, condition={"segment": "t"}),
        },
        {"segments/s": {**SEGMENT, "condition": {"everyone": True}}},
    ),
    "a form that a live rule starts": (
        {"forms/f": FORM, "rules/r": a_rule(then=[{"start_form": "f"}])},
        {"forms/f": {**FORM, "then": SAYS}},
    ),
    "the link in a live message": (
        {"links/spring": LINK, "messages/hello": LINKED, "rules/r": a_rule(then=SAYS)},
        {"links/spring": {"url": "https://y.example/"}},
    ),
    "where a link leads that some message names": (
        {"links/spring": LINK, "messages/old": LINKED},
        {"links/spring": {"url": "https://y.example/"}},
    ),
    "where a link leads that nothing names any more": (
        {"links/l": LINK},
        {"links/l": {"url": "https://y.example/"}},
    ),
    "deleting a link": ({"links/l": LINK}, {"links/l": None}),
    "quiet hours": ({}, {"policies/default": {"quiet_hours": {"from": "21:00", "to": "09:00"}}}),
    "no more caps": ({"policies/default": {"caps": [{"max": 1}]}}, {"policies/default": {}}),
    "deleting policies": ({"policies/default": {}}, {"policies/default": None}),
    "a kind that nobody has judged yet": ({}, {"pages/t": {"name": "t"}}),
}

EDITORS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a rule that tags": ({}, {"rules/r": a_rule(then=TAGS)}),
    "a rule that tags what nothing listens to": (
        {"rules/says": a_rule("tag_added", SAYS, match={"tag": "dry"})},
        {"rules/r": a_rule(then=TAGS)},
    ),
    "a rule that is not enabled": ({}, {"rules/r": a_rule(then=SAYS, enabled=False)}),
    "a draft of a rule": (
        {"rules/r": a_rule(then=SAYS, enabled=False)},
        {"rules/r": a_rule(then=[{"send": {"message": "hello"}}], enabled=False)},
    ),
    "a message that nothing uses": ({}, {"messages/new": TEXT}),
    "a message of a rule that is not enabled": (
        {"rules/r": a_rule(then=SAYS, enabled=False)},
        {"messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]}},
    ),
    "a draft of a scenario": ({}, {"scenarios/w": published(SPEAKS)["definition"]}),
    "a draft beside what is published": (
        {"published/w": published(SPEAKS), "scenarios/w": published(SPEAKS)["definition"]},
        {"scenarios/w": published(UNTIL)["definition"]},
    ),
    "a draft that a live rule enters": (
        {
            "rules/r": a_rule(then=[{"enter_scenario": "w"}]),
            "scenarios/w": published(SPEAKS)["definition"],
            "published/w": published(SPEAKS),
        },
        {"scenarios/w": published(UNTIL)["definition"]},
    ),
    "a segment that nothing uses": (
        {"segments/s": SEGMENT},
        {"segments/s": {**SEGMENT, "condition": {"all": []}}},
    ),
    "a tag": ({"rules/r": a_rule(then=SAYS)}, {"tags/new": {"name": "new"}}),
    "what a live rule is called": (
        {"rules/r": a_rule(then=SAYS)},
        {"rules/r": {**a_rule(then=SAYS), "name": "挨拶"}},
    ),
    "a form that nothing starts": ({}, {"forms/f": {**FORM, "then": SAYS}}),
    "a link": ({}, {"links/l": {**LINK, "tags": ["vip"]}}),
    "tags of a link": ({"links/l": LINK}, {"links/l": {**LINK, "tags": ["vip"]}}),
    "a route that tags": ({}, {"routes/q": {"name": "q", "then": TAGS}}),
    "a date that a scenario counts to": (
        {"published/w": published(UNTIL)},
        {"rules/r": a_rule(then=[{"set_attribute": {"attribute": "skin", "value": "x"}}])},
    ),
    "a keyword that tags while no form is asked": (
        {"forms/f": FORM, "rules/r": a_rule(then=[{"start_form": "f"}], enabled=False)},
        {"rules/keyword": a_rule(then=TAGS, match={"text": "予約"}, over_forms=True)},
    ),
    "stopping rules that only tag": (
        {"rules/r": a_rule(then=TAGS)},
        {"rules/first": a_rule(then=TAGS, stop=True)},
    ),
}


@pytest.mark.parametrize("row", PUBLISHERS)
def test_what_may_reach_friends_needs_a_publisher(row: str) -> None:
    """Each row changes what is in force, or something that it uses; the answer names what makes it so."""
    before, change = PUBLISHERS[row]
    found = rights.needs(catalog(before), catalog(before | change), [])
    assert found
    assert all(detail.path and "/" in detail.message for detail in found), found


ONCE_ASKED = {("forms", "f"): Current(1, "v", reached=True)}
FORMS_ONCE_ASKED: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a form that friends may be in": (
        {"forms/f": FORM, "rules/r": a_rule(then=[{"start_form": "f"}], enabled=False)},
        {"forms/f": {**FORM, "then": SAYS}},
    ),
    "a form that such a form starts": (
        {"forms/f": {**FORM, "then": [{"start_form": "g"}]}, "forms/g": FORM},
        {"forms/g": {**FORM, "then": SAYS}},
    ),
    "a message that such a form sends": (
        {"forms/f": {**FORM, "then": SAYS}},
        {"messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]}},
    ),
    "a keyword that such a form's question would get": (
        {"forms/f": FORM},
        {"rules/keyword": a_rule(then=TAGS, match={"text": "予約"})},
    ),
}


@pytest.mark.parametrize("row", FORMS_ONCE_ASKED)
def test_a_form_that_was_in_force_is_a_publishers(row: str) -> None:
    """Friends may be in it, and a tap counts whenever it comes; without that it is an editor's."""
    before, change = FORMS_ONCE_ASKED[row]
    old, new = (catalog(documents, ONCE_ASKED) for documents in (before, before | change))
    assert rights.needs(old, new, [])
    assert rights.needs(catalog(before), catalog(before | change), []) == []


@pytest.mark.parametrize("row", EDITORS)
def test_what_reaches_nobody_is_an_editors(row: str) -> None:
    """Drafts, what nothing in force uses, what only changes facts, and labels for staff."""
    before, change = EDITORS[row]
    assert rights.needs(catalog(before), catalog(before | change), []) == []


@pytest.mark.parametrize("status", ["scheduled", "planning", "sending"])
def test_what_a_broadcast_under_way_uses_is_live(status: str) -> None:
    """Its message and its audience's segment, through other segments; not those of a draft."""
    before = {"segments/s": SEGMENT, "segments/t": {"name": "t", "condition": {"segment": "s"}}}
    open_broadcasts = [OpenBroadcast("b", status, {"audience": {"segment": "t"}, "message": "hello"})]
    for name, body in {
        "segments/s": {**SEGMENT, "condition": {"everyone": True}},
        "messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]},
    }.items():
        [detail] = rights.needs(catalog(before), catalog(before | {name: body}), open_broadcasts)
        assert detail.path == name.replace("/", ".")
        assert f"broadcasts/b is {status}" in detail.message
        assert rights.needs(catalog(before), catalog(before | {name: body}), []) == []


def test_what_a_broadcast_is_just_about_to_use_is_live() -> None:
    """A publisher has claimed it for going out."""
    open_broadcasts = [OpenBroadcast("b", "being scheduled", None, ("messages/hello", "segments/s"))]
    other = {"messages/hello": {**TEXT, "messages": [{"type": "text", "text": "other"}]}}
    [detail] = rights.needs(catalog({}), catalog(other), open_broadcasts)
    assert detail.path == "messages.hello"
    assert "broadcasts/b is being scheduled" in detail.message


def test_a_refusal_says_which_document_makes_it_so() -> None:
    """The rule that is live, the action in it that speaks, and how the changed document is used."""
    [detail] = rights.needs(
        *map(catalog, PUBLISHERS["a message of a live rule"][:1]),
        catalog({"rules/r": a_rule(then=SAYS), "messages/hello": TEXT}),
        [],
    )
    assert detail.path == "messages.hello"
    assert detail.message == (
        "rules/r uses it (then[0].reply.message): rules/r is in force and does reply (then[0].reply)"
    )


ACTIONS = st.sampled_from(
    [
        {"add_tag": "vip"},
        {"remove_tag": "vip"},
        {"add_score": {"score": "interest", "points": 5}},
        {"set_attribute": {"attribute": "skin", "value": "x"}},
        {"record_event": {"name": "x", "props": {}}},
        {"reply": {"message": "hello"}},
        {"send": {"message": "m"}},
        {"enter_scenario": "w"},
        {"start_form": "f"},
    ]
)
EVENTS = st.sampled_from(
    ["messaged", "tag_added", "tag_removed", "score_changed", "attribute_set", "custom:x", "link_clicked"]
)
RULES = st.builds(
    lambda event, then, enabled, stop, segment: a_rule(
        event, then, enabled=enabled, stop=stop, **({"condition": {"segment": segment}} if segment else {})
    ),
    EVENTS, st.lists(ACTIONS, max_size=3), st.booleans(), st.booleans(), st.sampled_from([None, "s", "t"]),
)  # fmt: skip
SEGMENTS = st.sampled_from([{"name": "s", "condition": {"tag": tag}} for tag in ("vip", "dry")])
MESSAGES = st.sampled_from([TEXT, LINKED])
NODES = st.sampled_from([SPEAKS, WAITS, UNTIL, {"type": "wait_for", "event": "custom:x", "timeout": "1d"}])
CATALOGS = st.fixed_dictionaries(
    {},
    optional={
        **{f"rules/{name}": RULES for name in "abc"},
        "segments/s": SEGMENTS,
        "segments/t": st.just({"name": "t", "condition": {"segment": "s"}}),
        "messages/hello": MESSAGES,
        "messages/m": MESSAGES,
        "links/spring": st.sampled_from([LINK, {**LINK, "tags": ["vip"]}]),
        "forms/f": st.sampled_from([FORM, {**FORM, "then": SAYS}, {**FORM, "then": TAGS}]),
        "published/w": st.builds(published, NODES),
        "policies/default": st.sampled_from([{}, {"caps": []}]),
    },
)
AUDIENCES = st.sampled_from([{"segment": "s"}, {"segment": "t"}])
BODIES = st.fixed_dictionaries({"audience": AUDIENCES, "message": st.sampled_from(["hello", "m"])})
OPEN_BROADCASTS = st.lists(st.builds(lambda body: OpenBroadcast("b", "scheduled", body), BODIES), max_size=1)


def is_outgoing(snapshot: Snapshot) -> set[str]:
    """By brute force, which rules in force may reach friends: follow every wake-up, by type of event alone
    where a match does not forbid it, until something speaks."""
    rules = {k[1]: d.body for k, d in snapshot.documents.items() if k[0] == "rules" and d.body["enabled"]}
    waits = [n for k, d in snapshot.documents.items() if k[0] == "published"
             for n in d.body["definition"]["nodes"].values()]  # fmt: skip
    facts = {"add_tag": "tag_added", "remove_tag": "tag_removed", "add_score": "score_changed",
             "set_attribute": "attribute_set", "record_event": "custom:x"}  # fmt: skip

    def of(name: str, seen: frozenset[str]) -> bool:
        if name in seen:
            return False
        for action in rules[name]["then"]:
            [key] = action
            if key not in facts:
                return True
            kind = facts[key]
            awaited = any(n.get("event") == kind for n in waits)
            if awaited or any(of(o, seen | {name}) for o, b in rules.items() if b["when"]["event"] == kind):
                return True
        same = [o for o, b in rules.items() if b["when"]["event"] == rules[name]["when"]["event"]]
        return rules[name]["stop"] and any(of(other, seen | {name}) for other in same)

    return {name for name in rules if of(name, frozenset())}


@given(CATALOGS, CATALOGS, OPEN_BROADCASTS)
def test_nothing_an_editor_may_do_changes_what_is_sent(
    before: dict[str, Any], change: dict[str, Any], open_broadcasts: list[OpenBroadcast]
) -> None:
    """Whatever a change is made of: if no publisher is needed, the rules that may speak, what they are, what
    they use, the published scenarios, policies, and what broadcasts under way send are the same as before."""
    # What a rule or a broadcast names is there: saving refuses it otherwise.
    before = {"segments/s": SEGMENT, "segments/t": {"name": "t", "condition": {"segment": "s"}}} | before
    old, new = catalog(before), catalog(before | change)
    if rights.needs(old, new, open_broadcasts):
        return

    def body(snapshot: Snapshot, key: tuple[str, str]) -> Any:
        document = snapshot.documents.get(key)
        return document and document.body

    assert is_outgoing(old) == is_outgoing(new)
    live = {("rules", name) for name in is_outgoing(new)} | {("policies", "default"), ("published", "w")}
    for name in is_outgoing(new):
        rule = new.documents["rules", name].body
        live |= {
            ("messages", m)
            for a in rule["then"]
            for m in [(a.get("reply") or a.get("send") or {}).get("message")]
            if m
        }
        live |= {("forms", "f") for a in rule["then"] if "start_form" in a}
        live |= {("segments", s) for s in ("s", "t") if (rule.get("if") or {}).get("segment") in {s, "t"}}
    for broadcast in open_broadcasts:
        assert broadcast.body
        live |= {("messages", broadcast.body["message"]), ("segments", "s")}
    for key in live:
        assert body(old, key) == body(new, key), key


@given(CATALOGS)
def test_who_may_speak_is_found(documents: dict[str, Any]) -> None:
    """The fixed point finds every rule that the search by brute force finds."""
    found = {id_ for kind, id_ in reach.causes(catalog(documents)) if kind == "rules"}
    assert is_outgoing(catalog(documents)) <= found
