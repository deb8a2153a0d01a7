"""A friend who has just begun to wait for an event, and the event that comes at this very moment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.engine import service as engine
from chalicelib.scenarios import store
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
    engine.react(FriendEvent("e1", SHOP, "u1", "purchased", iso(world.now), props=props))


def state() -> str:
    found = store.find(SHOP, "welcome", "u1")
    assert found is not None
    return found.state


def test_an_event_decided_before_the_friend_waited_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has read the sheet, the friend enters and looks for events in vain, the engine writes."""
    decide = engine.decide
    entered: list[Any] = []

    def meanwhile(*args: Any) -> Any:
        decision = decide(*args)
        if not entered:
            entered.extend(enroll("u1"))
        return decision

    monkeypatch.setattr(engine, "decide", meanwhile)
    react(world)
    assert entered == [None]
    assert state() == "finished"


def test_an_event_written_before_the_friend_waited_is_heard(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The engine has written the sheet without knowing of the scenario: entering sees the event pending."""
    finish = engine._finish

    def meanwhile(*args: Any) -> None:
        enroll("u1")
        finish(*args)

    monkeypatch.setattr(engine, "_finish", meanwhile)
    react(world)
    assert state() == "finished"


def test_an_event_of_before_does_not_count(world: World) -> None:
    """What came before the friend waited is not what is waited for."""
    react(world)
    world.now = world.now.replace(second=40)
    enroll("u1")
    assert state() == "active"
