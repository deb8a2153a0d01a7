"""A message that policies hold back is not carried out: the friend waits at it, and it is judged anew."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.validation import normal_body
from chalicelib.deliveries import service as deliveries
from chalicelib.enrollments import service
from chalicelib.messages.documents import DOCUMENTS as MESSAGES
from chalicelib.shared.times import iso, parse_iso
from tests.scenario_world import (
    SHOP,
    START,
    World,
    a_usual_world,
    enroll,
    message,
    publish,
    put_friends,
    put_messages,
    put_sheet,
    wait,
    where,
)

NIGHT = START.replace(hour=13, minute=0, second=0)  # 22:00 in Tokyo
MORNING = NIGHT + timedelta(hours=11)
QUIET = {"from": "21:00", "to": "09:00"}


def put_policies(**policies: Any) -> None:
    catalog.save(SHOP, [Write("policies", "default", policies)], lambda _: None, "test")


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Ten in the evening; quiet hours until nine."""
    with a_usual_world() as found:
        found.now = NIGHT
        put_friends("u1")
        put_policies(quiet_hours=QUIET)
        yield found


def arrivals(world: World, user: str = "u1") -> list[str]:
    """Local times and texts."""
    tokyo = timedelta(hours=9)
    return [f"{at + tokyo:%H:%M} {text}" for at, to, text in world.sends if to == user]


STEPS: dict[str, Any] = {
    "start": "s1",
    "nodes": {
        "s1": message("m1", "w1"),
        "w1": wait("1h", "s2"),
        "s2": message("m2", "w2"),
        "w2": wait("1h", "s3"),
        "s3": message("m3"),
    },
}


def bought() -> dict[str, Any]:
    return {"bought": {"since": iso(START), "by": "x", "at": iso(START)}}


def test_steps_keep_their_order_and_distance(world: World) -> None:
    """Entered at 22:00, three steps an hour apart arrive at 09:00, 10:00, 11:00: ``after`` counts from when
    a message was carried out."""
    publish(**STEPS)
    assert enroll("u1") == [None]
    world.run(timedelta(hours=1), sweep=False)
    assert (where("u1").node, where("u1").due_at) == ("s1", iso(MORNING))
    world.run(timedelta(hours=14), sweep=False)
    assert arrivals(world) == ["09:00 one", "10:00 two", "11:00 three"]
    assert all(at.second < 3 for at, _, _ in world.sends)


def test_the_minutes_are_drained_early(cloud: None) -> None:
    """The same where timers are drained five minutes before their time, as on AWS."""
    from tests.scenario_world import a_world

    with a_world(drain_early=300, timers_shards=2) as world:
        put_messages(m1="one", m2="two", m3="three")
        world.now = NIGHT
        put_friends("u1")
        put_policies(quiet_hours=QUIET)
        publish(**STEPS)
        enroll("u1")
        world.run(timedelta(hours=15), sweep=False)
        assert arrivals(world) == ["09:00 one", "10:00 two", "11:00 three"]


def test_the_goal_reached_in_the_night_ends_it(world: World) -> None:
    """Who has bought meanwhile is not reminded."""
    publish(start="s1", nodes={"s1": message("m1")}, goals=[{"if": {"tag": "bought"}}])
    enroll("u1")
    world.run(timedelta(hours=2), sweep=False)
    put_sheet("u1", tags=bought())
    world.run(timedelta(hours=12), sweep=False)
    assert world.sends == []
    assert (where("u1").state, where("u1").reason) == ("exited", "goal")


@pytest.mark.parametrize(
    ("then", "expected", "end"),
    [("skip", ["10:00 two"], "finished"), ("exit", [], "exited"), ("send", ["09:00 one", "10:00 two"], "")],
)
def test_late_counts_from_when_it_was_due(world: World, then: str, expected: list[str], end: str) -> None:
    """A step that was due at 23:00 and may be 30 s late is too late at 09:00."""
    late = {"max": "30s", "then": then}
    nodes = {"w": wait("1h", "s1"), "s1": message("m1", "w2", late=late)}
    publish(start="w", nodes={**nodes, "w2": wait("1h", "s2"), "s2": message("m2")})
    enroll("u1")
    world.run(timedelta(hours=3), sweep=False)
    assert where("u1").node_at == iso(NIGHT + timedelta(hours=1))
    world.run(timedelta(hours=12), sweep=False)
    assert arrivals(world) == expected
    assert where("u1").state == (end or "finished")


def test_the_words_and_the_way_are_those_of_the_morning(world: World) -> None:
    """The message is rendered when it goes, and who was blocked or renamed meanwhile is known then."""
    put_friends("u2", "u3", display_name="古い名前")
    publish(start="s1", nodes={"s1": message("hello")}, entry={"on_block": "keep"})
    enroll("u2", "u3")
    world.run(timedelta(hours=2), sweep=False)
    put_sheet("u2", display_name="新しい名前🌸")
    put_sheet("u3", status="blocked")
    world.run(timedelta(hours=10), sweep=False)
    assert [(to, text) for _, to, text in world.sends] == [("u2", "hi 新しい名前🌸")]
    skips = [f.props["nodes"] for f in world.facts.values() if f.type == "scenario_skipped"]
    assert skips == [[{"node": "s1", "why": "blocked"}]]


def test_leaving_while_it_is_held_ends_it(world: World) -> None:
    """Who is taken out of the scenario in the night gets nothing."""
    publish(**STEPS)
    enroll("u1")
    world.run(timedelta(hours=2), sweep=False)
    assert service.exit(SHOP, ["u1"], "welcome", "rule:stop", world.now)[0].accepted
    world.run(timedelta(hours=14), sweep=False)
    assert world.sends == []


def test_quiet_hours_may_skip(world: World) -> None:
    """``then: skip``: the step is passed at once, with its reason, and the next wait counts from there."""
    put_policies(quiet_hours=QUIET | {"then": "skip"})
    nodes = {"s1": message("m1", "w"), "w": wait("12h", "s2"), "s2": message("m2")}
    publish(start="s1", nodes=nodes)
    enroll("u1")
    world.run(timedelta(hours=13), sweep=False)
    assert arrivals(world) == ["10:00 two"]
    (skip,) = [f for f in world.facts.values() if f.type == "scenario_skipped"]
    assert skip.props["nodes"] == [{"node": "s1", "why": "quiet_hours"}]


def test_a_blackout_day_is_waited_for_too(world: World) -> None:
    """Quiet hours that end in a blackout hold until the first moment after both."""
    put_policies(quiet_hours=QUIET, blackout_dates=["2026-11-23"])
    publish(start="s1", nodes={"s1": message("m1")})
    enroll("u1")
    world.run(timedelta(hours=40), sweep=False)
    assert [iso(at)[:16] for at, _, _ in world.sends] == ["2026-11-24T00:00"]  # the 24th, 09:00 in Tokyo


def test_what_is_transactional_is_not_held(world: World) -> None:
    """A booking's confirmation goes out at night, and the marketing after it waits."""
    body = {"name": "m1", "messages": [{"type": "text", "text": "one"}], "category": "transactional"}
    catalog.save(SHOP, [Write("messages", "m1", body)], lambda _: None, "test")
    publish(start="s1", nodes={"s1": message("m1", "s2"), "s2": message("m2")})
    enroll("u1")
    world.run(timedelta(hours=12), sweep=False)
    assert arrivals(world) == ["22:00 one", "09:00 two"]


def test_a_wave_stays_a_multicast(world: World) -> None:
    """Eight friends who are held together leave together: one call."""
    users = [f"w{number:02}" for number in range(8)]
    put_friends(*users)
    publish(start="s1", nodes={"s1": message("m1")})
    enroll(*users)
    world.run(timedelta(hours=12), sweep=False)
    assert {to for _, to, _ in world.sends} == {*users}
    assert len(world.keys) == 1


def test_a_hold_that_grows_is_waited_for(world: World) -> None:
    """Hours that were made longer meanwhile hold on; shorter ones do not call anybody earlier."""
    publish(start="s1", nodes={"s1": message("m1")})
    enroll("u1")
    world.run(timedelta(hours=1), sweep=False)
    put_policies(quiet_hours={"from": "21:00", "to": "09:30"})
    world.run(timedelta(hours=12), sweep=False)
    assert arrivals(world) == ["09:30 one"]


def test_what_is_in_the_ledger_already_is_held_there(world: World) -> None:
    """Defence in depth: a chunk that was put just before the hours begin, and lost, waits for their end."""
    world.now = START
    put_policies(quiet_hours={"from": "15:07", "to": "15:20"})
    publish(start="s1", nodes={"s1": message("m1")})
    enroll("u1")
    world.lose = {"sends"}
    world.run(5, sweep=False)
    world.lose = set()
    assert (where("u1").state, world.sends) == ("finished", [])
    world.run(timedelta(minutes=20), sweep=False)
    assert arrivals(world) == ["15:20 one"]


def test_woken_early_it_is_still_held(world: World) -> None:
    """A pointer that comes an hour early finds the hold, and the one of the morning carries it out."""
    publish(**STEPS)
    enroll("u1")
    world.run(timedelta(minutes=1), sweep=False)
    there = where("u1")
    body = {"user_id": "u1", "scenario": "welcome", "run": there.run}
    entry = {"account": SHOP, "version": there.v, "due_at": there.due_at, "body": body}
    world.handle("due", {"kind": "step", "entries": [entry]})
    assert (where("u1").node, parse_iso(where("u1").due_at)) == ("s1", MORNING)
    world.run(timedelta(hours=12), sweep=False)
    assert arrivals(world) == ["09:00 one", "10:00 two"]
    assert deliveries.progress(SHOP, f"scn.welcome.{MORNING:%Y%m%dT%H%MZ}")["accepted"] == 1


def asked(world: World) -> list[str]:
    """Local times at which the reaction was asked to carry out an action node."""
    tokyo = timedelta(hours=9)
    times = [parse_iso(f.at) + tokyo for f in world.facts.values() if f.type == "scenario_action"]
    return [f"{at:%H:%M}" for at in sorted(times)]


def put_transactional() -> None:
    """What no policy holds: ``t1``."""
    body = {"name": "t1", "category": "transactional", "messages": [{"type": "text", "text": "now"}]}
    catalog.save(
        SHOP, [Write("messages", "t1", normal_body(MESSAGES["messages"], body))], lambda _: None, "test"
    )


def act(next_: str | None = None, say: str = "m1") -> dict[str, Any]:
    return {"type": "action", "then": [{"add_tag": "vip"}, {"send": {"message": say}}], "next": next_}


@pytest.mark.parametrize("start", ["act", "w0"])
def test_an_action_that_says_something_is_waited_for_too(world: World, start: str) -> None:
    """Else the next step would come before what the action says: whether it begins the scenario or comes
    after a wait."""
    put_friends("u2")
    nodes = {"w0": wait("10m", "act"), "act": act("w1"), "w1": wait("1h", "s2"), "s2": message("m2")}
    publish(start=start, nodes=nodes)
    enroll("u1", "u2")
    world.run(timedelta(hours=5), sweep=False)
    assert asked(world) == []
    assert (where("u1").node, where("u1").due_at) == ("act", iso(MORNING))
    world.run(timedelta(hours=9), sweep=False)
    assert asked(world) == ["09:00", "09:00"]
    assert arrivals(world) == ["10:00 two"]


def test_an_action_is_waited_for_after_a_message_and_after_an_event(world: World) -> None:
    """What is not held goes at once, and the action behind it waits; so does one behind another action."""
    put_transactional()
    nodes = {
        "t": message("t1", "silent"),
        "silent": {"type": "action", "then": [{"add_tag": "vip"}], "next": "act"},
        "act": act("s2"),
        "s2": message("m2"),
    }
    publish(start="t", nodes=nodes)
    enroll("u1")
    world.run(timedelta(hours=12), sweep=False)
    assert arrivals(world) == ["22:00 now", "09:00 two"]
    assert asked(world) == ["22:00", "09:00"]


def test_a_goal_reached_in_the_night_ends_an_action_too(world: World) -> None:
    """It is judged anew in the morning, like a message."""
    publish(start="act", nodes={"act": act()}, goals=[{"if": {"tag": "bought"}}])
    enroll("u1")
    world.run(timedelta(hours=2), sweep=False)
    put_sheet("u1", tags=bought())
    world.run(timedelta(hours=12), sweep=False)
    assert asked(world) == []
    assert where("u1").reason == "goal"


def test_an_action_that_is_quiet_or_transactional_is_not_waited_for(world: World) -> None:
    """Only what policies hold is held."""
    put_transactional()
    publish(
        start="act", nodes={"act": act("b", say="t1"), "b": {"type": "action", "then": [{"add_tag": "vip"}]}}
    )
    enroll("u1")
    world.run(timedelta(minutes=5), sweep=False)
    assert asked(world) == ["22:00", "22:00"]
    assert where("u1").state == "finished"


def test_a_crash_anywhere_before_an_action_that_is_held_asks_nothing(world: World) -> None:
    """Killed at each crossing of the turn that says a message and comes to the action: the message comes
    once, and the friend waits at the action, of which nobody is asked."""
    put_transactional()
    publish(start="t", nodes={"t": message("t1", "act"), "act": act()})
    enroll("u1")
    begin_again, point, survived = world.keep(), 0, False
    while not survived:
        point += 1
        begin_again()
        world.crossings, world.crash_at = 0, point
        world.run(5, sweep=False)
        survived, world.crash_at = world.crash_at is not None, None
        world.run(420)
        assert (world.received("u1"), asked(world)) == (["now"], []), point
        assert (where("u1").node, where("u1").waits, where("u1").due_at) == ("act", True, iso(MORNING)), point
    assert point > 10
