"""Edits, imports, events and purchases of an editor's: refused where they may reach friends."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api_client import Api
from tests.conftest import drain
from tests.integration.test_reaction_effects import A, a_rule
from tests.rights_world import ORDER, SAYS, SCENARIO, TEXT, api, editor, publisher, refused, world

__all__ = ["api", "editor", "publisher", "world"]


OTHER = {"tags": {"add": ["quiet"]}}
TAGGED, UNTAGGED = ({"event": f"tag_{what}", "match": {"tag": "vip"}} for what in ("added", "removed"))
DRY = {"event": "attribute_set", "match": {"value": "dry"}}
PATCHES: list[tuple[Any, Any, Any, str]] = [
    ({"tags": {"add": ["vip"]}}, TAGGED, OTHER, "tags.add[0]"),
    ({"tags": {"remove": ["vip"]}}, UNTAGGED, {"tags": {"add": ["vip"]}}, "tags.remove[0]"),
    ({"scores": {"add": {"heat": 20}}}, {"event": "score_crossed"}, OTHER, "scores.add.heat"),
    ({"scores": {"set": {"heat": 1}}}, {"event": "score_changed"}, OTHER, "scores.set.heat"),
    ({"attributes": {"skin": "dry"}}, DRY, OTHER, "attributes.skin"),
]
"""An edit, a trigger that it wakes, an edit that does not, and the path of what needs a publisher."""


@pytest.mark.parametrize(("patch", "when", "harmless", "path"), PATCHES)
def test_edits_by_hand(editor: Api, publisher: Api, patch: Any, when: Any, harmless: Any, path: str) -> None:
    """Facts are an editor's, unless the change wakes a rule that speaks."""
    editor.ok("PATCH", f"{A}/friends/U1", patch)
    publisher.ok("PUT", f"{A}/rules/r", {**SAYS, "when": when})
    drain("inbox"), drain("bulk")
    error = refused(editor, "PATCH", "/friends/U1", patch, "rules/r")
    assert [detail["path"] for detail in error["details"]] == [path]
    editor.ok("PATCH", f"{A}/friends/U1", harmless)
    publisher.ok("PATCH", f"{A}/friends/U1", patch)


def test_imports(editor: Api, publisher: Api) -> None:
    """An import that fires is a publisher's; one that only keeps facts is an editor's."""
    csv, text = "user_id,tags\nU9,vip\n", {"content_type": "text/csv"}
    error = editor.call("POST", f"{A}/friends/import?fire=true", csv, **text)
    assert error.status_code == 403
    assert [detail["path"] for detail in error.json_body["error"]["details"]] == ["fire"]
    assert editor.call("POST", f"{A}/friends/import", csv, **text).status_code == 202
    assert publisher.call("POST", f"{A}/friends/import?fire=true", csv, **text).status_code == 202


BOOKED = {"event_id": "b1", "user_id": "U1", "type": "custom:booked", "props": {"room": "a", "n": 3}}


@pytest.mark.parametrize(
    ("match", "wakes"),
    [
        (None, True),
        ({"room": "a"}, True),
        ({"room": "b"}, False),
        ({"n": {"gte": 4}}, False),
        ({"x": 1}, False),
    ],
)
def test_events(editor: Api, publisher: Api, match: Any, wakes: bool) -> None:
    """An event that would wake what speaks is a publisher's, judged by its type and properties; an editor may
    report it as history."""
    when = {"event": "custom:booked", **({"match": match} if match else {})}
    publisher.ok("PUT", f"{A}/rules/r", {**SAYS, "when": when})
    if not wakes:
        assert editor.ok("POST", f"{A}/events", BOOKED)["results"][0]["status"] == "accepted"
        return
    error = refused(editor, "POST", "/events", BOOKED, "rules/r")
    assert [detail["path"] for detail in error["details"]] == ["type"]
    other = {**BOOKED, "event_id": "b2", "type": "custom:other"}
    error = refused(editor, "POST", "/events", {"events": [other, BOOKED]}, "rules/r")
    assert [detail["path"] for detail in error["details"]] == ["events[1]"]
    answer = editor.ok("POST", f"{A}/events", {"events": [other, {**BOOKED, "fire": False}]})
    assert [result["status"] for result in answer["results"]] == ["accepted", "accepted"]
    assert publisher.ok("POST", f"{A}/events", {**BOOKED, "event_id": "b3"})["results"][0]["error"] is None


def test_an_event_that_tags_what_wakes_another(editor: Api, publisher: Api) -> None:
    """However many rules lie between the event and what is said."""
    publisher.ok("PUT", f"{A}/rules/r", SAYS)
    publisher.ok("PUT", f"{A}/rules/tags", a_rule({"add_tag": "vip"}, event="custom:booked"))
    refused(editor, "POST", "/events", BOOKED, "wakes rules/r")
    refused(editor, "PUT", "/links/l", {"url": "https://x.example/", "tags": ["vip"]}, "wakes rules/r")


def test_links_that_were_there_lead_where_they_led(editor: Api, publisher: Api) -> None:
    """Whatever named a link may name it no longer, and friends have the messages still: an editor makes new
    links, and changes nothing about where one leads, nor by taking its name anew."""
    link, elsewhere = {"url": "https://x.example/"}, {"url": "https://y.example/"}
    editor.ok("PUT", f"{A}/links/l", link)
    named = {**TEXT, "messages": [{"type": "text", "text": '{{ link("l") }}'}]}
    editor.ok("PUT", f"{A}/messages/sent", named)
    editor.ok("PUT", f"{A}/messages/sent", TEXT)
    refused(editor, "PUT", "/links/l", elsewhere, "may lead there already")
    refused(editor, "POST", "/catalog/apply", {"links": {"l": elsewhere}}, "may lead there already")
    refused(editor, "DELETE", "/links/l", None, "may lead there already")
    editor.ok("PUT", f"{A}/links/l", {**link, "name": "春"})
    publisher.ok("DELETE", f"{A}/links/l")
    refused(editor, "PUT", "/links/l", elsewhere, "was there before")
    publisher.ok("PUT", f"{A}/links/l", elsewhere)


def test_late_events(editor: Api, publisher: Api) -> None:
    """What happened too long ago wakes nothing and is an editor's, but for rules with ``also_late``."""
    late = {**BOOKED, "event_id": "b4", "at": "2026-01-01T00:00:00Z"}
    when = {"event": "custom:booked"}
    publisher.ok("PUT", f"{A}/rules/r", {**SAYS, "when": when})
    assert editor.ok("POST", f"{A}/events", late)["results"][0]["status"] == "accepted"
    drain("inbox")
    publisher.ok("PUT", f"{A}/rules/r", {**SAYS, "when": when, "also_late": True})
    refused(editor, "POST", "/events", {**late, "event_id": "b5"}, "rules/r")


def test_an_event_that_a_published_scenario_waits_for(editor: Api, publisher: Api) -> None:
    """It moves friends on: to the next message."""
    editor.ok("PUT", f"{A}/scenarios/w", SCENARIO)
    editor.ok("POST", f"{A}/events", BOOKED)
    publisher.ok("POST", f"{A}/scenarios/w/publish", {})
    drain("inbox")
    refused(editor, "POST", "/events", {**BOOKED, "event_id": "b2"}, "scenarios/w, which is published")


@pytest.mark.parametrize("event", ["purchased", "stage_changed"])
def test_purchases(editor: Api, publisher: Api, event: str) -> None:
    """Orders are an editor's while nothing is said about them, and as history."""
    editor.ok("POST", f"{A}/purchases", ORDER)
    publisher.ok("PUT", f"{A}/rules/r", {**SAYS, "when": {"event": event}})
    drain("inbox")
    order = {**ORDER, "order_id": "o2"}
    error = refused(editor, "POST", "/purchases", order, "rules/r")
    assert [detail["path"] for detail in error["details"]] == ["order_id"]
    refused(editor, "POST", "/purchases", {"purchases": [order]}, "rules/r")
    editor.ok("POST", f"{A}/purchases", {**order, "fire": False})
    publisher.ok("POST", f"{A}/purchases", {**order, "order_id": "o3"})
