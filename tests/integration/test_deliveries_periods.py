"""A place under a cap belongs to the period in which the message goes out, whatever held it back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.broadcasts import service as broadcasts
from chalicelib.deliveries import service as deliveries
from chalicelib.friends import store as friends
from chalicelib.gateways import line
from tests.deliveries_builders import START, World, a_chunk, a_world, an_account

USERS = ["U1", "U2", "U3"]
CAP = {"caps": [{"category": "marketing", "max": 1, "per": "day"}]}
NIGHT = {"quiet_hours": {"from": "23:50", "to": "00:01"}}
MIDNIGHT = START.replace(hour=15)  # in Tokyo
TODAY, TOMORROW = "cap_marketing_day_2026-11-20", "cap_marketing_day_2026-11-21"
BUSY = line.Answer(429, "rate limit")


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Two minutes to midnight; one marketing message a day."""
    with a_world(*USERS, policies=CAP) as found:
        found.now = MIDNIGHT - timedelta(minutes=2)
        yield found


def places(user: str) -> dict[str, int]:
    """How many places are taken, by counter."""
    sheet = friends.load("shop", 64, user)
    assert sheet is not None
    return {name: len(value) for name, value in sheet.items() if name.startswith("cap_") and value}


def put(chunk: str, users: list[str] = USERS, **more: Any) -> None:
    deliveries.put_chunk(a_chunk(users, chunk=chunk, **more), watch=True)


def came_of(chunk: str, user: str) -> str:
    found = deliveries.find_recipient("shop", "run1", chunk, user)
    assert found is not None
    return str(found.get("reason") or found["status"])


def broadcast(name: str) -> None:
    body = {"name": name, "audience": {"everyone": True}, "message": "news"}
    broadcasts.put("shop", name, body, None, "test")
    broadcasts.send("shop", name, "test")


@pytest.mark.parametrize("payloads", [False, True])
def test_held_over_midnight_it_counts_there(world: World, payloads: bool) -> None:
    """A, put at 23:58 and held until 00:01, and B, put at 00:02: B has no place on the day of A."""
    an_account(policies=CAP | NIGHT)
    put("a", payloads=payloads)
    world.run(timedelta(minutes=4))
    assert (world.line.got, places("U1")) == (dict.fromkeys(USERS, 1), {TOMORROW: 1})
    put("b", payloads=payloads)
    world.run(timedelta(minutes=4))
    assert (world.line.got, came_of("b", "U1")) == (dict.fromkeys(USERS, 1), "cap")


def test_broadcasts_count_there_too(world: World) -> None:
    """The same with two broadcasts, the first of which pauses itself until a minute past midnight."""
    an_account(policies=CAP | NIGHT)
    broadcast("a")
    world.run(timedelta(minutes=4))
    assert world.line.got == dict.fromkeys(USERS, 1)
    broadcast("b")
    world.run(timedelta(minutes=4))
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert broadcasts.get("shop", "b")["progress"]["skipped"] == {"cap": 3}


def test_a_day_that_is_full_is_no_obstacle_for_the_next(world: World) -> None:
    """Who had today's message can be planned tonight for tomorrow morning."""
    put("today")
    world.run(timedelta(seconds=30))
    an_account(policies=CAP | NIGHT)
    broadcast("a")
    world.run(timedelta(minutes=5))
    assert world.line.got == dict.fromkeys(USERS, 2)
    assert places("U1") == {TODAY: 1, TOMORROW: 1}


@pytest.mark.parametrize("payloads", [False, True])
def test_whoever_has_no_place_there_is_left_out(world: World, payloads: bool) -> None:
    """LINE is busy until after midnight, and U2 gets another message then: A is skipped for U2 alone."""
    world.line.fault = lambda kind, body, n: BUSY if world.now < MIDNIGHT else None
    put("a", payloads=payloads)
    world.run(timedelta(seconds=100))
    assert (world.line.got, places("U2")) == ({}, {TODAY: 1})
    world.agenda, kept = [], world.agenda
    world.now = MIDNIGHT + timedelta(seconds=1)
    put("b", ["U2"])
    deliveries.send_now("shop", "run1", "b")
    world.agenda += kept
    world.run(timedelta(hours=1))
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert [came_of("a", user) for user in USERS] == ["accepted", "cap", "accepted"]
    assert [places(user) for user in USERS] == [{TOMORROW: 1}] * 3


@pytest.mark.parametrize("payloads", [False, True])
def test_a_moved_place_is_given_back(world: World, payloads: bool) -> None:
    """What LINE refuses after midnight has no place in either day."""
    world.line.fault = lambda kind, body, n: BUSY if world.now < MIDNIGHT else line.Answer(403, "no")
    put("a", payloads=payloads)
    world.run(timedelta(hours=1))
    assert came_of("a", "U1") == "line_403"
    assert [places(user) for user in USERS] == [{}, {}, {}]


def test_what_was_tried_stays_where_it_was_tried(world: World) -> None:
    """An attempt at 23:58 that LINE took without answering counts on that day, however late that is known."""
    world.line.fault = lambda kind, body, n: "lost" if n == 1 else None
    world.now = MIDNIGHT - timedelta(milliseconds=500)
    put("a")
    world.run(timedelta(hours=1))
    assert (world.line.got, came_of("a", "U1")) == (dict.fromkeys(USERS, 1), "accepted")
    assert len(world.line.calls) == 2
    assert places("U1") == {TODAY: 1}


@pytest.mark.parametrize("crash_at", range(1, 9))
def test_a_crash_counts_nobody_twice(world: World, crash_at: int) -> None:
    """Wherever the worker dies while it moves places: one message, one place, on the day on which it went."""
    put("a")
    world.agenda = []
    world.now = MIDNIGHT + timedelta(seconds=1)
    world.put("sends", {"account": "shop", "run": "run1", "chunk": "a"}, 0)
    world.crash_at = world.crossings + crash_at
    world.run(timedelta(hours=1))
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert [places(user) for user in USERS] == [{TOMORROW: 1}] * 3


def test_within_a_period_nothing_is_asked(world: World) -> None:
    """No write more than without caps: the places that were reserved are those that count."""
    put("a")
    before = world.counted["dynamodb:UpdateItem"]
    deliveries.send_now("shop", "run1", "a")
    assert (
        world.counted["dynamodb:UpdateItem"] - before == 2 + 3
    )  # the mark, and what came of it; three logs of the brake
