"""The line that a friend's timeline has of a broadcast or a scenario step; pure."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.conversations import service
from chalicelib.deliveries import receipts
from chalicelib.deliveries.model import Status, delivery_results
from chalicelib.messages.sent import MAX_EFFECT
from chalicelib.sheets.trim import size_of
from tests.reasons_checked import words

TEXT = [{"type": "text", "text": "冬の新作です"}]
AT = "2026-11-20T03:00:00.000Z"


def a_manifest(**fields: Any) -> dict[str, Any]:
    """A multicast of a broadcast to U1."""
    cause = {"broadcast": "news", "message": "hello"}
    common = {
        "account": "shop",
        "run": "r1",
        "chunk": "a-0",
        "kind": "multicast",
        "at": "2026-11-20T02:59:00Z",
    }
    return {**common, "recipients": ["U1"], "messages": TEXT, "cause": cause, **fields}


def test_a_broadcast_that_was_taken() -> None:
    """What was said, by whom, in which run; accepted is ``done`` on the timeline."""
    line = receipts.line(a_manifest(), {"user_id": "U1", "status": "accepted", "at": AT, "variant": "a"})
    assert line == {
        "account": "shop",
        "user_id": "U1",
        "event_id": "sent:r1:a-0",
        "put_at": "2026-11-20T02:59:00Z",
        "type": "sent",
        "at": AT,
        "props": {"broadcast": "news", "run": "r1", "variant": "a"},
        "source": "broadcast",
        "rules": [],
        "changes": [],
        "effects": [
            {
                "rule": "broadcast:news",
                "index": 0,
                "action": "send",
                "status": "done",
                "message": "hello",
                "messages": TEXT,
                "run": "r1",
            }
        ],
    }


@pytest.mark.parametrize(
    ("status", "reason"), [("failed", "line_400"), ("unknown", None), ("skipped", "quiet_hours")]
)
def test_a_scenario_step_that_was_not_taken(status: str, reason: str | None) -> None:
    """The node names the author; the reason stands beside the status, in the conversation too."""
    manifest = a_manifest(cause={"scenario": "welcome", "node": "first", "message": "m1", "version": 3})
    line = receipts.line(manifest, {"user_id": "U1", "status": status, "at": AT, "reason": reason})
    assert (line["source"], line["props"]) == (
        "scenario",
        {"scenario": "welcome", "node": "first", "run": "r1"},
    )
    (effect,) = line["effects"]
    assert (effect["status"], words(effect)) == (status, reason)
    (shown,) = service.lines(line)
    assert (shown["by"], shown["type"], shown["status"]) == ("scenario:welcome:first", "push", status)
    assert (shown["run"], shown["message"], words(shown)) == ("r1", "m1", reason)


def test_everybody_has_their_own_words_and_large_ones_their_gist() -> None:
    """A push chunk's line has the friend's payload, bounded as replies are."""
    long = [{"type": "text", "text": "あ" * 3000}]
    manifest = a_manifest(kind="push", messages=None, payloads={"U1": TEXT, "U2": long})
    ones, others = (
        receipts.line(manifest, {"user_id": user, "status": "accepted", "at": AT})["effects"][0]["messages"]
        for user in ("U1", "U2")
    )
    assert ones == TEXT
    assert others[0]["trimmed"]
    assert size_of(others) <= MAX_EFFECT


def test_who_was_left_out_from_the_beginning_has_the_time_of_the_chunk() -> None:
    """A chunk of which everybody was skipped never came to an attempt, so its status has no moment."""
    manifest = a_manifest(skips={"U1": "cap"})
    status = Status(chunk="a-0", kind="multicast", n=0, state="skipped", skipped={"cap": 1})
    (outcome,) = delivery_results(status, manifest)
    line = receipts.line(manifest, outcome)
    assert (line["at"], words(line["effects"][0])) == (manifest["at"], "cap")


def test_a_test_says_so() -> None:
    """On the timeline and in the conversation."""
    manifest = a_manifest(cause={"broadcast": "news", "message": "hello", "test": True})
    line = receipts.line(manifest, {"user_id": "U1", "status": "accepted", "at": AT})
    assert line["props"]["test"]
    assert service.lines(line)[0]["test"]


@pytest.mark.parametrize(
    ("cause", "wanted"),
    [
        ({"broadcast": "news"}, True),
        ({"broadcast": "news", "test": True}, True),
        ({"scenario": "welcome", "node": "first"}, True),
        ({"rule": "thanks", "index": 0}, False),
        ({"rule": "scenario:welcome:act", "index": 0}, False),
        ({}, False),
    ],
)
def test_what_is_on_the_timeline(cause: dict[str, Any], wanted: bool) -> None:
    """Broadcasts, their tests and scenario steps; a reaction's send stands on its own activity already."""
    assert receipts.has_receipts(a_manifest(cause=cause)) is wanted
    assert not receipts.has_receipts(a_manifest(cause=cause, recipients=[]))
