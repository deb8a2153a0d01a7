"""Arm, drain, verify, sweep and recover against an emulated AWS: nothing armed is ever forgotten."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.gateways import seam
from chalicelib.timers import arming, service, store
from chalicelib.timers.model import DUE, Entry, minute_key, minute_of
from chalicelib.timers.plan import BACKUP_DELAY

START = datetime(2026, 11, 22, 6, 6, 20, tzinfo=UTC)


class Crashed(BaseException):
    """The process died here."""


class World:
    """A clock that moves when told, messages with their delays, and a crash at a chosen crossing."""

    def __init__(self) -> None:
        self.now = START
        self.sent: list[tuple[datetime, str, dict[str, Any]]] = []
        self.started: list[str] = []
        self.crash_at: int | None = None
        self.lose_messages = False
        self.crossings = 0

    def guard(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            return None
        self.crossings += 1
        if self.crash_at is not None and self.crossings == self.crash_at:
            raise Crashed
        if name == "stepfunctions:StartExecution":
            self.started.append(detail["name"])
            return {}
        if name == "sqs:SendMessageBatch":
            import json

            for entry in detail["Entries"]:
                if not self.lose_messages:
                    arrives = self.now + timedelta(seconds=entry.get("DelaySeconds", 0))
                    self.sent.append((arrives, detail["QueueUrl"], json.loads(entry["MessageBody"])))
            return {"Successful": [], "Failed": []}
        return call()

    def arrivals(self) -> list[tuple[str, int]]:
        """(id, version) of every pointer that was sent, in the order of arrival."""
        return [
            (entry["id"], entry["version"])
            for _, _, body in sorted(self.sent, key=lambda sent: sent[0])
            for entry in body["entries"]
        ]


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World()
    monkeypatch.setattr(arming, "drain_early", lambda: timedelta(0))
    with ExitStack() as stack:
        stack.enter_context(seam.guarded(found.guard))
        yield found


def an_entry(name: str = "u1", version: int = 1, after: float = 600, **more: Any) -> Entry:
    return Entry("shop", more.pop("kind", "step"), name, version, START + timedelta(seconds=after), **more)


NOBODY = {kind: lambda entries: [False] * len(entries) for kind in ("step", "chunk", "run")}
EVERYBODY = {kind: lambda entries: [True] * len(entries) for kind in ("step", "chunk", "run")}


def test_a_far_entry_starts_one_execution_and_is_drained_at_its_second(world: World) -> None:
    """Nothing is sent before; the minute's execution is started once; drained, it arrives at its moment."""
    service.arm_all([an_entry("u1"), an_entry("u2")])
    service.arm(an_entry("u3", after=610))
    assert world.sent == []
    assert world.started == ["minute-20261122T0616Z"]
    world.now = datetime(2026, 11, 22, 6, 16, tzinfo=UTC)
    assert service.drain("2026-11-22T06:16Z").count == 3
    assert [(at.second, [e["id"] for e in body["entries"]]) for at, _, body in world.sent] == [
        (20, ["u1", "u2"]),
        (30, ["u3"]),
    ]
    assert service.drain("2026-11-22T06:16Z").count == 0


def test_a_near_entry_is_also_sent_at_once_and_its_drained_copy_comes_later(world: World) -> None:
    """Due within a minute: a delayed message now; the execution of its minute sends the second copy."""
    service.arm(an_entry(after=60))
    assert [at for at, _, _ in world.sent] == [START + timedelta(seconds=60)]
    assert world.started == ["minute-20261122T0607Z"]
    world.now = datetime(2026, 11, 22, 6, 7, tzinfo=UTC)
    service.drain("2026-11-22T06:07Z")
    assert [at for at, _, _ in world.sent[1:]] == [START + timedelta(seconds=60) + BACKUP_DELAY]


def test_an_overdue_entry_goes_out_at_once_from_the_present_minute(world: World) -> None:
    """What is due in the past stands in the minute of now and is sent without delay."""
    service.arm(an_entry(after=-4000))
    assert [at for at, _, _ in world.sent] == [START]
    assert [slot.entry.id for slot in store.slots(minute_of(START))] == ["u1"]


@pytest.mark.parametrize("state", ["SEALED", "DRAINED", "VERIFIED"])
def test_whoever_comes_after_the_seal_sends_by_himself(world: World, state: str) -> None:
    """An entry that its minute's drain can not have seen is sent by its writer; never lost."""
    minute = minute_of(START + timedelta(seconds=600))
    store.seal(minute, START)
    if state != "SEALED":
        store.set_drained(minute, START, 0)
    if state == "VERIFIED":
        store.set_verified(minute, START)
    service.arm(an_entry())
    assert world.arrivals() == [("u1", 1)]
    assert [at for at, _, _ in world.sent] == [START + timedelta(seconds=600)]


def test_a_writer_that_was_stopped_for_minutes_puts_its_entry_again(world: World) -> None:
    """Written into a minute that may be closed already: it is put into the present minute and sent."""
    late = START + timedelta(minutes=20)

    def stalls(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:BatchWriteItem":
            world.now = late
        return world.guard(name, detail, call)

    with seam.guarded(stalls):
        service.arm(an_entry(after=10))
    assert [slot.entry.id for slot in store.slots(minute_of(late))] == ["u1"]
    assert world.arrivals() == [("u1", 1)]


def test_verify_feeds_again_only_what_has_not_advanced(world: World) -> None:
    """Lost messages: the owner's check finds who has not moved; they are sent, and watched further."""
    service.arm_all([an_entry("u1"), an_entry("u2")])
    world.now = datetime(2026, 11, 22, 6, 16, tzinfo=UTC)
    world.lose_messages = True
    service.drain("2026-11-22T06:16Z")
    world.lose_messages = False
    world.now += timedelta(minutes=3)
    checks = {**NOBODY, "step": lambda entries: [entry.id == "u1" for entry in entries]}
    assert service.verify("2026-11-22T06:16Z", checks).count == 1
    assert world.arrivals() == [("u2", 1)]
    assert store.read_bucket(datetime(2026, 11, 22, 6, 16, tzinfo=UTC)).state == "VERIFIED"
    watched = store.index(datetime(2026, 11, 22, 6, 17, tzinfo=UTC))
    assert [slot.entry.id for minute in watched for slot in store.slots(minute)] == ["u2"]
    assert service.verify("2026-11-22T06:16Z", NOBODY).count == 0


def test_a_wave_travels_together_by_group_and_second(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Friends of one step at one second are as few messages as hold them; another step travels apart."""
    monkeypatch.setitem(DUE.entries, "step", replace(DUE["step"], pack=100))
    service.arm_all(
        [an_entry(f"u{n}", group="welcome#first") for n in range(250)]
        + [an_entry("x", group="welcome#second"), an_entry("y", group="welcome#first", after=601)]
    )
    world.now = datetime(2026, 11, 22, 6, 16, tzinfo=UTC)
    service.drain("2026-11-22T06:16Z")
    assert sorted(len(body["entries"]) for _, _, body in world.sent) == [1, 1, 50, 100, 100]


def test_without_any_execution_the_sweeper_does_it_all(world: World) -> None:
    """Every minute is drained and verified by the sweeper alone, and the cursor follows."""
    service.arm(an_entry())
    for _ in range(40):
        world.now += timedelta(seconds=60)
        service.sweep(EVERYBODY)
    assert world.arrivals() == [("u1", 1)]
    assert store.read_bucket(minute_of(START + timedelta(seconds=600))).state == "VERIFIED"
    cursor = store.read_cursor()
    assert cursor is not None
    assert cursor == minute_of(world.now - timedelta(minutes=15))


def test_recover_feeds_what_is_overdue_and_starts_coming_executions(world: World) -> None:
    """After three days off: the overdue go at once, the soon due with delay, later minutes start again."""
    day = 86400.0
    service.arm_all(
        [
            an_entry("old", after=day),
            an_entry("now", after=3 * day),
            an_entry("soon", after=3 * day + 50),
            an_entry("later", after=3 * day + 7200),
        ]
    )
    world.now = START + timedelta(days=3, seconds=5)
    world.started.clear()
    service.recover(NOBODY)
    assert world.arrivals() == [("old", 1), ("now", 1), ("soon", 1)]
    assert world.started[-2:] == ["minute-20261125T0607Z", "minute-20261125T0806Z"]
    before = len(world.sent)
    service.recover(EVERYBODY)
    assert [body["entries"][0]["id"] for _, _, body in world.sent[before:]][:1] != ["old"]


@pytest.mark.parametrize("walk", [service.sweep, service.recover])
def test_a_minute_that_fails_holds_up_no_other(world: World, walk: Any) -> None:
    """The later minute is verified all the same; the failing one stays open and the cursor before it."""
    service.arm_all([an_entry("bad", after=60), an_entry("good", after=600)])
    world.now, known = START + timedelta(hours=2), len(world.sent)

    def checked(entries: list[Entry]) -> list[bool]:
        if any(entry.id == "bad" for entry in entries):
            raise RuntimeError("its owner cannot be read")
        return [False] * len(entries)

    done = walk({**EVERYBODY, "step": checked})
    assert (done["fed"], done["failed"]) == (1, 1)
    assert [body["entries"][0]["id"] for _, _, body in world.sent[known:]] == ["good"]
    assert store.read_cursor() == minute_of(START + timedelta(seconds=60))
    assert "failed" not in walk(EVERYBODY)
    assert store.read_bucket(minute_of(START + timedelta(seconds=60))).state == "VERIFIED"


def test_a_drain_leaves_out_what_is_over(world: World) -> None:
    """A watch of what has come to its end is not sent at all; a step that was not sent yet always is."""
    service.arm_all([an_entry("c", kind="chunk"), an_entry("d", kind="chunk", after=601), an_entry("s")])
    world.now = datetime(2026, 11, 22, 6, 16, tzinfo=UTC)
    checks = {**EVERYBODY, "chunk": lambda entries: [entry.id == "c" for entry in entries]}
    assert service.drain("2026-11-22T06:16Z", checks).count == 2
    assert sorted(world.arrivals()) == [("d", 1), ("s", 1)]


def test_a_crash_anywhere_in_arm_and_drain_loses_nothing(world: World) -> None:
    """Killed at any crossing of arm, drain or verify and done again by its caller: it always arrives."""
    step = 0
    while True:
        step += 1
        name, started = f"u{step}", world.now
        entry = Entry("shop", "step", name, 1, world.now + timedelta(minutes=7))
        minute = minute_key(minute_of(entry.due_at))
        world.sent.clear()

        def whole_life(entry: Entry = entry, minute: str = minute) -> None:
            service.arm(entry)
            world.now = max(world.now, entry.due_at.replace(second=0))
            service.drain(minute)
            world.now = max(world.now, entry.due_at + timedelta(minutes=3))
            service.verify(minute, NOBODY)

        arming.known.client = None
        world.crossings, world.crash_at = 0, step
        try:
            whole_life()
            crashed = False
        except Crashed:
            crashed = True
            world.crash_at = None
            if world.now == started:
                service.arm(entry)
            world.now = max(world.now, entry.due_at + timedelta(minutes=4))
            service.sweep(NOBODY)
        world.crash_at = None
        assert (name, 1) in world.arrivals(), f"lost by a crash at crossing {step}"
        world.now += timedelta(minutes=30)
        service.sweep(EVERYBODY)
        if not crashed:
            break
    assert step > 10


def test_status_shows_the_next_and_how_late_it_is(world: World) -> None:
    """The next step's moment while it is ahead, its lateness when nobody drains it, nothing when done."""
    assert service.next_due("step")["next_at"] is None
    service.arm(an_entry())
    assert service.next_due("step") == {
        "next_at": "2026-11-22T06:16:20.000Z",
        "oldest_late_s": 0,
        "waiting": 0,
        "in_flight": 0,
    }
    world.now = START + timedelta(seconds=612)
    assert service.next_due("step")["oldest_late_s"] == 12
    service.drain("2026-11-22T06:16Z")
    assert service.next_due("step")["next_at"] is None
