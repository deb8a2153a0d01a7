"""What starts, holds and stops a run: schedules, pauses, the quota, approval, cancelling, quiet hours."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.documents import Schedule
from chalicelib.broadcasts.plans import planning, run_snapshots
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.gateways import line
from chalicelib.shared.errors import Conflict
from chalicelib.shared.times import iso
from tests.deliveries_builders import World, an_account
from tests.integration.test_broadcasts_run import FRIENDS, SHOP, balances, put, world

__all__ = ["world"]


def test_schedule_waits_and_may_be_changed(world: World) -> None:
    """Nothing goes out before its time; until then the document and the time may be changed."""
    put()
    at = world.now + timedelta(hours=2)
    first = broadcasts.set_schedule("shop", "b", Schedule(at=at), "test")
    assert (first["status"], first["at"]) == ("scheduled", iso(at))
    later = at + timedelta(hours=1)
    second = broadcasts.set_schedule("shop", "b", Schedule(at=later), "test")
    assert second["run"] != first["run"]
    put(name="b", audience={"tag": "vip"})
    times: list[Any] = []
    world.line.fault = lambda kind, body, n: times.append(world.now)
    world.run(until=timedelta(hours=4))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert timedelta() <= times[0] - later < timedelta(seconds=3)
    assert set(world.line.got) == {"U1", "U3", "U5"}
    assert world.machines[first["run"]].path[-1] == "Gone"
    with pytest.raises(Conflict):
        put()


def test_every_occurrence_is_a_run_of_its_own(world: World) -> None:
    """Twice a week at ten, until it is cancelled; each run is kept with its numbers."""
    put()
    every = Schedule.model_validate({"every": {"weekdays": ["mon", "thu"], "time": "10:00"}})
    first = broadcasts.set_schedule("shop", "b", every, "test")
    assert first["at"] == "2026-11-23T01:00:00.000Z"
    world.run(until=timedelta(days=7))
    now = broadcasts.get("shop", "b")
    assert (now["status"], now["at"]) == ("scheduled", "2026-11-30T01:00:00.000Z")
    runs, _ = broadcasts.runs("shop", "b", 10, None)
    assert [(run["status"], run["progress"]["accepted"]) for run in runs] == [("done", 7), ("done", 7)]
    assert world.line.got == dict.fromkeys(FRIENDS, 2)
    assert broadcasts.cancel("shop", "b", "test")["status"] == "cancelled"
    world.run(until=timedelta(days=14))
    assert world.line.got == dict.fromkeys(FRIENDS, 2)


def test_missed(world: World) -> None:
    """Down for two hours at the time of sending: nobody is sent to; a person may send it then."""
    put(max_lateness="30m")
    broadcasts.set_schedule("shop", "b", Schedule(at=world.now + timedelta(hours=1)), "test")
    world.now += timedelta(hours=3)
    world.run(until=timedelta(minutes=10))
    assert broadcasts.get("shop", "b")["status"] == "missed"
    assert not world.line.calls
    assert broadcasts.send("shop", "b", "test")["status"] == "planning"
    world.run(until=timedelta(minutes=10))
    assert world.line.got == dict.fromkeys(FRIENDS, 1)


def test_pause_during_planning_plans_and_releases_nothing(world: World) -> None:
    """Paused right after sending: everything is planned, nothing goes out until it is resumed."""
    put()
    broadcasts.send("shop", "b", "test")
    paused = broadcasts.pause("shop", "b", "test")
    assert (paused["status"], paused["status_reason"]) == ("paused", "operator")
    with pytest.raises(Conflict):
        broadcasts.pause("shop", "b", "test")
    world.run(until=timedelta(hours=3))
    found = broadcasts.get("shop", "b")
    assert (found["status"], found["progress"]["pending"]) == ("paused", 7)
    assert not world.line.calls
    broadcasts.resume("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
    with pytest.raises(Conflict):
        broadcasts.resume("shop", "b", "test")


def test_pause_while_sending(world: World) -> None:
    """Paused in the middle of pushes: what is under way ends, the rest waits."""
    put(message="dear")
    broadcasts.send("shop", "b", "test")

    def stop(kind: str, body: Any, n: int) -> Any:
        if n == 1:
            broadcasts.pause("shop", "b", "test")
            return line.Answer(429, "The API rate limit has been exceeded. Try again later.")
        return None

    world.line.fault = stop
    world.run(until=timedelta(hours=1))
    assert broadcasts.get("shop", "b")["status"] == "paused"
    assert len(world.line.calls) == 1
    broadcasts.resume("shop", "b", "test")
    world.run(until=timedelta(minutes=2))
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
    assert broadcasts.get("shop", "b")["status"] == "done"


def test_quota_is_checked_before_anything_is_sent(world: World) -> None:
    """Seven friends, six left: paused(quota). With more quota a person lets it go on."""
    world.line.quota = (1000, 994)
    put()
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=10))
    found = broadcasts.get("shop", "b")
    assert (found["status"], found["status_reason"]) == ("paused", "quota")
    assert not world.line.calls
    broadcasts.resume("shop", "b", "test")
    world.run(until=timedelta(minutes=10))
    assert broadcasts.get("shop", "b")["status_reason"] == "quota"
    world.line.quota = (1000, 993)
    broadcasts.resume("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    assert world.line.got == dict.fromkeys(FRIENDS, 1)


def test_a_line_that_does_not_report_the_quota_is_not_in_the_way(world: World) -> None:
    """The quota call fails: the broadcast goes on."""
    answer = world.line.answer

    def no_quota(name: str, detail: Any) -> Any:
        if name == "line:quota":
            raise line.NoAnswer("ReadTimeoutError")
        return answer(name, detail)

    world.line.answer = no_quota  # type: ignore[method-assign]
    put()
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "b")["status"] == "done"


def test_approval(world: World) -> None:
    """Above the account's threshold somebody must approve first."""
    an_account(SHOP, policies={"approval_above": 5})
    put()
    broadcasts.send("shop", "b", "test")
    with pytest.raises(Conflict):
        broadcasts.approve("shop", "b", "test")
    world.run(until=timedelta(hours=3))
    assert broadcasts.get("shop", "b")["status"] == "awaiting_approval"
    assert not world.line.calls
    broadcasts.approve("shop", "b", "other")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "b")["status"] == "done"
    put("small", audience={"tag": "vip"})
    broadcasts.send("shop", "small", "test")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "small")["status"] == "done"


@pytest.mark.parametrize("crossing", range(10))
def test_cancel_at_any_crossing(world: World, crossing: int) -> None:
    """After so many messages it is cancelled: everybody is accounted for, nobody twice, the run ends."""
    put(message="dear")
    broadcasts.send("shop", "b", "test")
    seen = 0

    def enough() -> bool:
        nonlocal seen
        seen += 1
        return seen > crossing

    world.run(done=enough)
    if broadcasts.get("shop", "b")["status"] == "done":
        with pytest.raises(Conflict):
            broadcasts.cancel("shop", "b", "test")
        return
    assert broadcasts.cancel("shop", "b", "test")["status"] == "cancelled"
    world.after_each = lambda: balances(world)
    world.run(until=timedelta(minutes=30))
    found = broadcasts.get("shop", "b")
    numbers = found["progress"]
    assert found["finished_at"] is not None
    assert numbers["pending"] == 0
    assert numbers["planned"] == (7 if crossing > 1 else 0)
    assert numbers["accepted"] == sum(world.line.got.values())
    assert broadcasts.open_runs_count() == 0
    assert {machine.path[-1] for machine in world.machines.values()} == {"Cancelled"}


def test_cancel_of_a_schedule(world: World) -> None:
    """A scheduled broadcast that is cancelled never begins."""
    put()
    broadcasts.set_schedule("shop", "b", Schedule(at=world.now + timedelta(hours=1)), "test")
    cancelled = broadcasts.cancel("shop", "b", "test")
    assert cancelled["status"] == "cancelled"
    assert cancelled["finished_at"] is not None
    world.run(until=timedelta(hours=2))
    assert not world.line.calls


def test_quiet_hours_pause_a_broadcast_until_they_are_over(world: World) -> None:
    """The run pauses itself, says why, and goes on by itself at the end of the quiet hours."""
    an_account(SHOP, policies={"quiet_hours": {"from": "11:00", "to": "13:00"}})
    put()
    noon = world.now
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=20))
    found = broadcasts.get("shop", "b")
    assert (found["status"], found["status_reason"]) == ("paused", "quiet_hours")
    times: list[Any] = []
    world.line.fault = lambda kind, body, n: times.append(world.now)
    world.run(until=timedelta(hours=1))
    assert timedelta(hours=1) <= times[0] - noon < timedelta(hours=1, seconds=10)
    assert broadcasts.get("shop", "b")["status"] == "done"


def test_caps_are_reserved_while_planning(world: World) -> None:
    """One marketing message a day: a second broadcast skips everybody with ``cap``."""
    an_account(SHOP, policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    put("b1")
    put("b2")
    broadcasts.send("shop", "b1", "test")
    broadcasts.send("shop", "b2", "test")
    world.run(until=timedelta(minutes=2))
    one, two = (broadcasts.get("shop", name)["progress"] for name in ("b1", "b2"))
    assert one["accepted"] + two["accepted"] == 7
    assert one["skipped"].get("cap", 0) + two["skipped"].get("cap", 0) == 7
    assert world.line.got == dict.fromkeys(FRIENDS, 1)


def test_places_taken_for_a_slice_that_lost_are_given_back(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two workers at a shard the slower one means more friends: only who is sent to keeps a place."""
    an_account(SHOP, policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    put(audience={"tag": "vip"})
    run = broadcasts.send("shop", "b", "test")["run"]
    world.run(done=lambda: run_snapshots.find_run_snapshot("shop", "b", run) is not None)
    run_snapshot = run_snapshots.find_run_snapshot("shop", "b", run)
    assert run_snapshot is not None
    tools = planning.tools(run_snapshot)
    slower = replace(tools, judge=replace(tools.judge, included=lambda sheet: True))
    put_slice = plan_store.put_slice

    def after_the_other(*args: Any) -> Any:
        monkeypatch.setattr(plan_store, "put_slice", put_slice)
        for shard in range(SHOP.shards):
            planning.judge_shard(run_snapshot, tools, shard)
        return put_slice(*args)

    monkeypatch.setattr(plan_store, "put_slice", after_the_other)
    for shard in range(SHOP.shards):
        planning.judge_shard(run_snapshot, slower, shard)
    world.run(until=timedelta(minutes=1))
    assert set(world.line.got) == {"U1", "U3", "U5"}
    put("c")
    broadcasts.send("shop", "c", "test")
    world.run(until=timedelta(minutes=1))
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
