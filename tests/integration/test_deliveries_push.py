"""Push chunks: progress is saved, leases end, and whoever was overtaken saves nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from chalicelib.deliveries import changes, store
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.sending import chunks
from chalicelib.gateways import line
from tests.deliveries_builders import Crashed, World, a_chunk
from tests.integration.test_deliveries_ledger import USERS, put, world

__all__ = ["world"]


def test_recipients_that_are_all_unknown_to_line(world: World) -> None:
    """A chunk of strangers only ends without a child."""
    world.line.fault = lambda kind, body, n: line.Answer(
        400, "The property, to[0], in the request body is invalid"
    )
    put(world, a_chunk(["U1"]))
    world.line.fault = lambda kind, body, n: (
        line.Answer(400, "The property, 'to', in the request body is invalid (line: -, column: -)")
        if kind == "push"
        else line.Answer(400, "The property, to[0], in the request body is invalid")
    )
    put(world, a_chunk(["U2"], chunk="c2", payloads=True))
    world.run()
    assert deliveries.progress("shop", "run1")["skipped"] == {"invalid_recipient": 2}


def test_push_chunks_save_every_25_answers(world: World) -> None:
    """After a crash in the middle of 60 pushes at most 25 are asked about again."""
    users = [f"U{n:02d}" for n in range(60)]
    deliveries.put_chunk(a_chunk(users, payloads=True), watch=True)

    def dies(kind: str, body: Any, n: int) -> None:
        if n == 40:
            raise Crashed

    world.line.fault = dies
    world.run()
    assert set(world.line.got.values()) == {1}
    assert len(world.line.got) == 60
    assert len(world.line.calls) <= 60 + 25


def test_slow_answers_do_not_outlive_the_lease(world: World) -> None:
    """LINE takes nine seconds for each push: a worker stops after twenty and goes on in its next message."""
    users = [f"U{n:02d}" for n in range(30)]
    deliveries.put_chunk(a_chunk(users, payloads=True), watch=True)

    def slow(kind: str, body: Any, n: int) -> None:
        world.now += timedelta(seconds=9)

    world.line.fault = slow
    started = world.now
    deliveries.send_now("shop", "run1", "c1")
    assert world.now - started <= timedelta(seconds=30)
    assert deliveries.progress("shop", "run1")["accepted"] == len(world.line.calls) == 3
    world.run()
    assert world.line.got == dict.fromkeys(users, 1)
    assert len(world.line.calls) == 30


def test_a_push_worker_that_was_overtaken_saves_nothing(world: World) -> None:
    """While a worker is stopped for minutes, the others are skipped: they stay skipped."""
    users = [f"U{n:02d}" for n in range(30)]
    deliveries.put_chunk(a_chunk(users, payloads=True), watch=True, feed=False)

    def stops(kind: str, body: Any, n: int) -> None:
        if n == 1:
            world.now += timedelta(minutes=2)
            (status,) = store.statuses("shop", "run1")
            assert chunks.skip("shop", "run1", status, "quiet_hours", world.now)

    world.line.fault = stops
    deliveries.send_now("shop", "run1", "c1")
    world.run()
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["skipped"], numbers["accepted"]) == ({"quiet_hours": 5}, 25)
    assert set(world.line.got) == set(users[:25])
    assert set(world.line.got.values()) == {1}


def test_a_mark_on_characters_that_changed_is_refused(world: World) -> None:
    """What was skipped after a worker had read the chunk stays skipped: its mark does not hold."""
    deliveries.put_chunk(a_chunk(USERS, payloads=True), watch=True, feed=False)
    (seen,) = store.statuses("shop", "run1")
    assert chunks.skip("shop", "run1", seen, "cancelled", world.now)
    assert not changes.mark("shop", "run1", seen, "me", world.now, "???")
    deliveries.put_chunk(a_chunk(["U4", "U5"], chunk="c2", payloads=True), watch=True, feed=False)
    (*_, seen) = store.statuses("shop", "run1")
    assert changes.save_untouched_chars("shop", "run1", seen, "x.", world.now)
    assert not changes.mark("shop", "run1", seen, "me", world.now, "??")
