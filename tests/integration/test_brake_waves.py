"""The runaway brake and a wave: a step's chunk for many is claimed first and logged afterwards."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.lately import brake
from chalicelib.deliveries.lately import store as lately_store
from chalicelib.friends import service as friends
from chalicelib.gateways import seam
from chalicelib.shared.times import iso
from tests.brake_builders import loses, push, save
from tests.deliveries_builders import FEW, TEXT, Crashed, World, a_chunk, a_world, forget

SOON = timedelta(seconds=30)
WAVE = [f"U{n:02}" for n in range(60)]
STEP = {"scenario": "s", "node": "m"}


def wave(world: World, run: str, users: list[str] = WAVE, until: timedelta = SOON) -> Counter[str]:
    """What a step sends to many; returns what came of it."""
    deliveries.put_chunk(a_chunk(users, run, repeats=False, cause=STEP), watch=True)
    world.run(until=until)
    world.now += timedelta(seconds=2)
    return Counter(str(one.get("reason", one["status"])) for one in recipients(run))


def job(run: str) -> None:
    """The job of receipts for each piece of a run; of one that is not there it does nothing."""
    for chunk in ("c1", "c1.1", "c1.1.1"):
        deliveries.write_receipts("shop", run, chunk)


def recipients(run: str) -> list[dict[str, Any]]:
    found = deliveries.recipients("shop", run, None, 500, None)[0]
    return [dict(one) for one in found]


@pytest.fixture
def many(cloud: None) -> Iterator[World]:
    with a_world(*WAVE, account=FEW) as found:
        yield found


def claims() -> list[bool]:
    """Of each claim in the account's list, whether it is in the logs."""
    return [bool(claim.logged) for claim in lately_store.read("shop").claims]


def test_a_wave_is_claimed_and_then_logged(many: World) -> None:
    """Before and after its claim has gone, whoever would say the same is stopped; nobody says it first."""
    assert wave(many, "first") == {"accepted": 60}
    assert claims() == [False]
    assert push(many, "e1", text=TEXT[0]["text"]) == "accepted", "U1 is not of the wave"
    assert push(many, "e2", "U07", text=TEXT[0]["text"]) == "runaway"
    assert push(many, "e3", "U07", text="別の話") == "accepted"
    assert wave(many, "again", WAVE[30:]) == {"runaway": 30}, "and they are few: they look at logs as well"
    job("first")
    assert claims()[0]
    assert push(many, "e4", "U08", text=TEXT[0]["text"]) == "runaway"
    many.now += timedelta(minutes=6)
    assert claims() == []
    assert push(many, "e5", "U09", text=TEXT[0]["text"]) == "runaway"
    assert wave(many, "third", WAVE[30:]) == {"runaway": 30}
    many.now += timedelta(minutes=5)
    assert push(many, "e6", "U10", text=TEXT[0]["text"]) == "accepted"


def test_a_wave_gives_way(many: World) -> None:
    """To what was sent one by one before; the few that are left of a wave go by their logs."""
    text = TEXT[0]["text"]
    assert [push(many, f"e{n}", user, text=text) for n, user in enumerate(WAVE[:20])] == ["accepted"] * 20
    assert wave(many, "first") == {"runaway": 20, "accepted": 40}
    assert dict(many.line.got) == dict.fromkeys(WAVE, 1)
    deliveries.write_receipts("shop", "first", "c1")
    assert claims() == [False]
    job("first")
    assert claims() == [True]


def test_waves_that_are_many_go_by_the_logs(many: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list has room for so many; nobody gets the same twice either way."""
    monkeypatch.setattr(brake, "_MOST_WAVES", 1)
    half = [*WAVE[:50], *(f"V{n}" for n in range(10))]
    assert wave(many, "first", WAVE) == {"accepted": 60}
    assert wave(many, "second", half) == {"runaway": 50, "accepted": 10}
    assert claims() == [False]
    assert push(many, "e1", "V3", text=TEXT[0]["text"]) == "runaway"
    job("second")
    job("first")
    assert claims() == [True]
    assert push(many, "e2", "V4", text=TEXT[0]["text"]) == "runaway"
    assert push(many, "e3", "U55", text=TEXT[0]["text"]) == "runaway"


def test_a_wave_counts_once(many: World) -> None:
    """Whoever was in two waves has got two messages, whether their logs have them or not."""
    save("policies", "default", {"runaway": {"per_friend_per_hour": 3}})
    for name, text in (("one", "一"), ("two", "二")):
        messages = [{"type": "text", "text": text}]
        chunk = deliveries.Chunk("shop", name, "c1", "multicast", WAVE, messages=messages, cause=STEP)
        deliveries.put_chunk(chunk, watch=True)
        many.run(until=SOON)
    job("one")
    assert claims() == [True, False]
    assert push(many, "e1", "U07", text="三") == "accepted"
    assert push(many, "e2", "U07", text="四") == "runaway"


def test_a_wave_killed_anywhere_reaches_nobody_twice(many: World) -> None:
    """Two waves and a message alike at once, the worker killed at each write, answers lost."""
    for step in (*range(1, 30), *range(30, 70, 8)):  # then one friend's log after the other
        forget("ledger", "metrics", "activities")
        many.line.got.clear()
        many.agenda.clear()
        many.line.fault = loses(len(many.line.calls) + 1) if step % 2 == 0 else lambda *_: None
        for name in ("a", "b"):
            chunk = a_chunk(WAVE, f"{name}{step}", repeats=False, cause=STEP)
            deliveries.put_chunk(chunk, watch=True)
        payloads = {"U07": TEXT}
        cause = {"rule": "r", "index": 0, "user_id": "U07", "event_id": "c"}
        own = deliveries.Chunk("shop", f"c{step}", "0", "push", ["U07"], payloads=payloads, cause=cause)
        deliveries.put_chunk(own, watch=True)
        many.crossings, many.crash_at = 0, step
        with suppress(Crashed):
            many.run(until=timedelta(minutes=2))
            job(f"a{step}")
            job(f"b{step}")
            many.now += timedelta(minutes=6)
            push(many, f"d{step}", "U08", text=TEXT[0]["text"])
        many.crash_at = None
        many.run(until=timedelta(minutes=1))
        assert set(many.line.got.values()) <= {1}
        assert len(many.line.got) >= len(WAVE) - 1


def test_who_is_erased_while_a_wave_is_logged_is_in_no_log(many: World) -> None:
    """At each crossing of the job: no entry outlives the erasure, whichever comes first."""
    gone: set[str] = set()
    for step in range(1, 80, 6):
        forget("ledger", "metrics", "activities")
        wave(many, f"w{step}")
        user, crossed = WAVE[-1 - step // 6], 0  # their entry comes after it

        def erased_meanwhile(_name: str, _detail: Any, call: Any, user: str = user, at: int = step) -> Any:
            nonlocal crossed
            crossed += 1
            if crossed == at:
                gone.add(user)
                friends.erase(FEW.id, FEW.shards, user, iso(many.now))
                deliveries.forget_log(FEW, user, iso(many.now))
            return call()

        with seam.guarded(erased_meanwhile):
            deliveries.write_receipts("shop", f"w{step}", "c1")
        assert lately_store.logs("shop", FEW.shards, WAVE).keys() == set(WAVE) - gone
    assert len(gone) > 10
