"""The runaway brake: nobody is sent the same twice within ten minutes, or more than so much."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import audit
from chalicelib.broadcasts import service as broadcasts
from chalicelib.catalog import service as catalog
from chalicelib.catalog import stops
from chalicelib.deliveries import service as deliveries
from chalicelib.scenarios import publishing
from chalicelib.scenarios.documents import state as scenario_state
from chalicelib.shared.errors import Conflict
from tests.brake_builders import loses, push, save
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


def broadcast(world: World, name: str, message: str = "news", until: timedelta = SOON) -> dict[str, Any]:
    document = {"name": name, "audience": {"everyone": True}, "message": message}
    broadcasts.put("shop", name, document, None, "test")
    broadcasts.send("shop", name, "test")
    world.run(until=until)
    return broadcasts.get("shop", name)


# the same content


def test_the_same_broadcast_twice(world: World) -> None:
    """A second one with the same words within ten minutes: skipped, with a reason, balanced; later sent."""
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


def test_what_was_not_sent_may_be(world: World) -> None:
    """LINE refused it, or the run was cancelled before: the same may be sent at once."""
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
    """A rule that an outside system wakes again and again: nobody gets it twice, and it is paused."""
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
    found = scenario_state("s", catalog.snapshot("shop"))
    assert (found["paused"], found["status_reason"]) == (True, "runaway")
    assert publishing.resume("shop", "s", "test").get("status_reason") is None


# crashes


def test_killed_anywhere_nobody_gets_it_twice(world: World) -> None:
    """Two alike at once, the worker killed at each write, answers lost: at most one arrives."""
    for step in range(1, 24):
        forget("ledger", "metrics")
        world.line.got.clear()
        world.agenda.clear()
        world.line.fault = loses(len(world.line.calls) + 1) if step % 2 == 0 else lambda *_: None
        for name in ("a", "b"):
            payloads = {"U1": [{"type": "text", "text": "x"}]}
            cause = {"rule": "r", "index": 0, "user_id": "U1", "event_id": name}
            chunk = deliveries.Chunk(
                "shop", f"{name}{step}", "0", "push", ["U1"], payloads=payloads, cause=cause
            )
            deliveries.put_chunk(chunk, watch=True)
        world.crossings, world.crash_at = 0, step
        with suppress(Crashed):
            world.run(until=timedelta(minutes=9))
        world.crash_at = None
        world.run(until=timedelta(minutes=1))
        assert world.line.got["U1"] <= 1
    assert world.line.got["U1"] == 1


def test_another_account_is_another(world: World) -> None:
    """What one account says is no concern of another's."""
    from dataclasses import replace

    other = replace(SHOP, id="other")
    an_account(other)
    assert push(world, "e1") == "accepted"
    cause = {"rule": "r", "index": 0, "user_id": "U1", "event_id": "x"}
    payloads = {"U1": [{"type": "text", "text": "新着です"}]}
    deliveries.put_chunk(
        deliveries.Chunk("other", "run", "0", "push", ["U1"], payloads=payloads, cause=cause), watch=True
    )
    world.run(until=SOON)
    assert deliveries.progress("other", "run")["accepted"] == 1
