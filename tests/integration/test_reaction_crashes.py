"""Crashes, redeliveries and other writers at any crossing: one activity, one count, one send."""

from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.friends import store
from chalicelib.gateways import seam
from chalicelib.reaction import service
from chalicelib.shared.events import FriendEvent
from chalicelib.timeline import service as activities
from tests.conftest import drain
from tests.reaction_builders import a_rule, an_event
from tests.reaction_world import (
    RULES,
    Crash,
    World,
    activity,
    author,
    batch,
    facts_of,
    friend,
    world,
)

__all__ = ["world"]


def test_redelivery_changes_nothing(world: World) -> None:
    """The same event again, right away, late, or after others: one activity, one count, one send."""
    author(RULES)
    first, second = an_event(text="SALE"), an_event(text="好き", id="e2", minutes=1)
    batch(first)
    before = facts_of()
    batch(first, first)
    assert facts_of() == before
    batch(second)
    after = facts_of()
    batch(first, second)
    assert facts_of() == after
    assert after["facts"]["messaged"]["count"] == 2
    assert len(drain("sends")) == 1
    assert len(world.line) == 1


def crossings(world: World, events: list[FriendEvent]) -> int:
    world.calls.clear()
    for event in events:
        batch(event)
    return len(world.calls)


EVENTS = [an_event("followed", is_unblocked=False), an_event(text="SALE", id="e2", minutes=1)]


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_at_any_crossing_changes_nothing_in_the_end(world: World, before: bool) -> None:
    """Killed before or after each AWS and LINE call, then redelivered: the same sheet, the same sends.

    A send reaches the ledger once; a reply is sent at most once, and says ``unknown`` when it may be lost.
    """
    author(RULES)
    user_events = [
        [
            FriendEvent(e.event_id, "shop", f"V{n}", e.type, e.at, e.key, e.props, e.reply_token)
            for e in EVENTS
        ]
        for n in range(60)
    ]
    total = crossings(world, user_events[0])
    clean = facts_of("V0")
    assert 10 < total < 58
    drain("sends")
    world.line.clear()
    for at in range(total):
        events, user = user_events[at + 1], f"V{at + 1}"
        world.calls.clear()
        world.crash_at, world.before = at, before
        try:
            for event in events:
                batch(event)
        except Crash:
            pass
        world.crash_at = None
        for event in events:
            assert batch(event, received=2) == {"batchItemFailures": []}
        assert facts_of(user) == clean | {"user_id": user}, at
        assert [activity(e.event_id, user).get("state") for e in events] == [None, None]
        sent = {message["run"] for message in drain("sends")}
        assert len(sent) == 1, at
        replied = [body for _, body in world.line]
        assert len(replied) == len({body["replyToken"] for body in replied}) <= 2
        for event in events:
            effect = next(e for e in activity(event.event_id, user)["effects"] if e["action"] == "reply")
            done = any(body["replyToken"] == event.reply_token for body in replied)
            assert effect["status"] in ({"done", "unknown"} if done else {"unknown"}), (at, effect)
        world.line.clear()


def test_the_next_event_finishes_one_that_was_cut_off(world: World) -> None:
    """A crash after the write and a lost message: the friend's next event carries out its effects."""
    author(RULES)
    batch(an_event(text="hi", id="e0"))
    world.calls.clear()
    world.broken.add("sqs:SendMessageBatch")
    assert batch(an_event(text="SALE"))["batchItemFailures"]
    world.broken.clear()
    assert activities.find("shop", "U1", "e1") is None
    batch(an_event(text="hi", id="e2", minutes=2))
    assert {e["action"]: e["status"] for e in activity("e1")["effects"]} == {"send": "done", "reply": "done"}
    assert activity("e1")["props"]["text"] == "SALE"
    assert len({message["run"] for message in drain("sends")}) == 1
    assert set(friend()["pending"]) == {"e2"}
    batch(an_event(text="SALE"))
    assert drain("sends") == []


def test_a_push_says_what_was_captured_also_after_a_crash(world: World) -> None:
    """The message is rendered anew from what the effect keeps."""
    document = {"name": "m", "messages": [{"type": "text", "text": "{{ event.match.name }}さん"}]}
    match = {"text": {"regex": "名前は(?P<name>.+)"}}
    author({"r": a_rule(match=match, then=[{"send": {"message": "m"}}])})
    catalog.save("shop", [Write("messages", "m", document)], lambda _: None, "test")
    world.broken.add("dynamodb:PutItem")
    assert batch(an_event(text="名前は花子"))["batchItemFailures"]
    world.broken.clear()
    assert batch(an_event(text="名前は花子"), received=2) == {"batchItemFailures": []}
    (effect,) = activity()["effects"]
    assert (effect["status"], effect["messages"][0]["text"]) == ("done", "花子さん")


def test_an_interleaved_writer_wins_and_the_decision_is_made_anew(world: World) -> None:
    """Somebody else changes the friend between the read and the write: read again, decide again."""
    author(RULES)
    batch(an_event(text="hi", id="e0"))
    raced: list[bool] = []

    def race(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:UpdateItem" and not raced:
            raced.append(True)
            sheet = friend()
            other = json.loads(json.dumps(sheet))
            other["tags"]["dry"] = {"since": sheet["created_at"], "by": "import", "at": sheet["created_at"]}
            assert store.create_or_update("shop", 64, "U1", sheet, other, sheet["rev"])
        return world(name, detail, call)

    with seam.guarded(race):
        batch(an_event(text="好き", id="e1", minutes=1))
    assert set(friend()["tags"]) == {"dry", "vip"}
    assert friend()["scores"]["interest"]["value"] == 3


def test_a_new_friend_is_made_once(world: World) -> None:
    """Two workers meet a friend never heard of: one puts the item, the other adds to it."""
    author(RULES)
    raced: list[bool] = []

    def race(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:PutItem" and detail.get("TableName", "").endswith("friends") and not raced:
            raced.append(True)
            service.react(an_event(text="hi", id="other"))
        return world(name, detail, call)

    with seam.guarded(race):
        batch(an_event(text="好き", id="e1", minutes=1))
    assert friend()["facts"]["messaged"]["count"] == 2
    assert friend()["tags"].keys() == {"vip"}


def test_a_profile_is_asked_for_whatever_crashes(world: World) -> None:
    """A crash right after the friend's write: the event's next attempt still asks for the profile."""
    author({})
    raised: list[bool] = []

    def crash(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:SendMessageBatch" and not raised:
            raised.append(True)
            raise Crash
        return world(name, detail, call)

    with seam.guarded(crash), pytest.raises(Crash):
        batch(an_event("followed", is_unblocked=False))
    assert batch(an_event("followed", is_unblocked=False), received=2) == {"batchItemFailures": []}
    assert drain("bulk") == [{"job": "profile", "account": "shop", "user": "U1"}]
    assert activity()["effects"] == []
