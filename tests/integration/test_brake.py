"""The runaway brake: nobody is told the same twice within ten minutes, or more than so much."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import audit
from chalicelib.broadcasts import service as broadcasts
from chalicelib.catalog import service as catalog
from chalicelib.catalog import stops
from chalicelib.catalog.service import Write
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.lately import brake
from chalicelib.deliveries.lately import store as lately_store
from chalicelib.friends import service as friends
from chalicelib.gateways import seam
from chalicelib.scenarios import publishing
from chalicelib.scenarios.documents import state as scenario_state
from chalicelib.shared.errors import Conflict
from chalicelib.shared.times import iso
from tests.deliveries_builders import FEW, SHOP, TEXT, Crashed, World, a_chunk, a_world, an_account, forget
from tests.reaction_builders import a_rule

USERS = ["U1", "U2", "U3"]
MANY = [f"U{n:02}" for n in range(20)]
MINUTE = timedelta(minutes=1)
SOON = timedelta(seconds=30)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(*USERS, account=FEW) as found:
        yield found


@pytest.fixture
def crowd(cloud: None) -> Iterator[World]:
    with a_world(*MANY, account=FEW) as found:
        yield found


def save(kind: str, name: str, body: dict[str, Any]) -> None:
    catalog.save("shop", [Write(kind, name, body)], lambda _: None, "test")


def broadcast(world: World, name: str, message: str = "news", until: timedelta = SOON) -> dict[str, Any]:
    document = {"name": name, "audience": {"everyone": True}, "message": message}
    broadcasts.put("shop", name, document, None, "test")
    broadcasts.send("shop", name, "test")
    world.run(until=until)
    return broadcasts.get("shop", name)


def push(
    world: World, name: str, user: str = "U1", text: str = "新着です", rule: str = "r", **more: Any
) -> str:
    """A message of a rule to one friend; returns what came of it."""
    cause = {"rule": rule, "index": 0, "user_id": user, "event_id": name}
    said = {user: [{"type": "text", "text": text}]}
    run = f"e-{name}-{user}"
    chunk = deliveries.Chunk("shop", run, "0", "push", [user], payloads=said, cause=cause, **more)
    deliveries.put_chunk(chunk, watch=True)
    world.run(until=timedelta(seconds=5))
    world.now += timedelta(seconds=2)
    (line,), _ = deliveries.recipients("shop", run, None, 5, None)
    return str(line.get("reason", line["status"]))


# the same content


def test_the_same_broadcast_twice(world: World) -> None:
    """A second one with the same words within ten minutes: skipped, said so, balanced; later it goes."""
    assert broadcast(world, "a")["progress"]["accepted"] == 3
    again = broadcast(world, "b")
    assert (again["status"], again["progress"]["skipped"]) == ("done", {"runaway": 3})
    assert broadcast(world, "other", "other")["progress"]["accepted"] == 3
    world.now += timedelta(minutes=11)
    assert broadcast(world, "c")["progress"]["accepted"] == 3
    assert world.line.got == dict.fromkeys(USERS, 3)


def test_one_by_one(world: World) -> None:
    """A rule's message: once within the window; to another friend, or in other words, at once."""
    assert push(world, "e1") == "accepted"
    assert push(world, "e2") == "runaway"
    assert push(world, "e3", "U2") == "accepted"
    assert push(world, "e4", text="別の話") == "accepted"
    world.now += timedelta(minutes=10)
    assert push(world, "e5") == "accepted"


def test_many_and_one(world: World) -> None:
    """A broadcast and a rule know of each other, whoever comes first, also where words are made for each."""
    assert broadcast(world, "a")["progress"]["accepted"] == 3
    assert push(world, "e1", text=TEXT[0]["text"]) == "runaway"
    assert push(world, "e2", text="U2様さん、冬の新作です", user="U2") == "accepted"
    dear = broadcast(world, "b", "dear")
    assert (dear["progress"]["accepted"], dear["progress"]["skipped"]) == (2, {"runaway": 1})
    assert push(world, "e3", text="U3様さん、冬の新作です", user="U3") == "runaway"


@pytest.mark.parametrize(
    ("policies", "more"),
    [({"runaway": False}, {}), ({}, {"repeats": True}), ({"runaway": {"same_content_within": "1s"}}, {})],
    ids=["off", "allowed", "shorter"],
)
def test_a_repetition_that_is_meant(world: World, policies: Any, more: Any) -> None:
    """Allowed by the message, by the account's policies, or after a shorter time."""
    save("policies", "default", policies)
    assert [push(world, name, **more) for name in ("e1", "e2", "e3")] == ["accepted"] * 3


def test_what_was_not_told_may_be(world: World) -> None:
    """LINE refused it, or the run was cancelled before: the same may be said at once."""
    from chalicelib.gateways import line

    world.line.fault = lambda kind, body, n: line.Answer(400, "bad") if n == 1 else None
    assert push(world, "e1") == "line_400"
    assert push(world, "e2") == "accepted"
    world.lose = lambda queue, body: queue == "sends"
    assert broadcast(world, "a")["status"] in {"sending", "settling"}
    world.lose = lambda queue, body: False
    broadcasts.cancel("shop", "a", "test")
    world.run(until=SOON)
    assert broadcast(world, "b")["progress"]["accepted"] == 3


# ceilings


def test_forty_stale_notices_after_an_outage(world: World) -> None:
    """Forty different ones at once: thirty arrive, and the friend is spared the others."""
    came = [push(world, f"e{n}", text=f"通知 {n}") for n in range(40)]
    assert (came.count("accepted"), came.count("runaway")) == (30, 10)


def test_forty_broadcasts_at_once(world: World) -> None:
    """All of them are sent before any is under way: nobody gets more than the ceiling."""
    save("policies", "default", {"runaway": {"per_friend_per_hour": 2}})
    assert push(world, "e1") == "accepted"
    for n in range(3):
        save(
            "messages",
            f"m{n}",
            {"name": "m", "category": "transactional", "messages": [{**TEXT[0], "text": str(n)}]},
        )
        document = {"name": "b", "audience": {"everyone": True}, "message": f"m{n}"}
        broadcasts.put("shop", f"b{n}", document, None, "test")
        broadcasts.send("shop", f"b{n}", "test")
    world.run(until=MINUTE)
    assert dict(world.line.got) == {"U1": 2, "U2": 2, "U3": 2}
    assert push(world, "e2", "U2", text="x") == "runaway"


# who causes it is paused


def test_the_same_to_everybody_every_minute(crowd: World) -> None:
    """A rule that an outside system wakes again and again: nobody is told twice, and it is paused."""
    save("rules", "r", a_rule("custom:x", [{"send": {"message": "news"}}]))
    for minute in range(3):
        came = [push(crowd, f"e{minute}", user) for user in MANY]
        assert came == (["accepted"] if minute == 0 else ["runaway"]) * len(MANY)
        crowd.now += MINUTE
    assert stops.state("rules", "r", catalog.snapshot("shop")) == {
        "status": "paused",
        "status_reason": "runaway",
    }
    lines = audit.read(["shop"], audit.Asked(who="brake"), 50, None)[0]
    assert [(line["action"], line["target"]) for line in lines] == [("rule.paused", "rules/r")]
    stops.resume("shop", "rules", "r", "test")
    assert stops.state("rules", "r", catalog.snapshot("shop"))["status"] == "active"
    with pytest.raises(Conflict):
        stops.resume("shop", "rules", "r", "test")


def test_a_broadcast_waits_for_a_person(crowd: World) -> None:
    """The second of two alike is paused before it has left out more than eleven; a person lets it go on."""
    assert broadcast(crowd, "a")["progress"]["accepted"] == len(MANY)
    again = broadcast(crowd, "b")
    assert (again["status"], again["status_reason"]) == ("paused", "runaway")
    assert again["progress"]["skipped"] == {"runaway": 11}
    assert dict(crowd.line.got) == dict.fromkeys(MANY, 1)
    broadcasts.resume("shop", "b", "test")
    crowd.run(until=SOON)
    after = broadcasts.get("shop", "b")
    assert (after["status"], after["progress"]["accepted"]) == ("done", len(MANY) - 11)


def test_a_scenario_is_paused(crowd: World) -> None:
    """The step's chunk goes to nobody twice."""
    graph = {"name": "s", "start": "m", "nodes": {"m": {"type": "message", "message": "news"}}, "entry": {}}
    save("scenarios", "s", graph)
    publishing.publish("shop", "s", "test")
    for run in ("run1", "run2"):
        deliveries.put_chunk(
            a_chunk(MANY, run, repeats=False, cause={"scenario": "s", "node": "m"}), watch=True
        )
        crowd.run(until=SOON)
    assert dict(crowd.line.got) == dict.fromkeys(MANY, 1)
    stands = scenario_state("s", catalog.snapshot("shop"))
    assert (stands["paused"], stands["status_reason"]) == (True, "runaway")
    assert publishing.resume("shop", "s", "test").get("status_reason") is None


# a wave: a step's chunk for many


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
        said = [{"type": "text", "text": text}]
        chunk = deliveries.Chunk("shop", name, "c1", "multicast", WAVE, messages=said, cause=STEP)
        deliveries.put_chunk(chunk, watch=True)
        many.run(until=SOON)
    job("one")
    assert claims() == [True, False]
    assert push(many, "e1", "U07", text="三") == "accepted"
    assert push(many, "e2", "U07", text="四") == "runaway"


# crashes


def _loses(number: int) -> Any:
    return lambda _kind, _body, n: "lost" if n == number else None


def test_killed_anywhere_nobody_is_told_twice(world: World) -> None:
    """Two alike at once, the worker killed at each write, answers lost: at most one arrives."""
    for step in range(1, 24):
        forget("ledger", "metrics")
        world.line.got.clear()
        world.agenda.clear()
        world.line.fault = _loses(len(world.line.calls) + 1) if step % 2 == 0 else lambda *_: None
        for name in ("a", "b"):
            said = {"U1": [{"type": "text", "text": "x"}]}
            cause = {"rule": "r", "index": 0, "user_id": "U1", "event_id": name}
            chunk = deliveries.Chunk("shop", f"{name}{step}", "0", "push", ["U1"], payloads=said, cause=cause)
            deliveries.put_chunk(chunk, watch=True)
        world.crossings, world.crash_at = 0, step
        with suppress(Crashed):
            world.run(until=timedelta(minutes=9))
        world.crash_at = None
        world.run(until=timedelta(minutes=1))
        assert world.line.got["U1"] <= 1
    assert world.line.got["U1"] == 1


def test_a_wave_killed_anywhere_reaches_nobody_twice(many: World) -> None:
    """Two waves and a message alike at once, the worker killed at each write, answers lost."""
    for step in (*range(1, 30), *range(30, 70, 8)):  # then one friend's log after the other
        forget("ledger", "metrics", "activities")
        many.line.got.clear()
        many.agenda.clear()
        many.line.fault = _loses(len(many.line.calls) + 1) if step % 2 == 0 else lambda *_: None
        for name in ("a", "b"):
            chunk = a_chunk(WAVE, f"{name}{step}", repeats=False, cause=STEP)
            deliveries.put_chunk(chunk, watch=True)
        said = {"U07": TEXT}
        cause = {"rule": "r", "index": 0, "user_id": "U07", "event_id": "c"}
        own = deliveries.Chunk("shop", f"c{step}", "0", "push", ["U07"], payloads=said, cause=cause)
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


def test_another_account_is_another(world: World) -> None:
    """What one account says is no concern of another's."""
    from dataclasses import replace

    other = replace(SHOP, id="other")
    an_account(other)
    assert push(world, "e1") == "accepted"
    cause = {"rule": "r", "index": 0, "user_id": "U1", "event_id": "x"}
    said = {"U1": [{"type": "text", "text": "新着です"}]}
    deliveries.put_chunk(
        deliveries.Chunk("other", "run", "0", "push", ["U1"], payloads=said, cause=cause), watch=True
    )
    world.run(until=SOON)
    assert deliveries.progress("other", "run")["accepted"] == 1
