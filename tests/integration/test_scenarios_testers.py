"""A whole scenario to a tester for real: at once or at speed, in order, and nothing of the tester moves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.enrollments import store
from chalicelib.shared.times import iso
from tests.api_client import Api, a_key, an_api
from tests.scenario_world import (
    SHOP,
    START,
    Crashed,
    World,
    a_usual_world,
    message,
    put_friends,
    put_scenario,
    wait,
)

S = f"/v1/accounts/{SHOP}/scenarios/welcome"
NODES: dict[str, Any] = {
    "first": message("m1", "day"),
    "day": wait("1d", "hello"),
    "hello": message("hello", "hear"),
    "hear": {"type": "wait_for", "event": "messaged", "timeout": "3d", "next": "heard", "on_timeout": "last"},
    "heard": message("m3", "last"),
    "last": message("m2"),
}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        put_friends("u1", display_name="花子")
        put_friends("u2", display_name="太郎")
        put_scenario(start="first", nodes=NODES)
        yield found


@pytest.fixture
def api(world: World) -> Api:
    return an_api()


def seconds(world: World, user: str = "u1") -> list[int]:
    return [round(at) for at in world.received_at(user)]


def test_at_speed(world: World, api: Api) -> None:
    """A day is a second: each message at its moment, and never two at once; each tester their own words."""
    answer = api.call("POST", f"{S}/test", {"user_ids": ["u1", "u2"], "speed": 86400})
    assert answer.status_code == 202
    mine = [one for one in answer.json_body["messages"] if one["user_id"] == "u1"]
    assert [(one["node"], one["message"]) for one in mine] == [
        ("first", "m1"),
        ("hello", "hello"),
        ("last", "m2"),
    ]
    assert [one["at"] for one in mine] == [iso(START + timedelta(seconds=n)) for n in (0, 2, 4)]
    assert mine[-1]["in_earnest_at"] == iso(START + timedelta(days=4))
    world.run(10, sweep=False)
    assert (world.received("u1"), seconds(world)) == (["one", "hi 花子", "two"], [0, 2, 4])
    assert world.received("u2") == ["one", "hi 太郎", "two"]
    assert (store.find(SHOP, "welcome", "u1"), world.facts) == (None, {})


def test_at_once_whatever_policies_say(world: World, api: Api) -> None:
    """In the middle of quiet hours, with no place left: a tester is waiting for it. In order all the same."""
    strict = {"quiet_hours": {"from": "15:00", "to": "09:00"}, "caps": []}
    catalog.save(SHOP, [Write("policies", "default", strict)], lambda _: None, "test")
    events = [{"at": iso(START + timedelta(days=2)), "type": "messaged", "props": {"text": "hi"}}]
    api.ok("POST", f"{S}/test", {"user_ids": ["u1"], "events": events})
    world.run(10, sweep=False)
    assert (world.received("u1"), seconds(world)) == (["one", "hi 花子", "three", "two"], [0, 2, 4, 6])


def test_the_same_request_is_one_test(world: World, api: Api) -> None:
    """With the same Idempotency-Key; another request is another test, which the brake does not stop."""
    for _ in range(2):
        api.ok("POST", f"{S}/test", {"user_ids": ["u1"]}, idempotency_key="k")
    world.run(10, sweep=False)
    assert len(world.received("u1")) == 3
    api.ok("POST", f"{S}/test", {"user_ids": ["u1"]})
    world.run(10, sweep=False)
    assert len(world.received("u1")) == 6


@pytest.mark.parametrize("lost", ["queue", "timer"])
def test_what_is_lost_on_the_way_comes_later(world: World, api: Api, lost: str) -> None:
    """The ledger has it and watches it: after a lost message or execution each comes once."""
    api.ok("POST", f"{S}/test", {"user_ids": ["u1"]})
    if lost == "queue":
        world.queue.clear()
    else:
        world.executions.clear()
        world.queue.clear()
    world.run(timedelta(minutes=8))
    assert sorted(world.received("u1")) == ["hi 花子", "one", "two"]


def test_a_process_that_dies_has_put_nothing_twice(world: World, api: Api) -> None:
    """Whatever it has put by then goes out, once."""
    for point in (3, 8, 14, 20):
        world.crossings, world.crash_at = 0, point
        before = len(world.sends)
        with suppress(Crashed):
            api.call("POST", f"{S}/test", {"user_ids": ["u1"]}, idempotency_key=f"k{point}")
        world.crash_at = None
        world.run(timedelta(minutes=10))
        assert len(world.sends) - before in {0, 1, 2, 3}, point
        texts = [text for _, _, text in world.sends[before:]]
        assert len(set(texts)) == len(texts), point


def test_more_than_a_hundred_messages_are_cut(world: World, api: Api) -> None:
    """What goes round for ever ends, and that is said."""
    catalog.save(SHOP, [Write("policies", "default", {"runaway": False})], lambda _: None, "test")
    put_scenario(start="m", nodes={"m": message("m1", "w"), "w": wait("1h", "m")})
    answer = api.ok("POST", f"{S}/test", {"user_ids": ["u1"]})
    assert (len(answer["messages"]), answer["cut"]) == (100, True)


def test_what_cannot_be_tested(world: World, api: Api) -> None:
    """Nobody, too many, strangers, nothing published; only who may send may send."""
    api.refused(404, "POST", f"{S}/test", {"user_ids": ["nobody"]})
    assert api.paths(400, "POST", f"{S}/test", {"user_ids": [f"u{n}" for n in range(6)]}) == ["user_ids"]
    api.refused(400, "POST", f"{S}/test", {"user_ids": ["u1"], "speed": 1})
    api.refused(409, "POST", f"{S}/test", {"user_ids": ["u1"], "version": "published"})
    api.refused(404, "POST", f"{S}x/test", {"user_ids": ["u1"]})
    a_key(api, "editor", SHOP).refused(403, "POST", f"{S}/test", {"user_ids": ["u1"]})
    assert world.sends == []
