"""Moments against real stores and timers: from the points to the rule that the cooling wakes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.friends import store
from chalicelib.gateways import clock
from chalicelib.jobs import service as jobs
from chalicelib.reaction import due_times, service, workers
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import service as timers
from chalicelib.timers.model import minute_key, minute_of
from chalicelib.transfers import imports, uploads
from chalicelib.transfers.beginning import Wish
from tests.conftest import drain
from tests.reaction_builders import NOW, a_rule, an_event
from tests.reaction_world import Crash, World, activity, author, batch, world

__all__ = ["world"]

RULES = {
    "warm": a_rule("custom:x", [{"add_score": {"score": "warmth", "points": 8}}]),
    "cold": a_rule(
        "score_crossed", [{"add_tag": "a"}, {"send": {"message": "hello"}}], match={"direction": "down"}
    ),
}


@pytest.fixture
def shop(world: World) -> World:
    author(RULES)
    score = {"name": "warmth", "half_life": "1d", "thresholds": [3]}
    catalog.save("shop", [Write("scores", "warmth", score)], lambda _: None, "test")
    return world


def sheet(user: str = "U1") -> dict[str, Any]:
    found = store.load("shop", 64, user)
    assert found is not None
    return found


def pass_time(world: World, until: str) -> list[FriendEvent]:
    """The minute of that moment is drained; returns what then stands in the inbox."""
    world.now = parse_iso(until)
    timers.drain(minute_key(minute_of(world.now)), timers.checks())
    return work_off()


def work_off() -> list[FriendEvent]:
    for body in drain("bulk"):
        if "kind" in body:
            workers.bulk({"Records": [_record(body)]}, None)
    return [FriendEvent.from_message(body) for body in drain("inbox")]


def _record(body: dict[str, Any]) -> dict[str, Any]:
    import json

    attributes = {"ApproximateReceiveCount": "1"}
    return {"messageId": "m", "receiptHandle": "", "body": json.dumps(body), "attributes": attributes}


def test_a_rule_runs_when_a_score_has_cooled(shop: World) -> None:
    """The friend does nothing; at the moment the tag is there and the message on its way, once."""
    batch(an_event("custom:x"))
    due = sheet()["due_at"]
    drain("sends")
    events = pass_time(shop, due)
    assert [(e.type, e.at, e.event_id) for e in events] == [("time_passed", due, f"time:{due}")]
    batch(*events)
    batch(*events, received=2)
    assert "a" in sheet()["tags"]
    assert "due_at" not in sheet()
    assert len(drain("sends")) == 1
    assert activity(f"time:{due}")["changes"][0]["type"] == "score_crossed"
    assert sheet()["last_active_at"] == iso(NOW), "time passing is nothing that the friend does"
    shop.now = parse_iso(due) + timedelta(minutes=4)
    checks = {**timers.checks(), "chunk": lambda entries: [True] * len(entries)}
    assert timers.verify(minute_key(minute_of(parse_iso(due))), checks).count == 0


def test_imported_scores_cool_too(shop: World) -> None:
    """A score from a CSV, of a friend who has done nothing: the moment is armed, cut off or not, once."""
    file = uploads.inline(b"user_id,score.warmth\nU7,8\nU8,2\n")
    job = str(imports.start("shop", file, Wish("test")))
    for body in drain("bulk"):
        imports.work(body, 1, service.react, due_times.OfAccount)
    [chunk] = drain("bulk")
    shop.crash_at = len(shop.calls) + 6
    with pytest.raises(Crash):
        imports.work(chunk, 1, service.react, due_times.OfAccount)
    shop.crash_at = None
    imports.work(chunk, 2, service.react, due_times.OfAccount)
    assert jobs.get("shop", job).state == "done"
    due = sheet("U7")["due_at"]
    assert "due_at" not in sheet("U8")
    events = pass_time(shop, due)
    assert [event.user_id for event in events] == ["U7"]
    batch(*events)
    assert "a" in sheet("U7")["tags"]


def test_a_due_time_that_was_put_off_is_not_fed(shop: World) -> None:
    """A tag by hand does not matter; when no moment stands any more, its entry comes to nothing."""
    batch(an_event("custom:x"))
    due = sheet()["due_at"]
    catalog.save("shop", [Write("rules", "cold", None)], lambda _: None, "test")
    batch(an_event("custom:y", id="e2", minutes=1))
    assert "due_at" not in sheet()
    assert pass_time(shop, due) == []


def test_what_was_lost_is_fed_again(shop: World) -> None:
    """Queues forget; verifying the minute brings the moment again."""
    batch(an_event("custom:x"))
    due = sheet()["due_at"]
    assert len(pass_time(shop, due)) == 1
    shop.now = parse_iso(due) + timedelta(minutes=4)
    assert timers.verify(minute_key(minute_of(parse_iso(due))), timers.checks()).count == 1
    assert len(work_off()) == 1


@pytest.mark.parametrize("before", [True, False])
def test_a_crash_anywhere_leaves_one_due_time(shop: World, before: bool) -> None:
    """Killed at each crossing while points are given, or when time has passed, and redelivered."""
    batch(an_event("custom:x", user="V"))
    total = len(shop.calls)
    for at in range(total):
        user = f"W{at}"
        shop.calls.clear()
        shop.crash_at, shop.before = at, before
        for received in (1, 2):
            try:
                batch(an_event("custom:x", user=user), received=received)
            except Crash:
                shop.crash_at = None
        shop.crash_at = None
    due = sheet("V")["due_at"]
    assert {sheet(f"W{at}")["due_at"] for at in range(total)} == {due}
    drain("sends")
    woken = {event.user_id for event in pass_time(shop, due)}
    assert woken == {"V", *(f"W{at}" for at in range(total))}


def test_due_times_of_many_friends_travel_together(shop: World) -> None:
    """A wave of friends who cool at the same moment is a few messages, not one each."""
    users = [f"U{n}" for n in range(30)]
    for user in users:
        batch(an_event("custom:x", user=user))
    shop.now = parse_iso(sheet("U0")["due_at"])
    timers.drain(minute_key(minute_of(shop.now)), timers.checks())
    packs = [body for body in drain("bulk") if body.get("kind") == "sheet_due"]
    assert [len(pack["entries"]) for pack in packs] == [30]
    due_times.come(packs[0]["entries"])
    assert {body["user_id"] for body in drain("inbox")} == set(users)
    assert iso(clock.now()) == iso(shop.now) != iso(NOW)
