"""Documents over HTTP: made, replaced, guarded by If-Match, checked, kept in use, and their history."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.api_client import A_COUPON, Api, an_account, an_api

SALON = Path(__file__).resolve().parents[2] / "examples" / "salon" / "bundle.yaml"
BASE: dict[str, dict[str, dict[str, Any]]] = {
    "tags": {"vip": {"name": "VIP"}, "old": {"name": "Old"}},
    "scores": {"interest": {"name": "関心度", "half_life": "30d", "thresholds": [3]}},
    "attributes": {"skin": {"name": "肌", "type": "choice", "choices": ["dry", "oily"]}},
    "segments": {"keen": {"name": "Keen", "condition": {"all": [{"tag": "vip"}]}}},
    "messages": {"hello": {"name": "Hello", "messages": [{"type": "text", "text": "やあ😀"}]}},
    "links": {"spring": {"url": "https://example.com/春?a=1#b", "tags": ["vip"]}},
    "rules": {
        "greet": {
            "name": "Greet",
            "when": {"event": "followed"},
            "if": {"segment": "keen"},
            "then": [{"add_tag": "vip"}, {"reply": {"message": "hello"}}],
            "limit": {"cooldown": "1d"},
        }
    },
    "scenarios": {
        "welcome": {
            "name": "Welcome",
            "entry": {"re_entry": "never"},
            "start": "a",
            "nodes": {"a": {"type": "message", "message": "hello", "next": None}},
        }
    },
    "forms": {
        "skin": {
            "name": "Skin",
            "questions": [{"id": "q1", "text": "?", "type": "choice", "choices": [{"value": "a"}]}],
        }
    },
    "routes": {"poster": {"name": "Poster", "then": [{"add_tag": "vip"}]}},
    "rich-menus": {"main": {"name": "Main", "rich_menu_id": "richmenu-1"}},
    "coupons": {"spring": A_COUPON},
    "policies": {"default": {"quiet_hours": {"from": "21:00", "to": "09:00"}}},
}


def a_catalog(api: Api, base: str) -> None:
    api.ok("POST", f"{base}/catalog/apply", BASE)


def test_every_kind_is_made_read_listed_replaced_and_deleted(cloud: None) -> None:
    """201 for a new one, 200 for a replacement, the same from GET and in the list, gone after DELETE."""
    api = an_api()
    base = an_account(api, login_channel_id="1234567890")
    for kind, documents in BASE.items():
        for id_, body in documents.items():
            made = api.call("PUT", f"{base}/{kind}/{id_}", body)
            assert made.status_code == 201, (kind, made.body)
            document = made.json_body
            assert document["id"] == id_
            assert set(document) >= {*body, "id", "revision", "updated_at"}
            assert api.ok("GET", f"{base}/{kind}/{id_}") == document
            listed = api.ok("GET", f"{base}/{kind}")["items"]
            assert document in [{name: one[name] for name in one if name != "counts"} for one in listed]
            again = api.call("PUT", f"{base}/{kind}/{id_}", document)
            assert again.status_code == 200
            assert again.json_body["revision"] > document["revision"]
    for kind, documents in reversed(BASE.items()):
        for id_ in documents:
            api.ok("DELETE", f"{base}/{kind}/{id_}")
            api.refused(404, "GET", f"{base}/{kind}/{id_}")
            api.refused(404, "DELETE", f"{base}/{kind}/{id_}")
            assert [h["deleted"] for h in api.ok("GET", f"{base}/{kind}/{id_}/revisions")["items"]] == [
                True,
                False,
                False,
            ]
    assert api.ok("GET", f"{base}/catalog/export") == {}


def test_a_stale_if_match_is_a_conflict_with_the_revision(cloud: None) -> None:
    """Only the one who has seen the newest revision may write; without If-Match PUT overwrites."""
    api = an_api()
    base = an_account(api)
    first = api.ok("PUT", f"{base}/tags/a", {"name": "1"})["revision"]
    second = api.ok("PUT", f"{base}/tags/a", {"name": "2"}, if_match=str(first))["revision"]
    error = api.refused(409, "PUT", f"{base}/tags/a", {"name": "3"}, if_match=str(first))
    assert (error["code"], error["current_revision"]) == ("conflict", second)
    assert api.refused(409, "DELETE", f"{base}/tags/a", if_match=f'"{first}"')["current_revision"] == second
    assert api.refused(409, "PUT", f"{base}/tags/b", {"name": "b"}, if_match="1")["current_revision"] is None
    api.refused(400, "PUT", f"{base}/tags/a", {"name": "3"}, if_match="yes")
    assert api.ok("GET", f"{base}/tags/a")["name"] == "2"
    api.ok("PUT", f"{base}/tags/a", {"name": "3"})
    api.ok("DELETE", f"{base}/tags/a", if_match=str(second + 1))


def test_references_must_exist(cloud: None) -> None:
    """An unknown name in a rule, segment, message, link or scenario is 422 with its path."""
    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    rule = BASE["rules"]["greet"]
    wrong = {
        "then[0].add_tag": ("rules", {**rule, "then": [{"add_tag": "nope"}]}),
        "then[1].reply.message": (
            "rules",
            {**rule, "then": [{"add_tag": "vip"}, {"reply": {"message": "nope"}}]},
        ),
        "if.segment": ("rules", {**rule, "if": {"segment": "nope"}}),
        "condition.all[1].tag": (
            "segments",
            {"name": "x", "condition": {"all": [{"tag": "vip"}, {"tag": "no"}]}},
        ),
        "tags[0]": ("links", {"url": "https://example.com", "tags": ["nope"]}),
        "nodes.a.message": (
            "scenarios",
            {
                "name": "x",
                "entry": {"re_entry": "never"},
                "start": "a",
                "nodes": {"a": {"type": "message", "message": "nope"}},
            },
        ),
    }
    for path, (kind, body) in wrong.items():
        assert path in api.paths(422, "PUT", f"{base}/{kind}/x", body), path
        api.refused(404, "GET", f"{base}/{kind}/x")


def test_what_is_used_cannot_be_deleted(cloud: None) -> None:
    """A deletion is refused and names every user; unused ones go."""
    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    assert sorted(api.paths(422, "DELETE", f"{base}/tags/vip")) == [
        "links.spring.tags[0]",
        "routes.poster.then[0].add_tag",
        "rules.greet.then[0].add_tag",
        "segments.keen.condition.all[0].tag",
    ]
    assert sorted(api.paths(422, "DELETE", f"{base}/messages/hello")) == [
        "rules.greet.then[1].reply.message",
        "scenarios.welcome.nodes.a.message",
    ]
    assert api.paths(422, "DELETE", f"{base}/segments/keen") == ["rules.greet.if.segment"]
    api.ok("DELETE", f"{base}/tags/old")
    api.ok("GET", f"{base}/tags/vip")


def test_what_a_broadcast_is_going_to_need_cannot_be_deleted(cloud: None) -> None:
    """A broadcast that is not over uses its message and its segment."""
    from chalicelib.broadcasts import service as broadcasts

    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    body = {"name": "b", "audience": {"segment": "wide"}, "message": "news"}
    api.ok("PUT", f"{base}/segments/wide", {"name": "Wide", "condition": {"everyone": True}})
    api.ok("PUT", f"{base}/messages/news", BASE["messages"]["hello"])
    broadcasts.put("shop", "b1", body, None, "tests")
    assert api.paths(422, "DELETE", f"{base}/segments/wide") == ["broadcasts.b1.audience.segment"]
    assert api.paths(422, "DELETE", f"{base}/messages/news") == ["broadcasts.b1.message"]
    broadcasts.put("shop", "b1", {**body, "message": "hello"}, None, "tests")
    api.ok("DELETE", f"{base}/messages/news")


def test_a_change_that_breaks_a_broadcast_is_refused(cloud: None) -> None:
    """By PUT and by bundle; with every other user named beside it; what was broken before blocks nothing."""
    from chalicelib.broadcasts import service as broadcasts

    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    api.ok("PUT", f"{base}/attributes/age", {"name": "Age", "type": "number"})
    api.ok("PUT", f"{base}/tags/seen", {"name": "Seen"})
    api.ok("PUT", f"{base}/links/spring", {"url": "https://shop.example", "tags": ["seen"]})
    grown = {"attribute": {"id": "age", "gte": 20}}
    body = {"name": "b", "audience": grown, "exclude": {"tag": "seen"}, "message": "hello"}
    broadcasts.put("shop", "b1", body, None, "tests")
    as_text = {"name": "Age", "type": "text"}
    path = ["broadcasts.b1.audience.attribute.gte"]
    assert api.paths(422, "PUT", f"{base}/attributes/age", as_text) == path
    assert api.paths(422, "POST", f"{base}/catalog/apply", {"attributes": {"age": as_text}}) == path
    assert api.paths(422, "POST", f"{base}/catalog/plan", {"attributes": {"age": as_text}}) == path
    api.ok("PUT", f"{base}/attributes/age", {"name": "Years", "type": "number"})
    both = ["links.spring.tags[0]", "broadcasts.b1.exclude.tag"]
    assert api.paths(422, "DELETE", f"{base}/tags/seen") == both
    broadcasts.put("shop", "b1", body | {"audience": {"everyone": True}}, None, "tests")
    api.ok("PUT", f"{base}/attributes/age", as_text)


@pytest.mark.parametrize("status", ["draft", "scheduled", "planning", "sending", "missed", "failed"])
def test_a_broadcast_that_may_still_go_out_keeps_what_it_names(cloud: None, status: str) -> None:
    """Whatever may be sent, or started anew, is a user; what is done or cancelled is none."""
    from chalicelib.broadcasts import service as broadcasts
    from chalicelib.broadcasts import store

    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    api.ok("PUT", f"{base}/tags/seen", {"name": "Seen"})
    api.ok("PUT", f"{base}/messages/a", BASE["messages"]["hello"])
    api.ok("PUT", f"{base}/messages/b", BASE["messages"]["hello"])
    body = {
        "name": "b",
        "audience": {"everyone": True},
        "exclude": {"tag": "seen"},
        "variants": [{"id": "x", "message": "a"}, {"id": "y", "message": "b"}],
    }
    broadcasts.put("shop", "b1", body, None, "tests")
    store.BroadcastRecord("shop", "b1").update([store.BroadcastRecord.status.set(status)])
    assert api.paths(422, "DELETE", f"{base}/tags/seen") == ["broadcasts.b1.exclude.tag"]
    assert api.paths(422, "DELETE", f"{base}/messages/b") == ["broadcasts.b1.variants[1].message"]
    for over in ("done", "cancelled"):
        store.BroadcastRecord("shop", "b1").update([store.BroadcastRecord.status.set(over)])
        api.ok("DELETE", f"{base}/messages/{'a' if over == 'done' else 'b'}")


def test_a_change_that_breaks_a_user_is_refused(cloud: None) -> None:
    """An attribute that a rule sets to a choice cannot lose that choice."""
    api = an_api()
    base = an_account(api)
    a_catalog(api, base)
    rule = {
        "name": "dry",
        "when": {"event": "postback"},
        "then": [{"set_attribute": {"attribute": "skin", "value": "dry"}}],
    }
    api.ok("PUT", f"{base}/rules/dry", rule)
    body = {"name": "肌", "type": "choice", "choices": ["oily"]}
    paths = api.paths(422, "PUT", f"{base}/attributes/skin", body)
    assert paths == ["rules.dry.then[0].set_attribute.value"]
    api.ok("PUT", f"{base}/attributes/skin", {**body, "choices": ["dry", "wet"]})


def test_bad_documents_are_refused_in_shape(cloud: None) -> None:
    """Wrong types, unknown fields, ids and media types: 400 and 415, with a path, nothing stored."""
    api = an_api()
    base = an_account(api)
    for kind, body, path in (
        ("tags", {"name": 1}, "name"),
        ("tags", {}, "name"),
        ("tags", {"name": "a", "colour": "red"}, "colour"),
        ("tags", {"name": "a", "id": "b"}, "id"),
        ("tags", [], ""),
        ("scores", {"name": "a", "half_life": "soon"}, "half_life"),
        ("attributes", {"name": "a", "type": "colour"}, "type"),
        ("links", {"url": "javascript:alert(1)"}, "url"),
        ("links", {"url": "https://"}, "url"),
        ("links", {"url": "https://a.example/\n"}, "url"),
        ("forms", {"name": "a", "questions": [{"id": "q", "text": "?", "type": "choice"}]}, "questions[0]"),
        ("forms", {"name": "a", "questions": [{"id": "q", "text": "?"}] * 2}, "questions[1].id"),
        (
            "rules",
            {"name": "a", "when": {"event": "followed"}, "then": [{"add_tag": "a", "send": {}}]},
            "then[0]",
        ),
        ("policies", {"quiet_hours": {"from": 2100, "to": "09:00"}}, "quiet_hours.from"),
    ):
        paths = api.paths(400, "PUT", f"{base}/{kind}/default", body)
        assert any(found == path or found.startswith(f"{path}.") for found in paths), (kind, paths)
    assert api.paths(422, "PUT", f"{base}/policies/other", {}) == ["id"]
    for raw in (b"", b"{", b'{"name": "\xff"}', b"[" * 100_000, b'{"name": "a", "name": "b"}'):
        api.refused(400, "PUT", f"{base}/tags/a", raw)
    api.refused(413, "PUT", f"{base}/tags/a", b'{"name": "' + b"a" * (1 << 20) + b'"}')
    api.refused(415, "PUT", f"{base}/tags/a", b"name: a", content_type="text/yaml")
    api.refused(405, "POST", f"{base}/tags/a", {"name": "a"})
    api.refused(405, "PATCH", f"{base}/tags", {"name": "a"})
    for id_ in ("A", "a%20b", "a" * 65, "%E3%81%82", "-a", "%ff"):
        api.refused(400, "PUT", f"{base}/tags/{id_}", {"name": "a"})
        api.refused(400, "GET", f"{base}/tags/{id_}")
    assert api.ok("GET", f"{base}/catalog/export") == {}


def test_lists_and_histories_have_pages(cloud: None) -> None:
    """Each page goes on where the last one ended; nothing is missed or shown twice."""
    api = an_api()
    base = an_account(api)
    api.ok("POST", f"{base}/catalog/apply", {"tags": {f"t{n}": {"name": str(n)} for n in range(7)}})
    for n in range(4):
        api.ok("PUT", f"{base}/tags/t0", {"name": f"v{n}"})

    def all_of(path: str) -> list[Any]:
        items, cursor = [], ""
        while True:
            page = api.ok("GET", f"{base}/{path}?limit=3{cursor}")
            assert len(page["items"]) <= 3
            items += page["items"]
            if page["next_cursor"] is None:
                return items
            cursor = f"&cursor={page['next_cursor']}"

    assert [item["id"] for item in all_of("tags")] == [f"t{n}" for n in range(7)]
    assert [item["body"]["name"] for item in all_of("tags/t0/revisions")] == ["v3", "v2", "v1", "v0", "0"]
    for bad in ("limit=0", "limit=201", "limit=x", "cursor=x", "cursor=%00"):
        api.refused(400, "GET", f"{base}/tags?{bad}")
        api.refused(400, "GET", f"{base}/tags/t0/revisions?{bad}")
    api.refused(404, "GET", f"{base}/tags/nope/revisions")


def test_a_document_in_force_is_seen_by_the_next_reader(cloud: None) -> None:
    """After the answer to a PUT every reader of the account gets the document."""
    from chalicelib.catalog import service

    api = an_api()
    base = an_account(api)
    revision = api.ok("PUT", f"{base}/tags/a", {"name": "a"})["revision"]
    service.forget()
    assert service.snapshot("shop").get("tags", "a").revision == revision
