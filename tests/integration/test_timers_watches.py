"""Entries that are kept together, and watches in a minute that is there: fewer writes, and nothing lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.gateways import aws, seam
from chalicelib.timers import arming, service, store
from chalicelib.timers.model import minute_key, minute_of
from tests.integration.test_timers_service import EVERYBODY, NOBODY, START, World, an_entry, world

__all__ = ["world"]


def test_a_wave_is_written_as_few_items(world: World) -> None:
    """Entries of one group and moment are items of a hundred; arming them again writes over the same."""
    wave = [an_entry(f"u{n}", group="welcome#first", body={"n": n}) for n in range(250)]
    alone = [an_entry("x", group="welcome#second"), an_entry("y", group="welcome#first", after=601)]
    for _ in range(2):
        service.arm_all([*wave, *alone])
        items = aws.client("dynamodb").scan(TableName=store._TABLE)["Items"]
        assert sum(item["pk"]["S"].startswith("DUE#") for item in items) == 5
    found = [slot.entry for slot in store.slots(datetime(2026, 11, 22, 6, 16, tzinfo=UTC))]
    assert sorted(found, key=lambda e: e.id) == sorted([*wave, *alone], key=lambda e: e.id)


def test_of_a_wave_only_those_left_are_fed_again(world: World) -> None:
    """Two of three have moved on: the third is fed, and stands by itself in a later minute."""
    service.arm_all([an_entry(name, group="welcome#first") for name in ("u1", "u2", "u3")])
    world.now = datetime(2026, 11, 22, 6, 16, tzinfo=UTC)
    service.drain("2026-11-22T06:16Z")
    world.sent.clear()
    world.now += timedelta(minutes=3)
    checks = {**NOBODY, "step": lambda entries: [entry.id != "u3" for entry in entries]}
    assert service.verify("2026-11-22T06:16Z", checks).count == 1
    assert world.arrivals() == [("u3", 1)]
    later = store.index(datetime(2026, 11, 22, 6, 17, tzinfo=UTC))
    assert [slot.entry.id for minute in later for slot in store.slots(minute)] == ["u3"]


def test_a_lone_minute_is_not_noted_as_started(world: World) -> None:
    """Its founder starts it, and writes that down nowhere; whoever comes second starts it again, and does."""
    minute = minute_of(START + timedelta(seconds=600))
    service.arm(an_entry())
    assert not store.read_bucket(minute).started
    arming.known.client = None
    service.arm(an_entry("u2"))
    assert store.read_bucket(minute).started
    arming.known.client = None
    service.arm(an_entry("u3"))
    assert len(world.started) == 2


def test_watches_do_not_multiply(world: World) -> None:
    """However often a watch is delivered, its successor stands once; a watched run needs no feeding."""
    service.watch("run", "shop", "r1", {"run": "r1"}, START, 0)
    for _ in range(3):
        service.watch("run", "shop", "r1", {"run": "r1"}, world.now, 1)
        world.now += timedelta(seconds=70)
    slots = [slot for minute in store.index(None) for slot in store.slots(minute)]
    assert sorted(slot.entry.version for slot in slots) == [0, 1]
    world.now = START + timedelta(minutes=6)
    service.verify(minute_key(minute_of(START + timedelta(minutes=2))), NOBODY)
    assert world.arrivals() == [("r1", 1)]


def a_watch(world: World, name: str = "r/c") -> None:
    service.watch("chunk", "shop", name, {"run": "r", "chunk": "c"}, world.now, 0)


@pytest.mark.parametrize("state", ["SEALED", "DRAINED"])
def test_a_watch_is_stored_in_a_minute_that_is_drained(world: World, state: str) -> None:
    """Something was due in the present minute: its verification asks for the watch, which opens no other."""
    service.arm(an_entry(after=5))
    store.seal(minute_of(START), START)
    if state == "DRAINED":
        store.set_drained(minute_of(START), START, 1)
    world.sent.clear()
    a_watch(world)
    assert store.index(None) == [minute_of(START)]
    assert world.sent == []
    world.now = minute_of(START) + timedelta(minutes=3)
    checks = {**EVERYBODY, "chunk": lambda entries: [False] * len(entries)}
    assert service.verify(minute_key(minute_of(START)), checks).count == 1
    assert world.arrivals() == [("r/c", 0)]


def test_a_watch_that_is_over_is_sent_to_nobody(world: World) -> None:
    """The chunk has come to its end before the minute is verified."""
    service.arm(an_entry(after=5))
    store.seal(minute_of(START), START)
    a_watch(world)
    assert store.index(None) == [minute_of(START)]
    world.sent.clear()
    world.now = minute_of(START) + timedelta(minutes=3)
    assert service.verify(minute_key(minute_of(START)), EVERYBODY).count == 0
    assert world.sent == []


@pytest.mark.parametrize("state", ["ABSENT", "OPEN", "VERIFIED"])
def test_a_watch_opens_a_minute_where_none_is_seen(world: World, state: str) -> None:
    """Nothing is due now, nobody has drained the minute, or it is closed: it stands two minutes from now."""
    if state == "OPEN":
        store.open_bucket(minute_of(START))
    if state == "VERIFIED":
        store.seal(minute_of(START), START)
        store.set_drained(minute_of(START), START, 0)
        store.set_verified(minute_of(START), START)
    a_watch(world)
    minute = minute_of(START + timedelta(minutes=2))
    assert store.index(None)[-1] == minute
    assert [slot.entry.id for slot in store.slots(minute)] == ["r/c"]


def test_a_watch_of_a_writer_that_was_stopped_is_stored_later_too(world: World) -> None:
    """Written when the present minute may be verified already: it is armed anew."""
    service.arm(an_entry(after=5))
    store.seal(minute_of(START), START)
    late = START + timedelta(minutes=2)

    def stalls(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:BatchWriteItem":
            world.now = late
        return world.guard(name, detail, call)

    with seam.guarded(stalls):
        a_watch(world)
    assert "r/c" in {slot.entry.id for slot in store.slots(minute_of(late))}
