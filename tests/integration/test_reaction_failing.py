"""An event that fails holds up its friend only, comes again soon, and at last lets the others pass."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.gateways import aws, inbox, queues, seam
from chalicelib.reaction import workers
from chalicelib.shared.events import FriendEvent
from tests.conftest import drain
from tests.reaction_builders import an_event
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


def test_a_failing_event_holds_up_its_friend_only(world: World) -> None:
    """The rest of its group waits; other friends' events in the batch are done."""
    author(RULES)
    world.broken.add("line:reply")
    broken = FriendEvent("bad", "nowhere", "U1", "messaged", an_event().at, props={})
    after_it = FriendEvent("next", "nowhere", "U1", "messaged", an_event().at, props={})
    answer = batch(broken, after_it, an_event(text="好き", user="U2", id="ok"))
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m1"]
    assert activity("ok", "U2")["type"] == "messaged"


def test_poison_leaves_a_failed_activity_and_lets_the_others_pass(world: World) -> None:
    """The fifth failure is the last: a failed activity, and the events behind it are worked on."""
    author(RULES)
    batch(an_event(text="hi", id="e0"))
    world.broken.add("sqs:SendMessageBatch")
    poison, behind = an_event(text="SALE"), an_event(text="好き", id="e2", minutes=1)
    for received in range(1, 5):
        answer = batch(poison, behind, received=received)
        assert [f["itemIdentifier"] for f in answer["batchItemFailures"]] == ["m0", "m1"]
    answer = batch(poison, behind, received=5)
    assert [f["itemIdentifier"] for f in answer["batchItemFailures"]] == ["m0"]
    failed = activity("e1")
    assert failed["state"] == "failed"
    assert "Unfinished" in words(failed)
    assert friend()["scores"]["interest"]["value"] == 3
    world.broken.clear()
    batch(an_event(text="hi", id="e3", minutes=3))
    assert drain("sends") == []
    batch(poison)  # redriven from the dead letters, late
    assert "state" not in activity("e1")
    assert len(drain("sends")) == 1
    assert friend()["facts"]["messaged"]["count"] == 4
    assert len(world.line) == 1


@pytest.mark.parametrize(("received", "seconds"), [(1, 1), (2, 2), (3, 5), (4, 10), (5, 0)])
def test_a_failed_event_comes_again_soon(world: World, received: int, seconds: int) -> None:
    """After 1, 2, 5, 10 seconds with those behind it; at its last attempt alone, and at once to the DLQ."""
    author(RULES)
    assert inbox.put([an_event(text="SALE"), an_event(text="好き", id="e2", minutes=1)]) == []
    messages = aws.client("sqs").receive_message(
        QueueUrl=queues.url("inbox"), MaxNumberOfMessages=10, AttributeNames=["All"]
    )["Messages"]
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"] | {"ApproximateReceiveCount": str(received)},
        }
        for message in messages
    ]
    asked: list[tuple[str, int]] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:ChangeMessageVisibility":
            asked.append((detail["ReceiptHandle"], detail["VisibilityTimeout"]))
        return world(name, detail, call)

    world.broken.add("sqs:SendMessageBatch")
    with seam.guarded(guard):
        failed = workers.react({"Records": records}, None)["batchItemFailures"]
    expected = records[:1] if received == 5 else records
    assert asked == [(record["receiptHandle"], seconds) for record in expected]
    assert [f["itemIdentifier"] for f in failed] == [record["messageId"] for record in expected]
