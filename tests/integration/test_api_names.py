"""A name that stands anywhere is a name of something: else 422, with the path and the nearest name."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_client import Api, an_account, an_api

NAMED: dict[str, dict[str, dict[str, Any]]] = {
    "tags": {"vip": {"name": "VIP"}},
    "attributes": {"visit": {"name": "来店日", "type": "date"}},
    "messages": {"hello": {"name": "Hello", "messages": [{"type": "text", "text": "やあ"}]}},
    "links": {"spring": {"url": "https://example.com/spring"}},
    "routes": {"poster": {"name": "Poster"}},
    "forms": {
        "skin": {"name": "Skin", "questions": [{"id": "type", "text": "?", "type": "text"}]},
        "pick": {
            "name": "Pick",
            "questions": [{"id": "one", "text": "?", "type": "choice", "choices": ["red", "blue"]}],
        },
    },
    "rules": {
        "books": {
            "name": "Books",
            "when": {"event": "postback", "match": {"data": "book"}},
            "then": [{"record_event": {"name": "booked"}}],
        }
    },
    "scenarios": {
        "welcome": {
            "name": "Welcome",
            "start": "first",
            "nodes": {"first": {"type": "message", "message": "hello", "next": None}},
        }
    },
}


@pytest.fixture
def shop(cloud: None) -> tuple[Api, str]:
    api = an_api()
    base = an_account(api)
    api.ok("POST", f"{base}/catalog/apply", NAMED)
    sale = {"name": "Sale", "audience": {"everyone": True}, "message": "hello"}
    api.ok("PUT", f"{base}/broadcasts/spring-sale", sale)
    return api, base


def refused(api: Api, method: str, path: str, body: dict[str, Any]) -> tuple[str, str]:
    """The path and sentence of the one thing that is wrong."""
    (detail,) = api.refused(422, method, path, body)["details"]
    return detail["path"], detail["message"]


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"delivery": {"id": "spring-sail", "received": True}}, "delivery.id", "deliveries/spring-sail"),
    ({"delivery": {"id": "welcom", "clicked": False}}, "delivery.id", 'did you mean "welcome"?'),
    ({"source": {"first": "postr"}}, "source.first", 'there is no routes/postr (did you mean "poster"?)'),
    ({"form": {"id": "skin", "question": "tipe", "eq": "x"}}, "form.question", 'did you mean "type"?'),
    ({"form": {"id": "skn", "answered": True}}, "form.id", 'did you mean "skin"?'),
    (
        {"scenario": {"id": "welcome", "state": "active", "node": "frist"}},
        "scenario.node",
        'scenarios/welcome has no node frist (did you mean "first"?)',
    ),
    ({"event": {"type": "link_clicked", "key": "sprng"}}, "event.key", 'did you mean "spring"?'),
    ({"event": {"type": "mesaged"}}, "event.type", 'did you mean "messaged"?'),
    ({"event": {"type": "tag_added", "key": "vip"}}, "event.key", "tag_added is counted by its type alone"),
    ({"event": {"type": "purchased", "key": "vip"}}, "event.key", "purchased is counted by its type alone"),
    ({"form": {"id": "pick", "question": "one", "eq": "ред"}}, "form.eq", "must be one of red, blue"),
    ({"form": {"id": "pick", "question": "one", "in": ["red", "blu"]}}, "form.in[1]", '"blue"'),
    ({"tag": "vpi"}, "tag", 'did you mean "vip"?'),
]


@pytest.mark.parametrize(("leaf", "path", "expected"), WRONG, ids=[f"{path}" for _, path, _ in WRONG])
def test_conditions_name_what_is_there(
    shop: tuple[Api, str], leaf: dict[str, Any], path: str, expected: str
) -> None:
    """Wherever a condition stands: segments, rules, goals, branches, broadcasts, counts."""
    api, base = shop
    nested = {"any": [{"everyone": True}, {"not": leaf}]}
    inside = f"any[1].not.{path}"
    rule = {"name": "R", "when": {"event": "followed"}, "if": nested, "then": []}
    wait = {"type": "wait", "after": "1h", "next": None}
    branch = {"type": "branch", "cases": [{"if": nested, "next": None}]}
    places: list[tuple[str, str, dict[str, Any], str]] = [
        ("PUT", "segments/s", {"name": "S", "condition": nested}, "condition"),
        ("PUT", "rules/r", rule, "if"),
        ("PUT", "scenarios/s", {"name": "S", "start": "b", "nodes": {"b": branch}}, "nodes.b.cases[0].if"),
        (
            "PUT",
            "scenarios/s",
            {"name": "S", "start": "w", "nodes": {"w": wait}, "goals": [{"if": nested}]},
            "goals[0].if",
        ),
        ("PUT", "broadcasts/b", {"name": "B", "audience": nested, "message": "hello"}, "audience"),
        (
            "PUT",
            "broadcasts/b",
            {"name": "B", "audience": {"everyone": True}, "exclude": nested, "message": "hello"},
            "exclude",
        ),
        ("POST", "segments/count", {"condition": nested}, "condition"),
    ]
    for method, place, body, where in places:
        at, sentence = refused(api, method, f"{base}/{place}", body)
        assert at == f"{where}.{inside}"
        assert expected in sentence


def test_what_is_there_is_accepted(shop: tuple[Api, str]) -> None:
    """Broadcasts and scenarios as deliveries, a broadcast itself, routes, and sources that are no ids."""
    api, base = shop
    good = [
        {"delivery": {"id": "spring-sale", "received": True}},
        {"delivery": {"id": "welcome", "clicked": True}},
        {"delivery": {"received": True, "within": "3d"}},
        {"source": {"first": "poster"}},
        {"source": {"latest": "雑誌 5月号"}},
        {"form": {"id": "skin", "question": "type", "eq": "x"}},
        {"form": {"id": "pick", "question": "one", "eq": ["red", "blue"]}},
        {"form": {"id": "pick", "question": "one", "gte": "a"}},
        {"event": {"type": "messaged", "key": "text"}},
        {"scenario": {"id": "welcome", "state": "exited", "node": "first"}},
    ]
    for condition in good:
        api.ok("PUT", f"{base}/segments/s", {"name": "S", "condition": condition})
    mine = {"delivery": {"id": "again", "received": True}}
    again = {"name": "B", "audience": {"everyone": True}, "exclude": mine, "message": "hello"}
    api.ok("PUT", f"{base}/broadcasts/again", again)


def waiting(**node: Any) -> dict[str, Any]:
    return {"name": "S", "start": "w", "nodes": {"w": {"next": None, **node}}}


def hears(event: str, **match: Any) -> dict[str, Any]:
    return waiting(type="wait_for", event=event, match=match, timeout="1d")


@pytest.mark.parametrize(
    ("event", "match", "path", "expected"),
    [
        ("purchasd", {}, "event", 'did you mean "purchased"?'),
        ("tag_added", {"tag": "vpi"}, "match.tag", 'there is no tags/vpi (did you mean "vip"?)'),
        ("tag_removed", {"tag": {"in": ["vip", "gone"]}}, "match.tag.in[1]", "there is no tags/gone"),
        ("attribute_set", {"attribute": {"eq": "visits"}}, "match.attribute.eq", 'did you mean "visit"?'),
        ("form_answered", {"form": "skim"}, "match.form", 'did you mean "skin"?'),
        ("link_clicked", {"link": "sprin"}, "match.link", 'did you mean "spring"?'),
        ("link_clicked", {"delivery": "welcom"}, "match.delivery", 'did you mean "welcome"?'),
        ("scenario_finished", {"scenario": "welcme"}, "match.scenario", 'did you mean "welcome"?'),
    ],
)
def test_what_is_waited_for_is_there(
    shop: tuple[Api, str], event: str, match: dict[str, Any], path: str, expected: str
) -> None:
    """The same of a ``wait_for`` and of a rule's ``when``."""
    api, base = shop
    at, sentence = refused(api, "PUT", f"{base}/scenarios/s", hears(event, **match))
    assert (at, expected in sentence) == (f"nodes.w.{path}", True)
    rule = {"name": "R", "when": {"event": event, "match": match}, "then": []}
    at, sentence = refused(api, "PUT", f"{base}/rules/r", rule)
    assert (at, expected in sentence) == (f"when.{path}", True)


def test_nodes_and_dates_are_there(shop: tuple[Api, str]) -> None:
    """Ways, redirects, and what a wait until counts from."""
    api, base = shop
    at, sentence = refused(api, "PUT", f"{base}/scenarios/s", waiting(type="wait", after="1h", next="ww"))
    assert (at, sentence) == ("nodes.w.next", 'there is no node ww (did you mean "w"?)')
    body = waiting(type="wait", after="1h") | {"redirects": {"old": "wv"}}
    assert refused(api, "PUT", f"{base}/scenarios/s", body)[0] == "redirects.old"
    for until, where in (
        ({"event": "purchasd", "offset": "1d"}, "event"),
        ({"event": "link_clicked:sprng", "offset": "1d"}, "event"),
        ({"attribute": "vsit", "offset": "1d"}, "attribute"),
    ):
        body = waiting(type="wait", until=until)
        assert refused(api, "PUT", f"{base}/scenarios/s", body)[0] == f"nodes.w.until.{where}"
    for event in ("purchased", "custom:any", "link_clicked:spring", "postback:book"):
        body = waiting(type="wait", until={"event": event, "offset": "1d"})
        api.ok("PUT", f"{base}/scenarios/s", body)


def test_a_node_that_is_named_cannot_go(shop: tuple[Api, str]) -> None:
    """Publishing a draft without it is refused with the place that names it; a redirect keeps the name."""
    api, at = shop
    stays, goes = {"type": "wait", "after": "1d"}, {"type": "wait", "after": "2d"}
    whole = {"name": "w", "start": "stays", "nodes": {"stays": {**stays, "next": "goes"}, "goes": goes}}
    less = {"name": "w", "start": "stays", "nodes": {"stays": stays}}
    condition = {"scenario": {"id": "two", "state": "active", "node": "goes"}}
    api.ok("PUT", f"{at}/scenarios/two", whole)
    api.ok("POST", f"{at}/scenarios/two/publish", {})
    api.ok("PUT", f"{at}/segments/late", {"name": "late", "condition": condition})
    api.ok("PUT", f"{at}/scenarios/two", less)
    error = api.refused(422, "POST", f"{at}/scenarios/two/publish", {})
    assert [detail["path"] for detail in error["details"]] == ["segments.late.condition.scenario.node"]
    assert "has no node goes" in error["message"]
    answer = api.ok("POST", f"{at}/catalog/apply?publish=true", {"scenarios": {"two": less}})
    assert "has no node goes" in answer["publish_failed"]
    api.ok("PUT", f"{at}/scenarios/two", {**less, "redirects": {"goes": "stays"}})
    api.ok("POST", f"{at}/scenarios/two/publish", {})


def test_a_node_that_a_broadcast_names_cannot_go(shop: tuple[Api, str]) -> None:
    """The same of an audience."""
    api, at = shop
    wait = {"type": "wait", "after": "1d"}
    nodes = {"stays": {**wait, "next": "goes"}, "goes": wait}
    api.ok("PUT", f"{at}/messages/say", {"name": "m", "messages": [{"type": "text", "text": "x"}]})
    api.ok("PUT", f"{at}/scenarios/two", {"name": "w", "start": "stays", "nodes": nodes})
    api.ok("POST", f"{at}/scenarios/two/publish", {})
    audience = {"scenario": {"id": "two", "state": "active", "node": "goes"}}
    api.ok("PUT", f"{at}/broadcasts/b", {"name": "b", "audience": audience, "message": "say"})
    api.ok("PUT", f"{at}/scenarios/two", {"name": "w", "start": "stays", "nodes": {"stays": wait}})
    error = api.refused(422, "POST", f"{at}/scenarios/two/publish", {})
    assert [detail["path"] for detail in error["details"]] == ["broadcasts.b.audience.scenario.node"]


def test_choices_that_people_take_for_one_are_warned_of(shop: tuple[Api, str]) -> None:
    """They differ in width, case or kana alone."""
    api, at = shop
    body = {"name": "menu", "type": "choice", "choices": ["カット", "ｶｯﾄ", "ABC", "abc", "パーマ"]}
    warned = api.ok("PUT", f"{at}/attributes/menu", body)["warnings"]
    assert [line.split(":")[0] for line in warned] == ["choices[1]", "choices[3]"]
    assert "'ｶｯﾄ' and 'カット' differ" in warned[0]
    assert "warnings" not in api.ok("PUT", f"{at}/attributes/menu", {**body, "choices": ["A/B", "A,B"]})


def test_what_may_be_meant_is_warned_of(shop: tuple[Api, str]) -> None:
    """A property that the event never has; a custom event near to one that a rule here records."""
    api, base = shop
    for body in (
        hears("messaged", txt="a"),
        hears("custom:bookd"),
        hears("custom:booked"),
        hears("custom:zzz"),
    ):
        api.ok("PUT", f"{base}/scenarios/s", body)
    warned = api.ok("PUT", f"{base}/scenarios/s", hears("messaged", txt="a"))["warnings"]
    assert 'nodes.w.match.txt: messaged has no such property (did you mean "text"?)' in warned[0]
    warned = api.ok("PUT", f"{base}/scenarios/s", hears("custom:bookd"))["warnings"]
    assert 'nodes.w.event: nothing here records custom:bookd (did you mean "custom:booked"?)' in warned[0]
    for known in ("custom:booked", "custom:zzz"):
        assert "warnings" not in api.ok("PUT", f"{base}/scenarios/s", hears(known))
    rule = {"name": "R", "when": {"event": "custom:bookd"}, "then": []}
    assert "custom:booked" in api.ok("PUT", f"{base}/rules/r", rule)["warnings"][0]


def test_what_is_named_cannot_go(shop: tuple[Api, str]) -> None:
    """A scenario named as a delivery, a question, a tag that is waited for: 422 with who names it."""
    api, base = shop
    api.ok(
        "PUT",
        f"{base}/segments/got",
        {"name": "S", "condition": {"delivery": {"id": "welcome", "received": True}}},
    )
    api.ok("PUT", f"{base}/scenarios/s", hears("tag_added", tag="vip"))
    asked = {"form": {"id": "skin", "question": "type", "eq": "x"}}
    api.ok("PUT", f"{base}/segments/answered", {"name": "S", "condition": asked})
    at, sentence = refused(api, "DELETE", f"{base}/scenarios/welcome", {})
    assert (at, sentence) == ("segments.got.condition.delivery.id", "scenarios/welcome is used here")
    assert refused(api, "DELETE", f"{base}/tags/vip", {})[0] == "scenarios.s.nodes.w.match.tag"
    form = {"name": "Skin", "questions": [{"id": "other", "text": "?", "type": "text"}]}
    assert refused(api, "PUT", f"{base}/forms/skin", form)[0] == "segments.answered.condition.form.question"


def test_names_within_a_bundle_are_there(shop: tuple[Api, str]) -> None:
    """What a bundle brings itself resolves, in plan and in apply; what neither has is named in its place."""
    api, base = shop
    bundle = {
        "tags": {"new-tag": {"name": "N"}},
        "scenarios": {"s": hears("tag_added", tag="new-tag")},
        "segments": {"got": {"name": "G", "condition": {"delivery": {"id": "s", "received": True}}}},
    }
    api.ok("POST", f"{base}/catalog/plan", bundle)
    wrong = bundle | {"scenarios": {"s": hears("tag_added", tag="new-tga")}}
    for place in ("plan", "apply"):
        at, sentence = refused(api, "POST", f"{base}/catalog/{place}", wrong)
        assert at == "scenarios.s.nodes.w.match.tag"
        assert 'did you mean "new-tag"?' in sentence
    api.ok("POST", f"{base}/catalog/apply", bundle)


def test_an_answer_that_is_no_choice_is_warned_of(shop: tuple[Api, str]) -> None:
    """What nobody can answer never comes; what somebody can is no warning."""
    api, base = shop
    for answer, expected in (("blu", "no value is like that; there are red, blue"), ({"prefix": "r"}, None)):
        when = {"event": "form_answered", "match": {"form": "pick", "answers.one": answer}}
        saved = api.ok("PUT", f"{base}/rules/r", {"name": "R", "when": when, "then": []})
        assert saved.get("warnings") == ([f"when.match.answers.one: {expected}"] if expected else None)


def test_an_address_in_a_question_is_warned_of_as_in_messages(shop: tuple[Api, str]) -> None:
    """A question is a message: what friends open there unseen is told, with the link that leads there."""
    api, base = shop
    question = {"id": "q", "text": "https://example.com/spring を見ましたか", "type": "text"}
    saved = api.ok("PUT", f"{base}/forms/f", {"name": "F", "questions": [question]})
    (warning,) = saved["warnings"]
    assert warning.startswith("questions[0].text: https://example.com/spring is not tracked here")
    assert '{{ link("spring") }}' in warning
