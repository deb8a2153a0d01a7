"""Two who compete for one place under a cap: a broadcast with priority gets it, whoever comes first."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.broadcasts import drafts
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.documents import Schedule
from chalicelib.deliveries import service as deliveries
from chalicelib.shared.errors import InvalidInput
from tests.deliveries_builders import FEW, START, World, a_chunk, a_friend, a_world
from tests.roles import role_of

NOW = {"name": "plain", "audience": {"everyone": True}, "message": "news"}
CHOSEN = {"name": "chosen", "audience": {"tag": "vip"}, "message": "other", "priority": True}
LATER = START + timedelta(hours=2)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """One message a day; of two friends the first is meant by the broadcast with priority."""
    caps = {"caps": [{"category": "marketing", "max": 1, "per": "day"}]}
    with a_world("U2", account=FEW, policies=caps) as found:
        a_friend("U1", FEW, tags=["vip"])
        found.lose = lambda queue, _: queue == "mirror"
        yield found


def schedule(name: str, at: Any = LATER, **fields: Any) -> None:
    broadcasts.put("shop", name, {**(CHOSEN if name == "chosen" else NOW), **fields}, None, "test")
    broadcasts.set_schedule("shop", name, Schedule(at=at), "test")


def send_now(world: World) -> dict[str, Any]:
    broadcasts.put("shop", "plain", NOW, None, "test")
    broadcasts.send("shop", "plain", "test")
    world.run(until=timedelta(minutes=1))
    return progress("plain")


def progress(name: str) -> dict[str, Any]:
    found: dict[str, Any] = broadcasts.get("shop", name)["progress"]
    return {"accepted": found["accepted"], **found["skipped"]}


@pytest.mark.parametrize("has_priority", [True, False])
def test_the_place_is_kept(world: World, *, has_priority: bool) -> None:
    """What goes out first leaves it free for the scheduled one, with those whom that one means."""
    schedule("chosen", priority=has_priority)
    broadcasts.put("shop", "plain", NOW, None, "test")
    foreseen = broadcasts.preview("shop", "plain")["skipped"]
    assert foreseen == ({"cap": 1} if has_priority else {})
    assert send_now(world) == ({"accepted": 1, "cap": 1} if has_priority else {"accepted": 2})
    world.run(until=timedelta(hours=3))
    assert progress("chosen") == ({"accepted": 1} if has_priority else {"accepted": 0, "cap": 1})
    assert dict(world.line.got) == {"U1": 1, "U2": 1}


@pytest.mark.parametrize("names", [("plain", "chosen"), ("chosen", "plain")])
def test_in_the_same_second(world: World, names: tuple[str, str]) -> None:
    """Both are planned at once, in either order."""
    for name in names:
        schedule(name)
    world.run(until=timedelta(hours=3))
    assert (progress("chosen"), progress("plain")) == ({"accepted": 1}, {"accepted": 1, "cap": 1})
    assert world.line.messages["U1"] != world.line.messages["U2"]


@pytest.mark.parametrize("function", ["react", "bulk", "advance"])
def test_rules_and_scenarios_leave_it_too(world: World, function: str) -> None:
    """Their chunk goes to the others, whichever function puts it."""
    schedule("chosen")
    with role_of(function):
        deliveries.put_chunk(a_chunk(["U1", "U2"], run="scn.s", chunk="c"), watch=True)
    world.run(until=timedelta(minutes=1))
    assert dict(world.line.got) == {"U2": 1}


def test_another_period_is_another_place(world: World) -> None:
    """What goes out tomorrow wants nothing of today."""
    schedule("chosen", START + timedelta(days=1))
    assert send_now(world) == {"accepted": 2}


def test_who_is_not_scheduled_any_more_wants_nothing(world: World) -> None:
    """Taken back, its places are free at once; those with priority keep nothing from each other."""
    schedule("chosen")
    drafts.unschedule("shop", "chosen", "test")
    schedule("first", priority=True)
    schedule("second", at=LATER + timedelta(hours=1), priority=True)
    world.run(until=timedelta(hours=6))
    assert (progress("first"), progress("second")) == ({"accepted": 2}, {"accepted": 0, "cap": 2})


def test_a_narrowcast_has_none(world: World) -> None:
    """LINE chooses there, and caps do not hold."""
    with pytest.raises(InvalidInput):
        broadcasts.put(
            "shop", "n", {"name": "n", "narrowcast": {}, "message": "news", "priority": True}, None, "t"
        )
