"""A process killed at any crossing, a second worker at any crossing: nobody twice, nobody forgotten."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.enrollments import store
from tests.scenario_world import (
    SHOP,
    TWO_STEPS,
    Crashed,
    World,
    a_usual_world,
    enroll,
    message,
    publish,
    put_friends,
    wait,
    where,
)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        yield found


def test_a_crash_anywhere_doubles_nothing_and_loses_nothing(world: World) -> None:
    """Killed at each crossing of enrolling, advancing and sending in turn: three friends, one message each,
    exactly once, and every fact told."""
    publish(start="first", nodes={"first": message("m1")})
    assert _crash_everywhere(world, ["one"], since_enrolled=False) > 25


def test_a_crash_anywhere_in_a_later_step_neither(world: World) -> None:
    """The same of one friend from the drain of the second step's minute on, with a third step to be armed."""
    nodes = {
        **TWO_STEPS["nodes"],
        "second": message("m2", "gap"),
        "gap": wait("2s", "third"),
        "third": message("m3"),
    }
    publish(start="first", nodes=nodes)
    assert _crash_everywhere(world, ["one", "three", "two"], since_enrolled=True) > 25


def test_a_crash_among_pieces_of_a_wave_neither(world: World) -> None:
    """Friends who travel in two pieces, the first of which waits with its moves for the second's message."""
    publish(start="first", nodes={"first": message("m1")})
    users = ["x", "y", "z"]
    put_friends(*users)
    enroll(*users)
    entries = [entry for found in world.queue if found[2] == "due" for entry in found[3]["entries"]]
    world.queue = [found for found in world.queue if found[2] != "due"]
    world.pieces = 2
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        world.crossings, world.crash_at = 0, point
        world.queue.append((world.now, 10**6, "due", {"kind": "step", "entries": entries}, 0))
        _run_through_crashes(world, 2, sweep=False)
        survived, world.crash_at = world.crash_at is not None, None
        world.run(420)
        for user in users:
            assert world.received(user) == ["one"], f"crash at crossing {point}"
            assert where(user).state == "finished"
    assert point > 25


def _crash_everywhere(world: World, expected: list[str], *, since_enrolled: bool) -> int:
    """Live through the scenario once per crossing; returns how many there are."""
    users = ["a"] if since_enrolled else ["a", "b", "c"]
    put_friends(*users)
    if since_enrolled:
        enroll(*users)
        world.run(20, sweep=False)
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        world.crossings, world.crash_at = 0, point
        try:
            if not since_enrolled:
                enroll(*users)
        except Crashed:
            enroll(*users)
        _run_through_crashes(world, 70 if since_enrolled else 2, sweep=False)
        survived, world.crash_at = world.crash_at is not None, None
        world.run(200, sweep=False)
        if not all(sorted(world.received(user)) == expected for user in users):
            world.run(420)
        for user in users:
            assert sorted(world.received(user)) == expected, f"crash at crossing {point}"
            assert where(user).state == "finished"
            assert sorted(world.reported(user)) == ["scenario_entered", "scenario_finished"]
    return point


def _run_through_crashes(world: World, seconds: float, *, sweep: bool) -> None:
    """Time passes; a crash in a sweep or machine is a process that starts again."""
    end = world.now + timedelta(seconds=seconds)
    while world.now < end:
        try:
            world.run(end - world.now, sweep=sweep)
        except Crashed:
            continue


def test_two_workers_on_the_same_pointers_send_once(world: World) -> None:
    """A second worker runs whole at every crossing of the first one: everybody gets the step once."""
    publish(start="first", nodes={"first": message("m1")})
    users = ["x", "y"]
    put_friends(*users)
    enroll(*users)
    due = [entry for entry in world.queue if entry[2] == "due"]
    world.queue = [entry for entry in world.queue if entry[2] != "due"]
    body = {"kind": "step", "entries": [e for found in due for e in found[3]["entries"]]}
    begin_again, point, interrupted = world.keep(), 0, True
    while interrupted:
        point += 1
        begin_again()
        interrupted = _interleave(world, body, point)
        world.run(20, sweep=False)
        for user in users:
            assert world.received(user) == ["one"], f"interleaved at crossing {point}"
            assert where(user).state == "finished"
    assert point > 8


def _interleave(world: World, body: dict[str, Any], point: int) -> bool:
    """One worker; at its ``point``-th crossing another one does the first of the same pointers."""
    from chalicelib.gateways import seam

    count, inside, happened = 0, False, False

    def guard(name: str, detail: Any, call: Any) -> Any:
        nonlocal count, inside, happened
        if not inside and not name.startswith("clock:"):
            count += 1
            if count == point:
                inside = happened = True
                world.handle("due", {**body, "entries": body["entries"][:1]})
                inside = False
        return world.guard(name, detail, call)

    with seam.guarded(guard):
        world.handle("due", body)
    return happened


def test_another_cause_completes_what_a_crash_left_undone(world: World) -> None:
    """Killed anywhere in entering and never repeated, but entered again by another cause: refused, and yet
    the friend gets the message once, on time, and the fact of the first cause is told."""
    publish(start="first", nodes={"first": message("m1")})
    put_friends("u")
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        world.crossings, world.crash_at = 0, point
        with contextlib.suppress(Crashed):
            enroll("u", cause="first")
        survived, world.crash_at = world.crash_at is not None, None
        cut_off = store.find(SHOP, "welcome", "u") is not None
        assert enroll("u", cause="second") == ["already_active" if cut_off else None]
        world.run(2, sweep=False)
        assert world.received("u") == ["one"], f"crash at crossing {point}"
        assert world.reported("u") == ["scenario_entered", "scenario_finished"]
        entered = world.facts["u/scenario_entered:welcome:1"]
        assert entered.props["cause"] == ("first" if cut_off else "second")
    assert point > 7


def test_a_crash_in_entering_anew_is_counted_once(world: World) -> None:
    """Killed anywhere and repeated, each cause is one entry: the brake lets through as many as without."""
    publish(start="first", nodes={"first": message("m1")}, entry={"re_entry": "restart"})
    put_friends("u")
    assert [enroll("u", cause=f"c{n}") for n in range(8)] == [[None]] * 8
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        world.crossings, world.crash_at = 0, point
        with contextlib.suppress(Crashed):
            enroll("u", cause="last")
        survived, world.crash_at = world.crash_at is not None, None
        for _ in range(2):
            assert enroll("u", cause="last") == [None], f"crash at crossing {point}"
        assert enroll("u", cause="more") == ["too_often"]
        item = store.find(SHOP, "welcome", "u")
        assert item is not None
        assert (item.run, len(item.re_entries)) == (9, 8)
        world.run(2, sweep=False)
        assert world.reported("u").count("scenario_entered") == 9
    assert point > 3
