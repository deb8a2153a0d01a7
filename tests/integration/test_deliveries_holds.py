"""What quiet hours hold leaves when they end: woken early, watched often, or read by a drain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.broadcasts import lifecycle
from chalicelib.deliveries import service as deliveries
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from chalicelib.timers.model import DUE, Entry
from chalicelib.timers.plan import body_of
from tests.deliveries_builders import START, World, a_chunk, a_world

ONE = START + timedelta(hours=1)
QUIET = {"quiet_hours": {"from": "11:00", "to": "13:00"}}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Ten to one; quiet hours until one."""
    with a_world("U1", "U2", policies=QUIET) as found:
        found.now = ONE - timedelta(minutes=10)
        yield found


def put_run(name: str) -> None:
    """A chunk as a broadcast puts it: its run is watched, paused and woken as a whole."""
    cause = {"broadcast": "b"}
    deliveries.put_chunk(a_chunk(["U1", "U2"], run=name, cause=cause), watch=False)


def held(kind: str, run: str, chunk: str | None = None, at: datetime = ONE) -> Entry:
    body = {"run": run, "broadcast": "b"} | ({"chunk": chunk} if chunk else {})
    return Entry("shop", kind, "x", 0, at, body=body)  # type: ignore[arg-type]


@pytest.mark.parametrize("early", [0.0, 0.4, 0.999, 290.0])
def test_woken_early_everything_leaves_when_it_may(world: World, early: float) -> None:
    """Six runs and a chunk of a reaction, each woken early: all of them leave in the second after one."""

    def arm(entry: Entry) -> None:
        queue, body = DUE[entry.kind].queue, body_of([entry])
        at = entry.due_at - timedelta(seconds=early if entry.kind.endswith("_hold") else 0)
        world.later(max(at, world.now), lambda: world.deliver(queue, body))

    left: list[datetime] = []
    world.line.fault = lambda kind, body, n: left.append(world.now)
    with patch.object(timers, "arm", arm):
        for number in range(6):
            put_run(f"run{number}")
        deliveries.put_chunk(a_chunk(["U1"], run="rule-1", chunk="0"), watch=True)
        world.run(timedelta(hours=2), done=lambda: len(left) == 7)
    assert len(left) == 7
    assert all(timedelta(0) <= at - ONE < timedelta(seconds=1) for at in left), left


def test_a_watch_that_went_on_does_not_replace_the_hold(world: World) -> None:
    """A drain asks whether an entry is over: a hold is not, however often its run or chunk was watched."""
    put_run("r")
    deliveries.put_chunk(a_chunk(["U1"], chunk="c1"), watch=True)
    world.run(timedelta(minutes=6))
    holds: list[Any] = [held("run_hold", "r"), held("chunk_hold", "run1", "c1")]
    assert deliveries.hold_over(holds) == [False, False]
    assert deliveries.hold_over([held("run_hold", "r", at=ONE + timedelta(hours=1))]) == [True]
    world.run(timedelta(minutes=6))
    assert deliveries.hold_over(holds) == [True, True]
    assert world.line.got == {"U1": 2, "U2": 1}


def test_a_hold_that_ends_leaves_an_operators_pause(world: World) -> None:
    """Somebody has paused the run meanwhile: the end of the quiet hours does not lift that."""
    put_run("r")
    world.run(timedelta(minutes=5))
    assert deliveries.control("shop", "r").until == iso(ONE)
    deliveries.pause("shop", "r", "operator")
    world.run(timedelta(minutes=10))
    lifecycle.hold_ended("shop", "b", "r", iso(ONE))
    assert (world.line.got, deliveries.control("shop", "r").reason) == ({}, "operator")
