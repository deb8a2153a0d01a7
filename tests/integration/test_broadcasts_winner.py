"""Tests of variants: a sample, a decision at its moment or by a person, and the rest of the audience."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.broadcasts import open_runs, store
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.documents import Schedule
from chalicelib.broadcasts.winners import choosing
from chalicelib.friends import service as friends
from chalicelib.links import clicks
from chalicelib.shared.errors import Conflict, RuleViolation
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import folds
from chalicelib.timers import service as timers
from tests.deliveries_builders import FEW, START, Crashed, World, a_world, balance, forget

TEST = {"sample_percent": 50, "metric": "click", "decide_after": "1h", "min_per_arm": 5}
BODY = {
    "name": "which is better?",
    "audience": {"everyone": True},
    "variants": [{"id": "a", "message": "news"}, {"id": "b", "message": "other"}],
    "test": TEST,
}
FRIENDS = [f"U{n}" for n in range(80)]
TEXTS = {"a": "冬の新作です", "b": "別案です"}


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(*FRIENDS, account=FEW) as found:
        yield found


def send(name: str = "b", **more: Any) -> str:
    body = {field: value for field, value in {**BODY, **more}.items() if value is not None}
    broadcasts.put("shop", name, body, None, "test")
    return str(broadcasts.send("shop", name, "test")["run"])


def change(user: str, event: str, at: str, **props: Any) -> None:
    """What the reaction would write of a click, a block or a purchase."""
    before = friends.load("shop", 2, user)
    assert before is not None
    after = copy.deepcopy(before)
    if event == "click":
        folds.click(after, props, at)
    elif event == "block":
        after |= {"status": "blocked", "status_at": at, "blocked_at": at}
    assert friends.create_or_update("shop", 2, user, before, after, before["rev"])


def click(world: World, run: str, users: list[str], name: str = "b") -> None:
    for user in users:
        change(user, "click", iso(world.now), delivery=name, run=run)


def lines(name: str = "b") -> list[dict[str, Any]]:
    """What the API tells of each friend, page by page."""
    found: list[dict[str, Any]] = []
    position: dict[str, Any] | None = None
    while True:
        page, position = broadcasts.recipients("shop", name, None, 200, position)
        found += page
        if position is None:
            return found


def sample(name: str = "b") -> dict[str, list[str]]:
    """Who got which variant so far."""
    accepted = [line for line in lines(name) if line["status"] == "accepted"]
    return {arm: [line["user_id"] for line in accepted if line["variant"] == arm] for arm in "ab"}


def test_the_rest_gets_the_winner(world: World) -> None:
    """Half are the sample; an hour later the rest gets what more of them clicked. Nobody gets it twice."""

    def balances() -> None:
        progress = broadcasts.get("shop", "b")["progress"]
        assert balance(progress), progress

    world.after_each = balances
    run = send(test={**TEST, "hold_out_percent": 10})
    world.run(until=timedelta(minutes=30))
    arms, waiting = sample(), broadcasts.get("shop", "b")
    assert min(map(len, arms.values())) > 5
    assert (waiting["status"], waiting["decision"]) == ("sending", None)
    due_at = parse_iso(waiting["decides_at"])
    assert timedelta(hours=1) < due_at - START < timedelta(hours=1, minutes=1)
    sent = len(arms["a"]) + len(arms["b"])
    assert list(open_runs.problems("shop", run, "b")) == []
    assert waiting["progress"]["pending"] == 80 - sent - waiting["progress"]["held_out"] > 10
    click(world, run, arms["b"])
    click(world, "another", arms["a"])
    entry = timers.Entry("shop", "decision", run, 1, due_at, body={"broadcast": "b", "run": run})
    assert open_runs.decided([entry, replace(entry, body={**entry.body, "run": "x"})]) == [False, True]
    world.run(until=timedelta(hours=1))
    done = broadcasts.get("shop", "b")
    assert (done["status"], open_runs.decided([entry])) == ("done", [True])
    held_out = done["progress"]["held_out"]
    assert (done["progress"]["accepted"], done["progress"]["pending"]) == (80 - held_out, 0)
    assert set(world.line.got.values()) == {1}
    rest = set(world.line.got) - {*arms["a"], *arms["b"]}
    assert {world.line.messages[user][0]["text"] for user in rest} == {TEXTS["b"]}
    decision = done["decision"]
    assert (decision["winner"], decision["sent"], decision["reason"]["code"]) == ("b", "b", "winner_found")
    assert [(arm["id"], arm["sent"], arm["successes"]) for arm in decision["arms"]] == [
        ("a", len(arms["a"]), 0),
        ("b", len(arms["b"]), len(arms["b"])),
    ]
    assert decision["p"] < 0.001
    assert 0 <= decision["arms"][0]["low"] < decision["arms"][0]["high"] < decision["arms"][1]["low"] <= 1
    assert due_at <= parse_iso(decision["at"]) < due_at + timedelta(minutes=1)
    assert sum(variant["accepted"] for variant in done["variants"]) == done["progress"]["accepted"]
    assert broadcasts.runs("shop", "b", 10, None)[0][0]["decision"] == decision
    assert list(open_runs.problems("shop", run, "b")) == []
    before = lines()
    assert sorted(line["user_id"] for line in before) == sorted(FRIENDS)
    assert {line["variant"] for line in before if line["user_id"] in rest} == {"b"}
    outcome = broadcasts.why("shop", "b", next(iter(rest)))["outcome"]
    assert (outcome["status"], outcome["variant"]) == ("accepted", "b")


def test_without_a_winner_the_control_goes_out(world: World) -> None:
    """Nobody clicks: the first variant, unless the author wants nobody to get anything."""
    send(test={**TEST, "decide_after": "5m"})
    world.run(until=timedelta(minutes=10))
    first = broadcasts.get("shop", "b")
    assert (first["decision"]["winner"], first["decision"]["sent"]) == (None, "a")
    assert (first["status"], first["progress"]["accepted"]) == ("done", 80)
    world.now += timedelta(hours=1)
    send("c", test={**TEST, "if_none": "nobody"})
    world.run(until=timedelta(hours=2))
    second = broadcasts.get("shop", "c")
    left_out = second["progress"]["skipped"]["no_winner"]
    assert (second["status"], second["progress"]["accepted"]) == ("done", 80 - left_out)
    assert len([line for line in lines("c") if line.get("reason") == "no_winner"]) == left_out > 10


def test_who_is_gone_meanwhile_comes_to_an_end(world: World) -> None:
    """Of the rest, who has blocked the account or was erased gets nothing, and the numbers say so."""
    send()
    world.run(until=timedelta(minutes=30))
    waiting = [line["user_id"] for line in lines() if line["status"] == "pending"]
    change(waiting[0], "block", iso(world.now))
    assert friends.erase("shop", 2, waiting[1], iso(world.now)) is not None
    world.run(until=timedelta(hours=1))
    done = broadcasts.get("shop", "b")
    assert (done["status"], done["progress"]["skipped"]) == ("done", {"blocked": 1, "erased": 1})
    assert balance(done["progress"])
    assert broadcasts.why("shop", "b", waiting[0])["outcome"] == {"status": "skipped", "reason": "blocked"}


def test_an_arm_that_is_blocked_does_not_win(world: World) -> None:
    """However many click on it."""
    run = send()
    world.run(until=timedelta(minutes=30))
    arms = sample()
    click(world, run, arms["b"])
    for user in arms["b"]:
        change(user, "block", iso(world.now))
    world.run(until=timedelta(hours=1))
    decision = broadcasts.get("shop", "b")["decision"]
    assert (decision["winner"], decision["sent"]) == (None, "a")
    assert (decision["blocked_more"][0]["id"], decision["arms"][1]["blocks"]) == ("b", len(arms["b"]))


@pytest.mark.parametrize("winner", ["a", None])
def test_a_person_decides(world: World, winner: str | None) -> None:
    """At any moment while it is open, once; what is chosen is what the rest gets."""
    run = send()
    with pytest.raises(Conflict):
        choosing.choose("shop", "b", winner, "jane")
    world.run(until=timedelta(minutes=10))
    arms = sample()
    click(world, run, arms["b"])
    with pytest.raises(RuleViolation):
        choosing.choose("shop", "b", "c", "jane")
    choosing.choose("shop", "b", winner, "jane")
    with pytest.raises(Conflict):
        choosing.choose("shop", "b", "b", "joe")
    world.run(until=timedelta(minutes=5))
    done = broadcasts.get("shop", "b")
    decision = done["decision"]
    assert (done["status"], decision["winner"], decision["by"]) == ("done", winner, "jane")
    assert decision["arms"][1]["successes"] == len(arms["b"])
    left = done["progress"]["skipped"].get("no_winner", 0)
    assert (left > 0, set(world.line.got.values())) == (winner is None, {1})
    with pytest.raises(Conflict):
        choosing.choose("shop", "b", "b", "joe")


def test_cancelling_while_it_waits(world: World) -> None:
    """The rest is accounted for as cancelled, and gets nothing later."""
    send()
    world.run(until=timedelta(minutes=10))
    broadcasts.cancel("shop", "b", "test")
    world.run(until=timedelta(hours=3))
    done = broadcasts.get("shop", "b")
    assert (done["status"], balance(done["progress"]), done["progress"]["pending"]) == ("cancelled", True, 0)
    assert done["progress"]["skipped"]["cancelled"] == 80 - done["progress"]["accepted"] > 10
    assert open_runs.open_runs_count() == 0


def test_variants_by_time(world: World) -> None:
    """A variant with a time of its own is not sent before it; the decision waits for the last of them."""
    later = world.now + timedelta(hours=3)
    variants = [{"id": "a", "message": "news"}, {"id": "b", "message": "news", "at": iso(later)}]
    send(variants=variants, test={**TEST, "sample_percent": 100})
    world.run(until=timedelta(hours=2, minutes=50))
    assert broadcasts.get("shop", "b")["variants"][1]["accepted"] == 0
    assert len(world.line.got) == broadcasts.get("shop", "b")["variants"][0]["planned"]
    world.run(until=timedelta(minutes=20))
    assert set(world.line.got) == set(FRIENDS)
    assert broadcasts.get("shop", "b")["decision"] is None
    world.run(until=timedelta(hours=1))
    done = broadcasts.get("shop", "b")
    assert parse_iso(done["decision"]["at"]) - later > timedelta(hours=1)
    assert (done["status"], done["decision"]["winner"], set(world.line.got.values())) == ("done", None, {1})
    every = Schedule.model_validate({"every": {"time": "09:00"}})
    broadcasts.put("shop", "c", {**BODY, "variants": variants}, None, "test")
    with pytest.raises(RuleViolation):
        broadcasts.set_schedule("shop", "c", every, "test")


def test_one_message_counts_clicks_too(world: World) -> None:
    """Friends who followed a link of the newest run, with or without variants."""
    run = send(variants=None, test=None, message="news")
    clicks.count("shop", "b", "earlier", "")
    clicks.count("shop", "b", run, "")
    assert broadcasts.get("shop", "b")["clicks"] == 1


def test_tests_that_cannot_work_are_refused(world: World) -> None:
    """Each with its path."""
    for test, path in [
        ({"sample_percent": 20}, "test.sample_percent"),
        ({"if_none": "best"}, "test.if_none"),
        ({**TEST, "sample_percent": 95, "hold_out_percent": 6}, "test.sample_percent"),
        ({**TEST, "decide_after": "8d"}, "test.decide_after"),
    ]:
        with pytest.raises(RuleViolation) as refused:
            send(test=test)
        assert [detail.path for detail in refused.value.details] == [path]
    with pytest.raises(RuleViolation) as refused:
        send(variants=None, message="news")
    assert [detail.path for detail in refused.value.details] == ["test.metric"]


@pytest.mark.parametrize("part", range(2))
def test_a_crash_anywhere_in_a_decision(cloud: None, part: int) -> None:
    """The process dies before every other change after the sample was sent, in turn, whether the moment comes
    or a person chooses: one decision, and everybody once.
    """
    users, number, crossings = [f"U{n}" for n in range(12)], 2 * part - 3, 100
    with a_world(*users, account=replace(FEW, shards=1)) as world:

        def is_done() -> bool:
            return bool((found := store.find("shop", f"b{number}")) and found.status == "done")

        while number < crossings:
            forget("broadcasts", "ledger")
            world.line.got.clear()
            world.agenda.clear()
            world.machines.clear()
            world.now, number = world.now + timedelta(hours=1), number + 4
            chosen = number % 8 > 4
            send(f"b{number}", test={**TEST, "min_per_arm": 1, "decide_after": "1h" if chosen else "20s"})
            world.run(until=timedelta(seconds=10))
            before, world.crash_at = world.crossings, world.crossings + number
            if chosen:
                with suppress(Crashed):
                    choosing.choose("shop", f"b{number}", "b", "jane")
            world.run(done=is_done)
            crossings, world.crash_at = world.crossings - before, None
            done = broadcasts.get("shop", f"b{number}")
            assert (done["status"], done["progress"]["accepted"]) == ("done", 12), number
            assert world.line.got == dict.fromkeys(users, 1), number
            assert done["decision"]["sent"] == ("b" if chosen else "a"), number
    assert number > 25
