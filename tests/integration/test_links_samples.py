"""Live friend tokens: only in what goes out to a friend, never in what is tried or looked at."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.friend_tokens import FriendToken
from chalicelib.gateways import line
from chalicelib.messages import sent as sent_messages
from chalicelib.reaction import service
from tests.api_client import Api, a_key, an_account, an_api
from tests.integration.test_reaction_effects import A, Line, a_rule, world
from tests.reaction_builders import an_event

__all__ = ["world"]

TEXT = {"type": "text", "text": 'こちら {{ link("spring") }} {{ friend.display_name | default("お客様") }}'}


@pytest.fixture
def api(world: Line, monkeypatch: pytest.MonkeyPatch) -> Api:
    monkeypatch.setattr(line, "quota", lambda _token: (None, 0))
    api = an_api()
    an_account(api, shards=1)
    api.ok("PUT", f"{A}/links/spring", {"url": "https://shop.example/spring"})
    api.ok("PUT", f"{A}/messages/offer", {"name": "offer", "messages": [TEXT]})
    question = {"id": "q", "text": '{{ link("spring") }} はい？'}
    api.ok("PUT", f"{A}/forms/f", {"name": "f", "questions": [question]})
    then = ({"reply": {"message": "offer"}}, {"send": {"message": "offer"}}, {"start_form": "f"})
    api.ok("PUT", f"{A}/rules/r", a_rule(*then))
    service.react(an_event("followed"))
    return api


def no_live_token(answer: Any) -> None:
    text = json.dumps(answer, ensure_ascii=False)
    assert "/r/shop.spring" in text
    assert "t=" not in text.replace("content=", "")


def test_what_is_tried_holds_no_live_token(api: Api) -> None:
    """With a viewer's key: previews of messages and broadcasts, dry runs of rules, rehearsals."""
    viewer = a_key(api, "viewer", "shop")
    no_live_token(viewer.ok("POST", f"{A}/messages/preview", {"messages": [TEXT], "user_id": "U1"}))
    no_live_token(viewer.ok("POST", f"{A}/messages/offer/preview", {"user_id": "U1"}))
    body = {"name": "b", "audience": {"everyone": True}, "message": "offer"}
    api.ok("PUT", f"{A}/broadcasts/b", body)
    preview = viewer.ok("POST", f"{A}/broadcasts/b/preview")
    assert preview["samples"][0]["user_id"] == "U1"
    no_live_token(preview["samples"])
    event = {"type": "messaged", "props": {"text": "x", "message_type": "text"}}
    no_live_token(viewer.ok("POST", f"{A}/rules/test", {"user_id": "U1", "event": event}))


def test_a_rehearsal_makes_no_token(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither scenario steps nor rules of a rehearsal ask for a live token, whatever is answered of them."""
    monkeypatch.setattr(friend_tokens, "make", lambda *_: pytest.fail("a live token"))
    nodes = {"m": {"type": "message", "message": "offer"}}
    api.ok("PUT", f"{A}/scenarios/s", {"name": "s", "start": "m", "nodes": nodes})
    start = "2026-12-30T02:00:00Z"
    sent_by = {"at": start, "type": "messaged", "props": {"text": "x", "message_type": "text"}}
    asked = {"friends": {"user_ids": ["U1"]}, "start": start, "days": 1, "events": [sent_by]}
    answer = a_key(api, "viewer", "shop").ok("POST", f"{A}/scenarios/s/rehearse", asked)
    assert answer["messages"] >= 2


def test_what_was_sent_is_live_and_what_is_kept_of_it_is_not(api: Api, world: Line) -> None:
    """The friend's own message tells whose click it is; the timeline and the conversation do not."""
    service.react(an_event(text="x", id="e2"))
    [reply] = [detail["body"] for name, detail in world.calls if name == "line:reply"]
    url = reply["messages"][0]["text"].split()[1]
    assert friend_tokens.read("shop", url.partition("?t=")[2]) == FriendToken("U1", "rule:r")
    viewer = a_key(api, "viewer", "shop")
    no_live_token(viewer.ok("GET", f"{A}/friends/U1/activities"))
    no_live_token(viewer.ok("GET", f"{A}/friends/U1/messages"))
    no_live_token(viewer.ok("GET", f"{A}/friends/U1/export")["activities"])


def test_a_test_send_is_nobodys_click(api: Api, world: Line) -> None:
    """Somebody who tries the links of a test is no customer who clicked."""
    api.ok("PUT", f"{A}/broadcasts/b", {"name": "b", "audience": {"everyone": True}, "message": "offer"})
    sent = api.ok("POST", f"{A}/broadcasts/b/test", {"user_ids": ["U1"]})["test_run"]
    from chalicelib.deliveries import service as deliveries

    no_live_token(deliveries.read_manifest("shop", sent["run"], "main"))


def test_live_tokens_are_found_wherever_they_are() -> None:
    """In texts and addresses, with other parameters, in long messages that are kept as their gist."""
    token = "VTEKCgo.AAAAAAAAAAAAAAAAAAAAAA"
    value = [{"text": f"a https://x/r/s.l?t={token} b", "uri": [f"https://x/r/s.l?a=1&t={token}#x"]}, 1, None]
    assert friend_tokens.without_live(value) == [
        {"text": "a https://x/r/s.l b", "uri": ["https://x/r/s.l?a=1#x"]},
        1,
        None,
    ]
    [gist] = sent_messages.kept([{"type": "text", "text": f"https://x/r/s.l?t={token} " + "髪" * 9000}])
    assert token not in json.dumps(gist)
