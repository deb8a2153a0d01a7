"""After days of downtime: what has become stale is left out and said on the friend, and no burst follows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from tests.reservation_world import a_salon, says
from tests.scenario_world import World, a_usual_world, enroll, message, publish, put_friends, wait, where

DAYS = timedelta(days=3)


def until(offset: str, to: str, **more: Any) -> dict[str, Any]:
    return {"type": "wait", "until": {"event": "reserved", "offset": offset}, "next": to, **more}


def reminders(**more: Any) -> dict[str, Any]:
    """A week, three days, a day and two hours before; thanks two hours after."""
    offsets = {"week": "-7d", "three": "-3d", "eve": "-1d", "hours": "-2h", "thanks": "2h"}
    names, nodes = list(offsets), {}
    for name, following in zip(names, [*names[1:], None], strict=True):
        nodes[f"w-{name}"] = until(offsets[name], name)
        nodes[name] = message("plain", following and f"w-{following}")
    return {"start": "w-week", "nodes": nodes, **more}


def down(world: World, span: timedelta) -> None:
    """Nothing runs; then everything does again. Queues keep their messages, executions are over."""
    world.machines_run, world.now = False, world.now + span
    kept, world.queue[:] = list(world.queue), []
    world.executions.clear()
    world.machines_run = True
    world.queue[:] = kept
    world.run(timedelta(minutes=4))


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        put_friends("u1")
        yield found


def skipped(world: World) -> list[tuple[str, str]]:
    """The nodes that were passed without sending, as the friend's timeline has them."""
    facts = [fact for fact in world.facts.values() if fact.type == "scenario_skipped"]
    return [(one["node"], one["why"]) for fact in facts for one in fact.props["nodes"]]


def test_steps_of_days_ago_do_not_come_in_a_burst(world: World) -> None:
    """Each wait counts from the step before it: one message comes late, the next a whole wait after it."""
    nodes = {
        "first": message("m1", "day"),
        "day": wait("1d", "second"),
        "second": message("m2", "more"),
        "more": wait("1d", "third"),
        "third": message("m3"),
    }
    publish(start="first", nodes=nodes)
    enroll("u1")
    world.run(60, sweep=False)
    down(world, DAYS)
    assert world.received("u1") == ["one", "two"]
    world.run(timedelta(days=1), sweep=False)
    assert world.received("u1") == ["one", "two", "three"]


@pytest.mark.parametrize("own", [True, False])
def test_what_is_too_late_is_passed_and_reported(world: World, own: bool) -> None:
    """By the message's own ``late``, or by the scenario's, which is every message's that has none."""
    late = {"max": "1h", "then": "skip"}
    nodes = {
        "first": message("m1", "day"),
        "day": wait("1d", "second"),
        "second": message("m2", "more", **({"late": late} if own else {})),
        "more": wait("1d", "third"),
        "third": message("m3", late={"max": "9d", "then": "skip"}),
    }
    publish(start="first", nodes=nodes, **({} if own else {"late": late}))
    enroll("u1")
    world.run(60, sweep=False)
    down(world, DAYS)
    assert (world.received("u1"), skipped(world)) == (["one"], [("second", "late")])
    assert where("u1").node == "more"
    world.run(timedelta(days=1), sweep=False)
    assert world.received("u1") == ["one", "three"]


def test_reminders_of_days_ago_are_not_sent_at_once(cloud: None) -> None:
    """Booked ten days ahead; nothing runs from the eighth day before until half a day before. The
    reminders that have become stale are passed, and what is still to come comes at its moment."""
    late = {"max": "12h", "then": "skip"}
    with a_salon("u1", **reminders(late=late)) as world:
        says(world, "e1", "r1", timedelta(days=10))
        world.run(timedelta(days=2), sweep=False)
        down(world, timedelta(days=7, hours=14))
        (item,) = [where("u1", "remind", "r1")]
        assert (world.received("u1"), item.node) == ([], "w-hours")
        world.run(timedelta(days=2), sweep=False)
        assert world.received("u1") == ["see you"] * 2
        hours = [round((at - 240 * 3600) / 3600) for at in world.received_at("u1")]
        assert hours == [-2, 2]


def test_without_late_they_all_come(cloud: None) -> None:
    """Nobody said what is too late: each is sent, late as it is."""
    with a_salon("u1", **reminders()) as world:
        says(world, "e1", "r1", timedelta(days=10))
        world.run(timedelta(days=2), sweep=False)
        down(world, timedelta(days=7, hours=14))
        assert len(world.received("u1")) == 3


def test_who_books_late_gets_what_is_still_of_use(cloud: None) -> None:
    """Booked a day and six hours before: the reminders of a week and three days ahead are late for this
    friend too."""
    late = {"max": "12h", "then": "skip"}
    with a_salon("u1", **reminders(late=late)) as world:
        says(world, "e1", "r1", timedelta(hours=30))
        world.run(timedelta(hours=40), sweep=False)
        hours = [round((at - 30 * 3600) / 3600) for at in world.received_at("u1")]
        assert hours == [-24, -2, 2]


def test_a_way_for_what_is_past_is_no_lateness(cloud: None) -> None:
    """``on_past`` is where the author sends who books late: what is said there is not late."""
    wait_ = until("-7d", "week", on_past="hello")
    nodes = {"w": wait_, "week": message("hours"), "hello": message("plain")}
    with a_salon("u1", start="w", nodes=nodes, late={"max": "1h", "then": "skip"}) as world:
        says(world, "e1", "r1", timedelta(hours=30))
        world.run(60, sweep=False)
        assert world.received("u1") == ["see you"]


def test_several_offsets_follow_a_reservation_that_moves(cloud: None) -> None:
    """Moved after the first reminder: the others come before the new time, and none comes twice."""
    with a_salon("u1", **reminders(late={"max": "12h", "then": "skip"})) as world:
        says(world, "e1", "r1", timedelta(days=8))
        world.run(timedelta(days=2), sweep=False)
        assert len(world.received("u1")) == 1
        says(world, "e2", "r1", timedelta(days=12), "moved")
        world.run(timedelta(days=12), sweep=False)
        hours = [round((at - 288 * 3600) / 3600) for at in world.received_at("u1")[1:]]
        assert hours == [-72, -24, -2, 2]
        assert where("u1", "remind", "r1").state == "finished"
