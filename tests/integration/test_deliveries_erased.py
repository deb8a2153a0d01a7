"""Who was erased gets nothing more from chunks that stand, and what was to be said to them is forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.deliveries import model, store
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.jobs.kinds import JOBS
from chalicelib.shared.times import iso
from tests.deliveries_builders import SHOP, Crashed, World, a_chunk, a_world, forget

USERS = ["U1", "U2", "U3"]
NEWS = {"broadcast": "news", "message": "news"}
HOUR = timedelta(hours=1)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(*USERS) as found:
        yield found


def put(world: World, **fields: Any) -> None:
    """A chunk that waits: its message is lost, as if its run were paused."""
    world.lose = lambda queue, body: queue == "sends"
    deliveries.put_chunk(a_chunk(USERS, **({"cause": NEWS} | fields)), watch=False)
    world.lose = lambda queue, body: False
    world.now += HOUR


def erase(world: World, *users: str) -> None:
    for user in users:
        assert friends.erase(SHOP.id, SHOP.shards, user, iso(world.now))


def send(world: World) -> None:
    deliveries.feed_all("shop", "run1")
    world.run(until=timedelta(minutes=10))


def came_to(user: str) -> tuple[str, str | None]:
    found = [
        one for one in deliveries.recipients("shop", "run1", None, 10, None)[0] if one["user_id"] == user
    ]
    (one,) = found
    return one["status"], one.get("reason")


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
@pytest.mark.parametrize("back", [False, True])
def test_the_others_get_it(world: World, payloads: bool, back: bool) -> None:
    """A chunk that waited leaves out who was erased meanwhile, also when they came back; counts balance."""
    put(world, payloads=payloads)
    erase(world, "U2")
    if back:
        stone = friends.load(SHOP.id, SHOP.shards, "U2")
        assert stone is not None
        anew = {**stone, "status": "following"}
        assert friends.create_or_update(SHOP.id, SHOP.shards, "U2", stone, anew, stone["rev"])
    send(world)
    assert set(world.line.got) == {"U1", "U3"}
    assert came_to("U2") == ("skipped", "erased")
    progress = deliveries.progress("shop", "run1")
    assert (progress["accepted"], progress["skipped"], progress["total"]) == (2, {"erased": 1}, 3)


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_nobody_is_left(world: World, payloads: bool) -> None:
    """All of them were erased: the chunk ends, and LINE is not called."""
    put(world, payloads=payloads)
    erase(world, *USERS)
    send(world)
    assert world.line.calls == []
    assert deliveries.settled("shop", "run1")
    assert deliveries.progress("shop", "run1")["skipped"] == {"erased": 3}


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_killed_anywhere_it_ends_the_same(world: World, payloads: bool) -> None:
    """At each write of leaving somebody out: the others get it once, nothing is lost."""
    for step in range(1, 40):
        forget_run(world)
        put(world, payloads=payloads)
        erase(world, "U2")
        world.crossings, world.crash_at = 0, step
        try:
            deliveries.send_now("shop", "run1", "c1")
            over = True
        except Crashed:
            over = False
        world.crash_at = None
        send(world)
        assert (world.line.got["U1"], world.line.got["U2"], world.line.got["U3"]) == (1, 0, 1)
        assert came_to("U2") == ("skipped", "erased")
        assert deliveries.settled("shop", "run1")
        if over:
            return
    pytest.fail("it has no end")


def forget_run(world: World) -> None:
    """A ledger and a LINE that know of nothing."""
    forget("ledger")
    world.line.got.clear()
    world.line.accepted.clear()
    world.line.bodies.clear()
    world.agenda.clear()


def test_a_fresh_chunk_is_not_looked_at(world: World) -> None:
    """What was just rendered for a friend goes out without another read; a broadcast's own is read once."""
    for watch, reads in ((True, 0), (False, 1)):
        run = f"run-{watch}"
        deliveries.put_chunk(a_chunk(USERS, run=run, payloads=True), watch=watch, feed=False)
        world.counted.clear()
        deliveries.send_now("shop", run, "c1")
        # The status, and what the friends were told lately, are a batch each as well.
        assert world.counted["dynamodb:BatchGetItem"] == 2 + reads


def test_who_is_no_friend_was_not_erased(world: World) -> None:
    """A group of the staff is sent to however late."""
    world.lose = lambda queue, body: queue == "sends"
    deliveries.put_chunk(a_chunk(["C-staff"], payloads=True, category="internal"), watch=False)
    world.now += HOUR
    world.lose = lambda queue, body: False
    send(world)
    assert world.line.got == {"C-staff": 1}


def test_what_was_to_be_sent_is_forgotten(world: World) -> None:
    """The job of receipts meets somebody who was erased: the payload goes as soon as the chunk has ended."""
    put(world, payloads=True)
    world.line.fault = lambda kind, body, n: "silent" if body["to"] == "U1" else None
    deliveries.send_now("shop", "run1", "c1")
    erase(world, "U1", "U3")
    world.line.fault = lambda kind, body, n: None
    jobs: list[dict[str, Any]] = []
    world.lose = lambda queue, body: queue == "bulk" and not jobs.append(body)
    deliveries.write_receipts("shop", "run1", "c1")
    assert {job["user"] for job in jobs} == {"U3"}
    send(world)
    deliveries.write_receipts("shop", "run1", "c1")
    assert {job["user"] for job in jobs if job["job"] == "forget_sent"} == {"U1", "U3"}
    for job in [job for job in jobs if job["job"] == "forget_sent"]:
        JOBS["forget_sent"].run(job, 1)
    manifest = store.find_manifest("shop", "run1", "c1")
    assert manifest is not None
    assert [name for name, payload in manifest["payloads"].items() if payload] == ["U2"]
    jobs.clear()
    deliveries.write_receipts("shop", "run1", "c1")
    assert jobs == []


def test_the_letter_reads_back() -> None:
    """A push recipient who was erased has a character of their own."""
    assert model.outcome_of(model.letter("skipped", "erased")) == ("skipped", "erased")
