"""A minute that is larger than one invocation: drained and verified from saved positions, each entry once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.shared.time_left import TimeLeft
from chalicelib.timers import service, store
from tests.few_looks import FewLooks
from tests.integration.test_timers_service import NOBODY, Crashed, World, an_entry, world

__all__ = ["world"]

NAMES = [f"u{n}" for n in range(10)]
MINUTE = "2026-11-22T06:16Z"
AT = datetime(2026, 11, 22, 6, 16, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "_LEAST", 3)


def no_time() -> TimeLeft:
    return TimeLeft(FewLooks(0).get_remaining_time_in_millis)


def armed(world: World) -> None:
    service.arm_all([an_entry(name, after=600 + n % 4) for n, name in enumerate(NAMES)])
    world.now = AT


def test_a_drain_goes_on_from_its_position(world: World) -> None:
    """Three entries an invocation: each is sent once, in the order of their moments; then it is DRAINED."""
    armed(world)
    counts = []
    for _ in NAMES:
        walked = service.drain(MINUTE, left=no_time())
        counts.append(walked.count)
        if walked.is_over:
            break
        assert store.read_bucket(AT).state == "SEALED"
    assert counts == [3, 6, 9, 10]
    assert sorted(name for name, _ in world.arrivals()) == NAMES
    assert [at for at, _, _ in world.sent] == sorted(at for at, _, _ in world.sent)
    assert store.read_bucket(AT).state == "DRAINED"


def test_a_crash_repeats_no_more_than_a_piece(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """With time enough, the position is saved all the same."""
    monkeypatch.setattr(service, "_BATCH", 4)
    armed(world)
    sent: list[int] = []

    def die(slots: Any, *_: Any, **__: Any) -> int:
        sent.append(len(list(slots)))
        if len(sent) == 3:
            raise Crashed
        return sent[-1]

    monkeypatch.setattr(service.arming, "send", die)
    with pytest.raises(Crashed):
        service.drain(MINUTE)
    assert (sent, store.read_bucket(AT).drain.count) == ([4, 4, 2], 8)


def test_whoever_arms_meanwhile_sends_by_himself(world: World) -> None:
    """Before the position or behind it: what is put into a sealed minute is never left to its drain."""
    armed(world)
    service.drain(MINUTE, left=no_time())
    service.arm_all([an_entry("early", after=600), an_entry("late", after=630)])
    while not service.drain(MINUTE, left=no_time()).is_over:
        pass
    assert {name for name, _ in world.arrivals()} == {*NAMES, "early", "late"}


def test_a_crash_anywhere_sends_everything(world: World) -> None:
    """The process dies at any crossing of any invocation: nothing is left out, and it comes to its end."""
    armed(world)
    for step in range(1, 90, 7):
        minute = AT + timedelta(minutes=step)
        world.now = minute - timedelta(minutes=20)
        entries = [an_entry(name, after=600 + 60 * step + n % 4) for n, name in enumerate(NAMES)]
        service.arm_all(entries)
        world.now, world.crossings, world.crash_at = minute, 0, step
        world.sent.clear()
        crashed, name = False, f"{minute:%Y-%m-%dT%H:%MZ}"
        for _ in range(3 * len(NAMES)):
            try:
                if service.drain(name, left=no_time()).is_over:
                    break
            except Crashed:
                crashed, world.crash_at = True, None
        world.crash_at = None
        assert {name for name, _ in world.arrivals()} == set(NAMES)
        assert store.read_bucket(minute).state == "DRAINED"
        if not crashed:
            return
    pytest.fail("draining has no end")


def test_a_verification_goes_on_from_its_position(world: World) -> None:
    """Half of the owners have advanced; the others are fed once each, whatever the number of invocations."""
    armed(world)
    world.lose_messages = True
    service.drain(MINUTE)
    world.lose_messages = False
    world.now += timedelta(minutes=3)
    asked: list[str] = []

    def half(entries: list[service.Entry]) -> list[bool]:
        asked.extend(entry.id for entry in entries)
        return [entry.id in NAMES[::2] for entry in entries]

    checks = {**NOBODY, "step": half}
    counts = []
    while not (walked := service.verify(MINUTE, checks, no_time())).is_over:
        counts.append(walked.count)
        assert store.read_bucket(AT).state == "DRAINED"
    assert len(counts) == 3
    assert sorted(asked) == NAMES
    assert sorted(name for name, _ in world.arrivals()) == NAMES[1::2]
    assert store.read_bucket(AT).state == "VERIFIED"


def test_the_sweeper_leaves_a_minute_to_who_is_at_work(world: World) -> None:
    """And takes it over from the position when nobody has saved one for a while."""
    armed(world)
    service.drain(MINUTE, left=no_time())
    world.now += timedelta(seconds=60)
    assert service.sweep(NOBODY)["drained"] == 0
    world.now += timedelta(seconds=60)
    assert service.sweep(NOBODY)["drained"] == 1
    assert sorted(name for name, _ in world.arrivals()) == NAMES


def test_what_is_kept_together_is_sent_together(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A position never stands between entries of one item: each is sent, and by one invocation."""
    monkeypatch.setattr(store, "_PER_ITEM", 2)
    service.arm_all([an_entry(name, group="welcome#first") for name in NAMES])
    world.now = AT
    counts = []
    while not (walked := service.drain(MINUTE, left=no_time())).is_over:
        counts.append(walked.count)
    assert counts == [4, 8]
    assert sorted(name for name, _ in world.arrivals()) == NAMES
