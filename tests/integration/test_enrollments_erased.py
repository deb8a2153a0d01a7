"""Who was erased and comes back begins every scenario anew; what was before moves nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.accounts.service import get_account
from chalicelib.enrollments import service, store
from chalicelib.friends import store as friends
from chalicelib.privacy import erasure
from chalicelib.reaction import service as reaction
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.scenario_world import (
    SHOP,
    TWO_STEPS,
    Crashed,
    World,
    a_usual_world,
    enroll,
    publish,
    put_friends,
    where,
)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        put_friends("u1")
        publish(**TWO_STEPS)
        yield found


def erase(world: World) -> str:
    world.now = world.now.replace(microsecond=1000)
    at = iso(world.now)
    assert erasure.erase(get_account(SHOP), "u1", at)
    return at


def follow(world: World, event_id: str) -> None:
    world.now = world.now.replace(microsecond=world.now.microsecond + 1000)
    reaction.react(
        FriendEvent(event_id, SHOP, "u1", "followed", iso(world.now), props={"is_unblocked": False})
    )


def test_a_new_follow_right_after_enters_anew(world: World) -> None:
    """Before the erasure's job has come to the enrollments: both steps come, counted from then."""
    enroll("u1", cause="f1")
    world.run(10)
    at = erase(world)
    follow(world, "f2")
    assert enroll("u1", cause="f1") == [None]
    assert (where("u1").run, where("u1").v) == (2, 3)
    world.run(5)
    assert world.received("u1") == ["one", "one"]
    world.run(45)
    service.forget(SHOP, "u1", at)
    world.run(10)
    assert world.received("u1") == ["one", "one"], "the pointer of the run before sends nothing"
    world.run(60)
    assert world.received("u1") == ["one", "one", "two"]
    assert (where("u1").run, where("u1").state) == (2, "finished")


def test_what_was_entered_before_moves_nobody_who_came_back(world: World) -> None:
    """The friend comes back and enters nothing: the run of before ends unsaid and leaves only its numbers."""
    enroll("u1")
    world.run(10)
    at = erase(world)
    follow(world, "f2")
    reported = len(world.facts)
    world.run(300)
    assert world.received("u1") == ["one"]
    assert (where("u1").state, where("u1").reason) == ("exited", "erased")
    assert len(world.facts) == reported
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["scenarios"] == {}
    service.forget(SHOP, "u1", at)
    assert (where("u1").node, where("u1").causes, where("u1").used) == ("-", [], [])
    assert service.enrollments(SHOP, "u1") == []


def test_a_claim_of_before_sends_nothing(world: World) -> None:
    """The worker died after the claim, before the manifest: what was claimed is not sent to who came back."""
    enroll("u1")
    due = [entry for entry in world.queue if entry[2] == "due"]
    world.queue = [entry for entry in world.queue if entry[2] != "due"]
    for point in range(1, 5):
        world.crossings, world.crash_at = 0, point
        with pytest.raises(Crashed):
            world.handle("due", due[0][3])
        if where("u1").claim is not None:
            break
    assert where("u1").claim is not None
    erase(world)
    follow(world, "f2")
    world.handle("due", due[0][3], 2)
    world.run(300)
    assert world.received("u1") == []
    found = store.find(SHOP, "welcome", "u1")
    assert found is not None
    assert found.reason == "erased"
