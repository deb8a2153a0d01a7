"""One event against real stores: what is read and written, replied and recorded."""

from __future__ import annotations

import json
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.accounts import service as accounts
from chalicelib.friends import store
from chalicelib.gateways import line
from chalicelib.reaction import workers
from chalicelib.shared.events import NOBODY, FriendEvent
from chalicelib.timeline import service as activities
from tests.conftest import drain
from tests.reaction_builders import a_rule, an_event
from tests.reaction_world import (
    RULES,
    World,
    activity,
    author,
    batch,
    friend,
    world,
)
from tests.reasons_checked import words

__all__ = ["world"]


def test_the_handlers_are_where_deployment_looks_for_them() -> None:
    """The deployed names are module and function."""
    assert callable(workers.react)
    assert callable(workers.bulk)
    assert SQSEvent is not None


def test_two_reads_and_two_writes(world: World) -> None:
    """An event that changes a friend and sends nothing; it also cleans the pending one before."""
    author(RULES)
    batch(an_event("followed", is_unblocked=False))
    for n in range(3):
        world.calls.clear()
        assert batch(an_event(text="好き", id=f"t{n}", minutes=n)) == {"batchItemFailures": []}
        seen = world.dynamo()
        catalog_and_account = 1  # the account is cached; the catalog's revision is read once per batch
        reads = seen["GetItem"] + seen["BatchGetItem"] + seen["Query"]
        assert (reads, seen["UpdateItem"], seen["PutItem"]) == (2 + catalog_and_account, 1, 1)
        assert set(friend()["pending"]) == {f"t{n}"}
    assert friend()["scores"]["interest"]["value"] == 10
    assert activity("t1")["rules"][0] == {"rule": "keen", "matched": True, "why": "matched"}


def test_a_batch_reads_the_catalog_once(world: World) -> None:
    """Ten events of ten friends: one revision read."""
    author(RULES)
    accounts.get_account("shop")
    world.calls.clear()
    batch(*[an_event(text="好き", user=f"U{n}", id=f"t{n}") for n in range(10)])
    seen = world.dynamo()
    assert (seen["BatchGetItem"], seen["GetItem"]) == (10, 10 + 1), "a sheet with its receipts, the activity"


def test_an_event_that_changes_nothing_writes_the_activity_only(world: World) -> None:
    """2 reads, 1 write; the sheet stays as it is."""
    author(RULES)
    batch(an_event("followed", is_unblocked=False))
    rev = friend()["rev"]
    world.calls.clear()
    batch(an_event("console_edit", id="edit"))
    seen = world.dynamo()
    assert (seen["GetItem"] + seen["BatchGetItem"], seen["UpdateItem"], seen["PutItem"]) == (3, 0, 1)
    assert friend()["rev"] == rev


def test_unknown_and_group_events_are_recorded_and_nothing_else(world: World) -> None:
    """No fact sheet, no rules: an activity with the raw event."""
    author({"r": a_rule("followed", [{"add_tag": "a"}])})
    batch(an_event("unknown:teleported", raw={"x": 1}), an_event("group:message", id="g", raw={}))
    batch(FriendEvent("n", "shop", NOBODY, "account_link_result", an_event().at, props={"result": "failed"}))
    assert store.load("shop", 64, "U1") is None
    assert activity()["props"] == {"raw": {"x": 1}}
    assert activity("g")["rules"] == []
    assert activity("n", NOBODY)["type"] == "account_link_result"


def test_an_event_with_tag_score_and_reply(world: World) -> None:
    """One LINE call; the activity tells rules, changes and effects."""
    author(RULES)
    world.calls.clear()
    batch(an_event("followed", is_unblocked=False))
    assert world.line == [
        ("line:reply", {"replyToken": "r-e1", "messages": [{"type": "text", "text": "ようこそ"}]})
    ]
    kept = activity()
    assert [change["type"] for change in kept["changes"]] == ["tag_added", "score_changed"]
    assert [(e["action"], e["status"]) for e in kept["effects"]] == [("reply", "done")]
    assert drain("bulk") == [{"job": "profile", "account": "shop", "user": "U1"}]


def test_replies_of_one_event_are_one_call(world: World) -> None:
    """A token is used once: several rules' replies go together, up to five objects, in rule order."""
    reply_three = a_rule(then=[{"reply": {"message": "three"}}])
    author({"a": reply_three, "b": reply_three, "c": a_rule(then=[{"reply": {"message": "hello"}}])})
    batch(an_event(text="x"))
    assert len(world.line) == 1
    assert len(world.line[0][1]["messages"]) == 4
    assert [e["status"] for e in activity()["effects"]] == ["done", "skipped", "done"]


def test_a_send_is_a_watched_chunk(world: World) -> None:
    """The manifest, the status, a watch, then the queue; the run's name is the event's, rule's and index'."""
    author(RULES)
    batch(an_event(text="SALE"))
    (chunk,) = drain("sends")
    assert chunk["run"].startswith("rule-")
    from chalicelib.deliveries import service as deliveries

    manifest = deliveries.read_manifest("shop", chunk["run"], chunk["chunk"])
    assert manifest is not None
    assert manifest["payloads"] == {"U1": [{"type": "text", "text": "ようこそ"}]}
    assert manifest["cause"]["rule"] == "sale"
    assert manifest["category"] == "transactional"


@pytest.mark.parametrize("fallback", [False, True])
def test_a_refused_token(world: World, fallback: bool) -> None:
    """ "Invalid reply token": nothing was sent, so the rule's push fallback takes its place, once."""
    author({"r": a_rule(then=[{"reply": {"message": "hello", "push_fallback": fallback}}])})
    world.answers.append(line.Answer(400, "Invalid reply token"))
    batch(an_event(text="x"))
    assert len(drain("sends")) == (1 if fallback else 0)
    assert activity()["effects"][0]["status"] == ("done" if fallback else "failed")


def test_a_reply_without_answer_is_unknown_and_never_pushed(world: World) -> None:
    """A timeout may have reached the friend: no second attempt, no push."""
    author({"r": a_rule(then=[{"reply": {"message": "hello", "push_fallback": True}}])})
    world.answers.append(line.NoAnswer("ReadTimeoutError"))
    batch(an_event(text="x"))
    batch(an_event(text="x"), received=2)
    assert len(world.line) == 1
    assert drain("sends") == []
    assert activity()["effects"][0]["status"] == "unknown"


def test_events_out_of_order_fold_by_their_own_time(world: World) -> None:
    """An unfollow that arrives after a later follow does not undo it; counts are complete."""
    author(RULES)
    batch(an_event("followed", minutes=10, id="f2", is_unblocked=True))
    batch(an_event("unfollowed", minutes=5, id="u"))
    batch(an_event("followed", minutes=0, id="f1", is_unblocked=False))
    sheet = friend()
    assert (sheet["status"], sheet["facts"]["followed"]["count"], sheet["facts"]["unfollowed"]["count"]) == (
        "following", 2, 1,
    )  # fmt: skip
    assert sheet["created_at"] == an_event(minutes=0).at


def test_an_erased_friend_is_not_resurrected_by_late_events(world: World) -> None:
    """Events of before the erasure leave nothing; a follow after it begins anew."""
    author(RULES)
    batch(an_event("followed", is_unblocked=False))
    store.erase("shop", 64, "U1", an_event(minutes=30).at)
    batch(an_event(text="late", id="late", minutes=20))
    batch(FriendEvent("api", "shop", "U1", "custom:x", an_event(minutes=40).at, source="api"))
    assert friend()["status"] == "erased"
    assert activities.find("shop", "U1", "late") is None
    batch(an_event("followed", id="again", minutes=60, is_unblocked=False))
    sheet = friend()
    assert (sheet["status"], sheet["facts"]["followed"]["count"]) == ("following", 1)


def test_unsend_removes_the_text_from_the_timeline(world: World) -> None:
    """What LINE's user took back is not kept; the fact that a message came stays."""
    author({})
    batch(an_event(text="secret", id="wrote", raw={"id": "m-wrote"}))
    batch(an_event("unsent", id="took-back", minutes=1, message_id="m-wrote"))
    props = activity("wrote")["props"]
    assert "text" not in props
    assert "raw" not in props
    assert props["unsent_at"] == an_event(minutes=1).at
    assert "secret" not in json.dumps(friend(), default=sorted)
    assert activity("took-back")["effects"] == []


def test_a_profile_is_fetched_in_the_background(world: World) -> None:
    """The bulk job writes name and language by path, and touches nothing else."""
    author({})
    batch(an_event("followed", is_unblocked=False))
    before = friend()
    for body in drain("bulk"):
        workers.bulk(_sqs(body), None)
    assert friend() == before | {"display_name": "花子", "language": "ja"}


def test_trouble_is_visible_on_the_rule(world: World) -> None:
    """An effect that could not run is counted on its rule with the reason."""
    from chalicelib.rules import health

    author({"r": a_rule(then=[{"set_attribute": {"attribute": "skin", "value": "green"}}])})
    batch(an_event(text="x"), an_event(text="y", id="e2", minutes=1))
    (line_,) = health.read("shop", "r", 7)
    assert (line_["status"], line_["n"], line_["user_id"]) == ("failed", 2, "U1")
    assert words(line_) == "set_attribute: the value does not fit attributes.skin"
    assert "green" in words(activity("e1")["effects"][0])


def _sqs(body: dict[str, Any]) -> dict[str, Any]:
    record = {
        "messageId": "m0",
        "receiptHandle": "",
        "body": json.dumps(body),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q",
    }
    return {"Records": [record]}
