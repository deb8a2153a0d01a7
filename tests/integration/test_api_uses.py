"""``GET /{kind}/{id}/uses``: what keeps a document from being deleted is named, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_client import Api, an_account, an_api

A = "/v1/accounts/shop"
SCENARIO = {
    "name": "ようこそ",
    "start": "hello",
    "nodes": {
        "hello": {"type": "message", "message": "hello", "next": "mark"},
        "mark": {"type": "action", "then": [{"add_tag": "vip"}]},
    },
}


@pytest.fixture
def api(cloud: None) -> Api:
    found = an_api()
    an_account(found, shards=1)
    found.ok("PUT", f"{A}/tags/vip", {"name": "VIP"})
    found.ok("PUT", f"{A}/tags/alone", {"name": "alone"})
    hello = {"name": "hello", "messages": [{"type": "text", "text": "こんにちは"}]}
    found.ok("PUT", f"{A}/messages/hello", hello)
    found.ok("PUT", f"{A}/segments/vips", {"name": "上客", "condition": {"tag": "vip"}})
    found.ok("PUT", f"{A}/scenarios/welcome", SCENARIO)
    found.ok("PUT", f"{A}/broadcasts/b1", {"name": "春", "audience": {"tag": "vip"}, "message": "hello"})
    return found


def uses(api: Api, of: str) -> list[tuple[Any, ...]]:
    items = api.ok("GET", f"{A}/{of}/uses")["items"]
    return [tuple(use[name] for name in ("kind", "id", "name", "path", "status")) for use in items]


def test_documents_scenarios_and_broadcasts_that_name_it(api: Api) -> None:
    """Each with its name and place: the draft, what is published, and a broadcast with its status."""
    api.ok("POST", f"{A}/scenarios/welcome/publish", {})
    assert uses(api, "tags/vip") == [
        ("broadcasts", "b1", "春", "audience.tag", "draft"),
        ("scenarios", "welcome", "ようこそ", "nodes.mark.then[0].add_tag", None),
        ("scenarios", "welcome", "ようこそ", "nodes.mark.then[0].add_tag", "published"),
        ("segments", "vips", "上客", "condition.tag", None),
    ]
    assert uses(api, "tags/alone") == []
    assert [use[:2] for use in uses(api, "messages/hello")] == [
        ("broadcasts", "b1"),
        ("scenarios", "welcome"),
        ("scenarios", "welcome"),
    ]
    api.refused(404, "GET", f"{A}/tags/no-such/uses")


def test_what_has_uses_cannot_be_deleted_and_what_has_none_can(api: Api) -> None:
    """The list and the refusal agree, also once the users are gone."""
    named = {use[:2] for use in uses(api, "tags/vip")}
    refused = api.refused(422, "DELETE", f"{A}/tags/vip")["details"]
    assert {tuple(detail["path"].split(".")[:2]) for detail in refused} == named
    for of in ("broadcasts/b1", "scenarios/welcome", "segments/vips"):
        api.ok("DELETE", f"{A}/{of}")
    assert uses(api, "tags/vip") == []
    api.ok("DELETE", f"{A}/tags/vip")
    api.refused(404, "GET", f"{A}/tags/vip/uses")


def test_a_document_that_names_itself_is_none_of_its_uses(api: Api) -> None:
    """It can be deleted, so nothing is said to keep it."""
    then = [{"type": "action", "then": [{"exit_scenario": "round"}]}]
    api.ok("PUT", f"{A}/scenarios/round", {"name": "round", "start": "a", "nodes": {"a": then[0]}})
    assert uses(api, "scenarios/round") == []
    api.ok("DELETE", f"{A}/scenarios/round")


def test_pages_join(api: Api) -> None:
    """One at a time the list is the same, two uses of one path included."""
    api.ok("POST", f"{A}/scenarios/welcome/publish", {})
    joined: list[Any] = []
    query = "?limit=1"
    while query:
        answer = api.ok("GET", f"{A}/tags/vip/uses{query}")
        joined += answer["items"]
        query = f"?limit=1&cursor={answer['next_cursor']}" if answer["next_cursor"] else ""
    assert joined == api.ok("GET", f"{A}/tags/vip/uses")["items"]
    assert len(joined) == 4
