"""A friend who has just begun to wait for an event, and the event that comes at this very moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.enrollments import store
from chalicelib.friends import store as friends
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.scenario_world import SHOP, World, a_world, enroll, publish, put_friends

WAITS = {
    "start": "hears",
    "nodes": {"hears": {"type": "wait_for", "event": "purchased", "timeout": "1h", "next": None}},
}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(timers_shards=2) as found:
        put_friends("u1")
        publish(**WAITS)
        yield found


def react(world: World) -> None:
    props = {"amount": 100, "order_id": "o1", "items": []}
    reaction.react(FriendEvent("e1", SHOP, "u1", "purchased", iso(world.now), props=props))


def state() -> str:
    found = store.find(SHOP, "welcome", "u1")
    assert found is not None
    return found.state


def test_an_event_decided_before_the_friend_waited_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has read the sheet, the friend enters and looks for events in vain, the engine writes."""
    decide = reaction.decide
    entered: list[Any] = []

    def meanwhile(*args: Any, **more: Any) -> Any:
        decision = decide(*args, **more)
        if not entered:
            entered.extend(enroll("u1"))
        return decision

    monkeypatch.setattr(reaction, "decide", meanwhile)
    react(world)
    assert entered == [None]
    assert state() == "finished"


def test_an_event_written_before_the_friend_waited_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has written the sheet without knowing of the scenario: entering sees the event pending."""
    finish = reaction._finish

    def meanwhile(*args: Any) -> None:
        enroll("u1")
        finish(*args)

    monkeypatch.setattr(reaction, "_finish", meanwhile)
    react(world)
    assert state() == "finished"


def test_an_event_of_before_does_not_count(world: World) -> None:
    """What came before the friend waited is not what is waited for."""
    react(world)
    world.now = world.now.replace(second=40)
    enroll("u1")
    assert state() == "active"


@pytest.mark.parametrize("when", ["before", "while"])
@pytest.mark.parametrize("what", ["fire_false", "late", "refund"])
def test_history_and_refunds_end_no_wait(world: World, what: str, when: str) -> None:
    """Neither where the event comes while the friend waits, nor where it is looked for afterwards."""
    at, days = iso(world.now), 3 if what == "late" else 0
    props = {"amount": 100, "order_id": "r1" if what == "refund" else "o1", "items": []}
    kind = "refunded" if what == "refund" else "purchased"
    event = FriendEvent("e1", SHOP, "u1", kind, at, props=props, fire=what != "fire_false")
    entered_at = world.now
    if when == "while":
        enroll("u1")
    world.now += timedelta(days=days)
    reaction.react(event)
    if when == "before":
        world.now = entered_at
        enroll("u1")
    assert state() == "active"
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["facts"][kind]["count"] == 1


def test_a_block_of_long_ago_leaves_the_scenario(world: World) -> None:
    """History wakes nothing, and still a blocked friend is a blocked friend."""
    enroll("u1")
    at = iso(world.now)
    world.now += timedelta(days=3)
    reaction.react(FriendEvent("e1", SHOP, "u1", "unfollowed", at))
    assert state() == "exited"
