"""Friends in a scenario: each step once, in time, whatever crashes, comes twice or gets lost."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.enrollments import service, store
from chalicelib.enrollments.model import Pointer
from chalicelib.friends import store as friends
from chalicelib.scenarios import publishing
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers.model import DUE
from tests.scenario_world import (
    SHOP,
    START,
    TWO_STEPS,
    Crashed,
    World,
    a_usual_world,
    enroll,
    message,
    publish,
    put_friends,
    put_sheet,
    wait,
    where,
)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_usual_world() as found:
        yield found


def test_two_steps_arrive_once_and_on_time(world: World) -> None:
    """The first message at once, the second 65 s later, then the end; sheet, facts and item agree."""
    put_friends("u1", "u2")
    publish(**TWO_STEPS)
    assert enroll("u1", "u2") == [None, None]
    world.run(300)
    assert world.received("u1") == ["one", "two"]
    assert world.received("u2") == ["one", "two"]
    first, second = world.received_at("u1")
    assert first < 1
    assert abs(second - 65) <= 1
    assert "stepfunctions:StartExecution" in world.calls
    item = where("u1")
    assert (item.state, item.node, item.claim) == ("finished", "second", None)
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["scenarios"]["welcome"] == {
        "state": "finished",
        "node": "second",
        "run": 1,
        "v": item.v,
        "at": item.node_at,
    }
    assert world.reported("u1") == ["scenario_entered", "scenario_finished"]


def test_a_wave_becomes_multicasts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Friends whose turn comes in one second travel in packs, each is a multicast, all are reached once."""
    monkeypatch.setitem(DUE.entries, "step", replace(DUE["step"], pack=10))
    users = [f"u{n:03}" for n in range(15)]
    put_friends(*users)
    publish(**TWO_STEPS)
    enroll(*users)
    world.run(30)
    assert world.calls["line:multicast"] == 2
    assert sorted(to for _, to, _ in world.sends) == users
    world.run(120)
    assert world.calls["line:multicast"] == 4
    assert all(world.received(user) == ["one", "two"] for user in users)


def test_a_message_with_variables_goes_to_each_by_name(world: World) -> None:
    """Rendered messages travel as pushes; who lacks a value is passed, and that is said."""
    put_friends("u1", display_name="花")
    put_friends("u2")
    publish(start="hi", nodes={"hi": message("hello", "next"), "next": message("m2")})
    enroll("u1", "u2")
    world.run(30)
    assert world.received("u1") == ["hi 花", "two"]
    assert world.received("u2") == ["two"]
    skipped = [fact for fact in world.facts.values() if fact.type == "scenario_skipped"]
    assert [(fact.user_id, fact.props["nodes"][0]["node"]) for fact in skipped] == [("u2", "hi")]


def test_the_same_cause_enters_once_and_re_entry_is_as_defined(world: World) -> None:
    """never, after_exit and restart; a repeated cause never enters again."""
    put_friends("u1")
    for re_entry, after_end, while_active in (
        ("never", "already_entered", "already_active"),
        ("after_exit", None, "already_active"),
        ("restart", None, None),
    ):
        name = re_entry.replace("_", "-")
        publish(name, entry={"re_entry": re_entry}, **TWO_STEPS)
        assert enroll("u1", scenario=name, cause="a") == [None]
        assert enroll("u1", scenario=name, cause="a") == [None]
        assert where("u1", name).run == 1
        assert enroll("u1", scenario=name, cause="b") == [while_active]
        world.run(80)
        assert where("u1", name).state == "finished"
        v = where("u1", name).v
        assert enroll("u1", scenario=name, cause="a") == [None]
        assert where("u1", name).state == "finished"
        assert enroll("u1", scenario=name, cause="c") == [after_end]
        assert where("u1", name).v == (v if after_end else v + 1)
        world.run(80)


def test_entering_anew_has_a_brake(world: World) -> None:
    """Eight times within a minute, then not until the oldest is a minute ago. Causes still count once."""
    put_friends("u1")
    publish(entry={"re_entry": "restart"}, **TWO_STEPS)
    for n in range(9):
        assert enroll("u1", cause=f"c{n}") == [None]
        world.now += timedelta(seconds=5)
    assert enroll("u1", cause="c9") == ["too_often"]
    assert enroll("u1", cause="c8") == [None]
    assert where("u1").run == 9
    world.now = START + timedelta(seconds=64)
    assert enroll("u1", cause="c9") == ["too_often"]
    world.now = START + timedelta(seconds=65)
    assert enroll("u1", cause="c9") == [None]
    assert enroll("u1", cause="c10") == ["too_often"]
    assert (where("u1").run, len(where("u1").re_entries)) == (10, 8)
    world.now += timedelta(days=1)
    assert enroll("u1", cause="c11") == [None]
    assert where("u1").re_entries == [iso(world.now)]


def test_refusals_say_why(world: World) -> None:
    """Unknown and blocked friends, and scenarios that were never published."""
    put_friends("u1", "u2")
    put_sheet("u2", status="blocked")
    assert enroll("u1") == ["not_published"]
    publish(**TWO_STEPS)
    assert enroll("u1", "u2", "nobody") == [None, "blocked", "unknown_friend"]


def test_a_block_leaves_and_keeps_as_defined(world: World) -> None:
    """on_block exit leaves at once; keep goes on without sending while blocked."""
    put_friends("u1")
    publish("leaves", **TWO_STEPS)
    nodes = {**TWO_STEPS["nodes"], "first": message("m3", "pause")}  # the same words twice would be held
    publish("keeps", entry={"on_block": "keep"}, start="first", nodes=nodes)
    enroll("u1", scenario="leaves")
    enroll("u1", scenario="keeps")
    world.run(10)
    put_sheet("u1", status="blocked")
    event = FriendEvent("e1", SHOP, "u1", "unfollowed", iso(world.now))
    sheet = friends.load(SHOP, 4, "u1") or {}
    assert service.on_friend_event(SHOP, "u1", sheet, event) == ["leaves"]
    world.run(300)
    assert sorted(world.received("u1")) == ["one", "three"]
    assert (where("u1", "leaves").state, where("u1", "leaves").reason) == ("exited", "blocked")
    assert where("u1", "keeps").state == "finished"
    assert "scenario_exited" in world.reported("u1")


def test_exit_ends_the_run_and_can_be_repeated(world: World) -> None:
    """An exit between two steps: the second is never sent; a second exit finds nobody."""
    put_friends("u1")
    publish(**TWO_STEPS)
    enroll("u1")
    world.run(10)
    at = world.now
    assert service.exit(SHOP, ["u1"], "welcome", "operator", at)[0].accepted
    assert service.exit(SHOP, ["u1"], "welcome", "operator", at)[0].accepted
    world.run(300)
    assert not service.exit(SHOP, ["u1"], "welcome", "other", world.now)[0].accepted
    assert world.received("u1") == ["one"]
    assert world.reported("u1") == ["scenario_entered", "scenario_exited"]


def test_goals_end_before_the_next_node(world: World) -> None:
    """A goal reached while waiting: no further message, exited as goal."""
    put_friends("u1", "u2")
    publish(**TWO_STEPS, goals=[{"if": {"tag": "bought"}}])
    enroll("u1", "u2")
    world.run(10)
    put_sheet("u1", tags={"bought": {"since": iso(START), "by": "x", "at": iso(START)}})
    world.run(300)
    assert world.received("u1") == ["one"]
    assert where("u1").reason == "goal"
    assert world.received("u2") == ["one", "two"]


def test_branches_splits_and_exits_take_no_time(world: World) -> None:
    """Nodes without a wait are passed in the same turn."""
    put_friends("u1", "u2")
    put_sheet("u1", tags={"vip": {"since": iso(START), "by": "x", "at": iso(START)}})
    publish(
        start="who",
        nodes={
            "who": {
                "type": "branch",
                "cases": [{"if": {"tag": "vip"}, "next": "arms"}],
                "else": "out",
            },
            "arms": {"type": "split", "arms": [{"weight": 1, "next": "a"}]},
            "a": message("m1", "b"),
            "b": message("m2", "out"),
            "out": {"type": "exit", "reason": "done here"},
        },
    )
    enroll("u1", "u2")
    world.run(20)
    assert world.received("u1") == ["one", "two"]
    assert world.received("u2") == []
    assert (where("u1").reason, where("u2").reason) == ("done here", "done here")


def test_an_action_is_carried_out_and_then_the_friend_goes_on(world: World) -> None:
    """The action's event reaches the inbox once; while nothing answers it is asked again; then on."""
    put_friends("u1")
    then = [{"record_event": {"name": "seen", "props": {}}}]
    nodes = {
        "a": message("m1", "do"),
        "do": {"type": "action", "then": then, "next": "b"},
        "b": message("m2"),
    }
    publish(start="a", nodes=nodes)
    world.act_at_once = False
    enroll("u1")
    world.run(200)
    actions = [fact for fact in world.facts.values() if fact.type == "scenario_action"]
    assert len(actions) == 1
    assert actions[0].props["then"] == then
    assert world.received("u1") == ["one"]
    assert service.action_done(SHOP, "u1", actions[0]) is True
    assert service.action_done(SHOP, "u1", actions[0]) is False
    world.run(100)
    assert world.received("u1") == ["one", "two"]


@pytest.mark.parametrize("then", ["skip", "send", "exit"])
def test_a_late_message_is_treated_as_defined(world: World, then: str) -> None:
    """Two hours of downtime: the second message is skipped, sent or the scenario left."""
    put_friends("u1")
    nodes = {
        **TWO_STEPS["nodes"],
        "second": message("m2", "third", late={"max": "1h", "then": then}),
        "third": message("m3"),
    }
    publish(start="first", nodes=nodes)
    enroll("u1")
    world.run(10)
    world.now += timedelta(hours=2)
    world.run(300)
    expected = {"skip": ["one", "three"], "send": ["one", "two", "three"], "exit": ["one"]}
    assert world.received("u1") == expected[then]


def test_pause_holds_everybody_and_resume_goes_on_at_once(world: World) -> None:
    """While paused nothing is sent and nothing is lost; what fell due goes out at once after resume."""
    put_friends("u1")
    publish(**TWO_STEPS)
    enroll("u1")
    world.run(10)
    publishing.pause(SHOP, "welcome", "test")
    world.run(1200)
    assert world.received("u1") == ["one"]
    publishing.resume(SHOP, "welcome", "test")
    resumed = (world.now - START).total_seconds()
    world.run(60)
    assert world.received("u1") == ["one", "two"]
    assert world.received_at("u1")[1] - resumed <= 2


def test_messages_lost_from_the_queue_are_fed_again(world: World) -> None:
    """The due queue loses everything for a while: verify and the sweeper feed what has not advanced."""
    put_friends("u1")
    publish(**TWO_STEPS)
    world.lose = {"due"}
    enroll("u1")
    world.run(30)
    assert world.received("u1") == []
    world.lose = set()
    world.run(600)
    assert world.received("u1") == ["one", "two"]


def test_without_machines_the_sweeper_carries_the_scenario(world: World) -> None:
    """No execution ever runs: the second step still comes, at most a sweep late."""
    put_friends("u1")
    publish(**TWO_STEPS)
    world.machines_run = False
    enroll("u1")
    world.run(300)
    assert world.received("u1") == ["one", "two"]
    assert world.received_at("u1")[1] <= 65 + 75


def test_what_one_friend_costs(world: World) -> None:
    """AWS calls of a wave of 30 for one message step: three per friend, the rest shared."""
    users = [f"u{n:03}" for n in range(30)]
    put_friends(*users)
    publish(
        start="first",
        nodes={"first": message("m1", "pause"), "pause": wait("1h", "second"), "second": message("m2")},
    )
    enroll(*users)
    (due,) = [entry for entry in world.queue if entry[2] == "due"]
    world.calls.clear()
    world.handle("due", due[3])
    assert world.calls["dynamodb:UpdateItem"] <= 95
    assert sum(world.calls.values()) <= 120


def test_two_pointers_of_a_friend_are_both_carried_out(world: World) -> None:
    """A pointer that is too new does not displace the due one: it comes back, the due one moves them."""
    put_friends("u1")
    publish(start="first", nodes={"first": message("m1", "pause"), "pause": wait("1h", None)})
    enroll("u1")
    now = where("u1")
    world.queue.clear()
    due = Pointer(SHOP, "u1", "welcome", now.run, now.v, now.due_at)
    service.advance([due, replace(due, v=now.v + 7), due])
    assert where("u1").v == now.v + 1
    assert [body["entries"][0]["version"] for _, _, queue, body, _ in world.queue if queue == "due"] == [8]


def _lose_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every move is applied, and asked for again by a client that did not hear so: refused."""
    move = store.move

    def twice(*args: Any) -> bool:
        return move(*args) and move(*args)

    monkeypatch.setattr(store, "move", twice)


def test_a_move_whose_answer_was_lost_is_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sheet shows where the friend stands and the action is asked for, as after any move."""
    put_friends("u1")
    then = [{"record_event": {"name": "seen", "props": {}}}]
    publish(start="a", nodes={"a": message("m1", "do"), "do": {"type": "action", "then": then, "next": None}})
    _lose_answers(monkeypatch)
    world.act_at_once = False
    enroll("u1")
    world.run(5)
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert (sheet["scenarios"]["welcome"]["node"], where("u1").node) == ("do", "do")
    (action,) = [fact for fact in world.facts.values() if fact.type == "scenario_action"]
    assert service.action_done(SHOP, "u1", action)
    sheet = friends.load(SHOP, 4, "u1")
    assert sheet is not None
    assert sheet["scenarios"]["welcome"]["state"] == "finished"


def test_who_goes_on_without_the_message_waits_from_when_it_was_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left out of a claim's manifest, a friend's next wait counts from when the message was due."""
    put_friends("u1", display_name="花")
    nodes = {"hi": message("hello", "pause"), "pause": wait("1h", "next"), "next": message("m2")}
    publish(start="hi", nodes=nodes)
    enroll("u1")
    with monkeypatch.context() as patch:

        def crash(*_: Any, **__: Any) -> None:
            raise Crashed

        patch.setattr("chalicelib.deliveries.service.put_chunk", crash)
        world.run(10)
    assert where("u1").claim is not None
    put_sheet("u1", display_name=None)
    world.run(400)
    assert world.received("u1") == []
    moved_at = parse_iso(where("u1").node_at)
    assert moved_at == START
    assert parse_iso(where("u1").due_at) == moved_at + timedelta(hours=1)
