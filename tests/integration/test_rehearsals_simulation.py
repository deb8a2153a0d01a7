"""A rehearsal tells what the real machinery does: the same sends and ends, at the same moments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.deliveries import policies
from chalicelib.deliveries import service as deliveries
from chalicelib.enrollments import store
from chalicelib.friends import store as friends
from chalicelib.reaction import service as reaction
from chalicelib.reaction.effects import held
from chalicelib.rehearsals import sampling
from chalicelib.rehearsals import service as rehearsal
from chalicelib.rehearsals.api import judging, reacting
from chalicelib.rehearsals.simulation import HEARD_AFTER, Simulation, Stage
from chalicelib.scenarios import graph
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from tests.conftest import emulated_aws
from tests.scenario_dice import (
    DOCUMENTS,
    EVENTS,
    POLICIES,
    SPAN,
    USERS,
    a_definition,
    an_event,
    some_events,
)
from tests.scenario_world import (
    SHOP,
    START,
    World,
    a_world,
    enroll,
    message,
    publish,
    put_friends,
    wait,
    where,
)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with emulated_aws(), a_world(timers_shards=1) as found:
        writes = [Write(kind, n, body) for kind, docs in DOCUMENTS.items() for n, body in docs.items()]
        catalog.save(SHOP, writes, lambda _: None, "test")
        put_friends(*USERS)
        found.handle = in_full(found, found.handle)  # type: ignore[method-assign]
        found.begin_again = found.keep()  # type: ignore[attr-defined]
        yield found


def in_full(world: World, handle: Any) -> Any:
    """The world's handlers, with the whole engine behind the inbox and the jobs that note receipts."""

    def work(queue: str, body: dict[str, Any], received: int = 1) -> None:
        if queue == "inbox":
            reaction.react(FriendEvent.from_message(body))
        elif queue == "bulk" and body.get("kind") == "rule_hold":
            held.come(body["entries"])
        elif queue == "bulk" and body["job"] == "receipts":
            deliveries.write_receipts(body["account"], body["run"], body["chunk"])
        else:
            handle(queue, body, received)

    return work


def rehearsed(events: list[FriendEvent]) -> dict[str, Simulation]:
    """The published scenario, rehearsed with the friends as they are."""
    owner, seen = accounts.get_account(SHOP), catalog.snapshot(SHOP)
    program, _ = rehearsal.program_of(seen, "welcome", owner.zone, "published")
    policy = policies.current(SHOP)
    react, anew = reacting(owner, seen), judging(owner, seen)
    stage = Stage(owner, program, seen, policy, react, anew, START, START + SPAN, 4000, 4000)
    found = {}
    for sheet in sampling.named(owner, USERS):
        user = sheet["user_id"]
        found[user] = Simulation(stage, sheet, [event for event in events if event.user_id == user])
        found[user].run()
    return found


def lived_through(world: World, events: list[FriendEvent]) -> None:
    """The same in earnest."""
    for event in events:
        world._push(parse_iso(event.at) + HEARD_AFTER, "inbox", event.to_message())
    enroll(*USERS, cause="rehearsal")
    world.run(SPAN - timedelta(seconds=1), sweep=False)


def compared(sheet: dict[str, Any]) -> dict[str, Any]:
    """What conditions and policies see of a sheet; places under caps by their number."""
    names = ("status", "tags", "scores", "attributes", "facts", "scenarios", "received", "limits")
    caps = {name: len(value) for name, value in sheet.items() if name.startswith("cap_") and value}
    return {name: sheet.get(name) for name in names} | caps


def standing(item: Any) -> dict[str, Any]:
    names = ("state", "run", "v", "node", "node_at", "entered_at", "due_at", "reason", "ended_at", "passed")
    return {name: getattr(item, name) for name in names} if item else {}


def compare(
    world: World, definition: dict[str, Any], policy: dict[str, Any], events: list[FriendEvent]
) -> None:
    """Rehearse twice, live through it, and find the same."""
    world.begin_again()  # type: ignore[attr-defined]
    catalog.save(SHOP, [Write("policies", "default", policy)], lambda _: None, "test")
    publish(**definition)
    crossings = world.crossings
    simulated = rehearsed(events)
    # What goes round quickly for days would take the emulated cloud long; elsewhere it is cut off.
    if sum(len(one.story.entries) for one in simulated.values()) > 90:
        return
    again = rehearsed(events)
    assert {u: s.story.entries for u, s in again.items()} == {
        u: s.story.entries for u, s in simulated.items()
    }
    assert world.crossings == crossings, "a rehearsal wrote something"
    lived_through(world, events)
    for user, one in simulated.items():
        sends = Counter((iso(at), text.split()[0]) for at, to, text in world.sends if to == user)
        entries = one.story.entries
        assert Counter((e["at"], e["message"]) for e in entries if e["what"] == "sent") == sends, entries
        assert standing(one.items[None]) == standing(store.find(SHOP, "welcome", user)), entries
        sheet = friends.load(SHOP, 4, user)
        assert sheet is not None
        assert compared(one.sheet) == compared(sheet), entries


@settings(max_examples=12, database=None, derandomize=True, suppress_health_check=[*HealthCheck])
@given(dice=st.randoms(use_true_random=True))
def test_a_rehearsal_is_what_happens(world: World, dice: Random) -> None:
    """Whatever the graph, policies and events: the same messages reach each friend at the same moments, who
    stands at the same place since the same moment, on a sheet that says the same."""
    definition = a_definition(dice)
    assume(not list(graph.faults(definition)))
    compare(world, definition, dice.choice(POLICIES), some_events(dice))


def test_one_answer_is_heard_once(world: World) -> None:
    """Who waits for a second answer is not moved on by the first."""
    nodes = {
        "n0": {"type": "wait_for", "event": "messaged", "timeout": "20h", "next": "n1", "on_timeout": None},
        "n1": message("m1", "n2"),
        "n2": {"type": "wait_for", "event": "messaged", "timeout": "20h", "next": "n3", "on_timeout": None},
        "n3": message("m2", None),
    }
    compare(world, {"start": "n0", "nodes": nodes}, {}, [an_event(1, "u1", 100, *EVENTS[0])])
    assert world.received("u1") == ["m1"]


def test_produced_facts_are_heard_as_in_earnest(world: World) -> None:
    """What a rule gives ends one wait each, what an action gives ends the wait that follows it."""

    def hears(event: str, to: str, **match: Any) -> dict[str, Any]:
        ways = {"next": to, "on_timeout": "late"}
        return {"type": "wait_for", "event": event, "match": match, "timeout": "20h", **ways}

    nodes = {
        "n0": hears("tag_added", "n1", tag="wrote"),
        "n1": hears("score_changed", "n2"),
        "n2": hears("score_changed", "n3"),
        "n3": {"type": "action", "then": [{"add_tag": "vip"}], "next": "n4"},
        "n4": hears("tag_added", "n5", tag="vip"),
        "n5": message("m1"),
        "late": message("m2"),
    }
    events = [an_event(n, "u1", 100 + 4000 * n, *EVENTS[0]) for n in range(2)]
    compare(world, {"start": "n0", "nodes": nodes}, {}, events)
    assert sorted(world.received("u1")) == ["m1", "m3"]
    assert world.received_at("u1")[0] > 4000


def test_what_goes_round_at_once_says_the_same_once(world: World) -> None:
    """A rule enters whoever has finished anew: the brake stops the second message, in both."""
    definition = {"start": "n0", "nodes": {"n0": message("m1")}, "entry": {"re_entry": "restart"}}
    compare(world, definition, {}, [])
    assert (world.received("u1"), where("u1").run) == (["m1"], 2)


def test_what_may_be_sent_again_is(world: World) -> None:
    """The brake's own exceptions: switched off, or after a shorter time."""
    definition = {"start": "n0", "nodes": {"n0": message("m1")}, "entry": {"re_entry": "restart"}}
    compare(world, definition, {"runaway": False}, [])
    assert world.received("u1") == ["m1", "m1"]


def test_ceilings_are_the_real_ones(world: World) -> None:
    """Three messages in an hour where two are allowed, whoever sends them: as in earnest."""
    nodes = {
        "n0": message("m1", "n1"),
        "n1": {"type": "action", "then": [{"add_tag": "vip"}], "next": "n2"},
        "n2": wait("20m", "n3"),
        "n3": message("m3"),
    }
    compare(world, {"start": "n0", "nodes": nodes}, {"runaway": {"per_friend_per_hour": 2}}, [])
    assert world.received("u1") == ["m1", "m3"]


@pytest.mark.parametrize("policy", POLICIES)
def test_policies_are_the_real_ones(world: World, policy: dict[str, Any]) -> None:
    """Held back, skipped, no place left: as in earnest."""
    nodes = {
        "n0": message("m1", "n1"),
        "n1": wait("3h", "n2"),
        "n2": message("m1", "n3"),
        "n3": {"type": "wait", "at": {"day": 1, "time": "16:30"}, "next": "n4"},
        "n4": message("m1", "n5"),
        "n5": message("m3"),
    }
    compare(world, {"start": "n0", "nodes": nodes}, policy, [])


@pytest.mark.parametrize("policy", POLICIES[1:3])
def test_what_actions_send_is_held_likewise(world: World, policy: dict[str, Any]) -> None:
    """A push of an action waits for the end of the quiet hours, and says the words of then, in both."""
    nodes = {
        "n0": {"type": "action", "then": [{"send": {"message": "m1"}}, {"add_tag": "vip"}], "next": "n1"},
        "n1": wait("3h", "n2"),
        "n2": {"type": "action", "then": [{"send": {"message": "m2"}}, {"send": {"message": "m1"}}]},
    }
    compare(world, {"start": "n0", "nodes": nodes}, policy, [an_event(1, "u1", 200, *EVENTS[0])])
