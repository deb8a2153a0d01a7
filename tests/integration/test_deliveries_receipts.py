"""Receipts on fact sheets: who got what, for the condition ``delivery``; whatever dies or comes twice."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.conditions import language
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.gateways import line
from chalicelib.jobs.kinds import JOBS
from chalicelib.shared.times import iso
from tests.deliveries_builders import SHOP, Crashed, World, a_chunk, a_world

USERS = ["U1", "U2", "U3"]


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(*USERS, receipts=True) as found:
        yield found


def who(world: World, **asked: Any) -> list[str]:
    """The friends for whom a ``delivery`` condition holds now."""
    context = language.Context(catalog.snapshot("shop"), ZoneInfo("Asia/Tokyo"))
    test = language.compile({"delivery": asked}, context)
    sheets = friends.load_many(SHOP.id, SHOP.shards, USERS)
    return [user for user in USERS if test(sheets[user], world.now)]


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_whoever_got_it_has_a_receipt(world: World, payloads: bool) -> None:
    """Of three friends one is refused by LINE: ``delivery`` finds the two others, within the time asked."""
    named = "'to'" if payloads else "to[1]"
    refusal = line.Answer(400, f"The property, {named}, in the request body is invalid")
    world.line.fault = lambda kind, body, n: refusal if "U2" in body["to"] else None
    deliveries.put_chunk(a_chunk(USERS, payloads=payloads, cause={"broadcast": "news"}), watch=True)
    world.run(until=timedelta(minutes=1))
    assert who(world, received=True) == who(world, id="news", received=True) == ["U1", "U3"]
    assert who(world, id="news", received=False) == ["U2"]
    assert who(world, id="other", received=True) == []
    world.now += timedelta(days=8)
    assert who(world, id="news", received=True, within="7d") == []


def test_the_latest_receipt_counts(world: World) -> None:
    """A late job of an earlier run changes nothing; ``rev`` stays, so that no reaction is disturbed."""
    revs = {user: sheet["rev"] for user, sheet in friends.load_many(SHOP.id, SHOP.shards, USERS).items()}
    times = []
    for run in ("run1", "run2"):
        deliveries.put_chunk(a_chunk(USERS, run=run, cause={"scenario": "welcome"}), watch=True)
        times.append(iso(world.now))
        world.run(until=timedelta(minutes=1))
        world.now += timedelta(hours=1)
    for run in ("run2", "run1"):
        deliveries.write_receipts("shop", run, "c1")
    sheets = friends.load_many(SHOP.id, SHOP.shards, USERS)
    assert all(sheet["received"]["welcome"]["at"] >= times[1] for sheet in sheets.values())
    assert {user: sheet["rev"] for user, sheet in sheets.items()} == revs


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_a_crash_before_the_question_forgets_no_receipt(world: World, payloads: bool) -> None:
    """The worker dies between LINE's answer noted and the job asked for: its message comes again and asks."""
    died: list[str] = []

    def dies(queue: str, body: dict[str, Any]) -> bool:
        if queue == "bulk" and not died:
            died.append(body["chunk"])
            raise Crashed
        return False

    world.lose = dies
    deliveries.put_chunk(a_chunk(USERS, payloads=payloads, cause={"broadcast": "news"}), watch=True)
    world.run()
    assert died
    assert who(world, id="news", received=True) == USERS
    assert set(world.line.got.values()) == {1}


def test_reactions_ask_for_nothing(world: World) -> None:
    """What a rule sends stands on its event's own activity: no job, no receipt."""
    asked: list[str] = []
    world.lose = lambda queue, body: queue == "bulk" and not asked.append(queue)
    deliveries.put_chunk(a_chunk(["U1"], cause={"rule": "thanks"}), watch=True)
    world.run(until=timedelta(minutes=1))
    assert world.line.got == {"U1": 1}
    assert not asked


def test_the_queue_bulk_writes_receipts(world: World) -> None:
    """The handler of ``bulk`` knows the job; erased friends stay erased."""
    world.receipts = False
    deliveries.put_chunk(a_chunk(USERS, cause={"broadcast": "news"}), watch=True)
    world.run(until=timedelta(minutes=1))
    assert friends.erase(SHOP.id, SHOP.shards, "U2", iso(world.now))
    job = {"job": "receipts", "account": "shop", "run": "run1", "chunk": "c1"}
    JOBS["receipts"].run(job, 1)
    assert who(world, id="news", received=True) == ["U1", "U3"]
