"""Broadcast runs, driven by the machine's own file at a clock that moves when told, whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.model import Account
from chalicelib.broadcasts import frozen_store, lifecycle, plan_store, planning
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.documents import Schedule
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import line, seam
from chalicelib.shared.errors import Conflict, InvalidInput, RuleViolation
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from tests.deliveries_builders import Crashed, World, a_friend, an_account, balance, forget

SHOP = Account("shop", "Shop", "Asia/Tokyo", 2)
NEWS = {"name": "news", "audience": {"everyone": True}, "message": "news"}
FRIENDS = [f"U{n}" for n in range(7)]


@pytest.fixture
def world(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    found = World()
    monkeypatch.setattr(timers, "arm", found.arm)
    monkeypatch.setattr(timers, "watch", found.watch)
    with seam.guarded(found.guard):
        an_account(SHOP)
        for n, user in enumerate(FRIENDS):
            a_friend(user, SHOP, tags=["vip"] if n % 2 else [])
        yield found


def put(name: str = "b", **more: Any) -> dict[str, Any]:
    body = {**NEWS, **more}
    return broadcasts.put("shop", name, {k: v for k, v in body.items() if v is not None}, None, "test")[0]


def balances(world: World, name: str = "b") -> None:
    """The numbers balance at this moment."""
    with seam.guarded(lambda crossing, detail, call: world.now if crossing == "clock:now" else call()):
        assert balance(broadcasts.get("shop", name)["progress"])


def test_a_broadcast_reaches_everybody_once(world: World) -> None:
    """From draft to done through every state of the machine; the numbers balance after every message."""
    assert put()["status"] == "draft"
    world.after_each = lambda: balances(world)
    sent = broadcasts.send("shop", "b", "test")
    assert (sent["status"], sent["progress"]["planned"]) == ("planning", 0)
    world.run(until=timedelta(minutes=1))
    done = broadcasts.get("shop", "b")
    assert (done["status"], done["progress"]["planned"], done["progress"]["accepted"]) == ("done", 7, 7)
    assert done["finished_at"] is not None
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
    assert [len(body["to"]) for kind, body, _ in world.line.calls if kind == "multicast"] == [7]
    assert world.machines[done["run"]].path[-1] == "Done"
    assert broadcasts.open_runs_count() == 0
    with pytest.raises(Conflict):
        broadcasts.send("shop", "b", "test")


@pytest.mark.parametrize("part", range(2))
def test_a_crash_anywhere_sends_to_everybody_once(world: World, part: int) -> None:
    """The process dies before each change that planner, machine tasks and send worker make, in turn."""
    small = Account("small", "Small", "Asia/Tokyo", 1)
    an_account(small)
    for user in FRIENDS[:3]:
        a_friend(user, small)
    crossings, number = 100, part
    while number < crossings:
        number += 2
        forget("broadcasts", "ledger")
        name = f"b{number}"
        world.line.got.clear()
        broadcasts.put("small", name, NEWS, None, "test")
        before = world.crossings
        world.crash_at = before + number
        try:
            broadcasts.send("small", name, "test")
        except Crashed:
            if broadcasts.get("small", name)["status"] == "draft":
                broadcasts.send("small", name, "test")
        world.run(until=timedelta(minutes=20))
        if world.crossings < world.crash_at:
            crossings = 0  # it was through before it could die
        world.crash_at = None
        found = broadcasts.get("small", name)
        assert (found["status"], found["progress"]["accepted"]) == ("done", 3), number
        assert world.line.got == dict.fromkeys(FRIENDS[:3], 1), number
        world.machines.clear()
        world.agenda.clear()
    assert number > 25


def test_forgotten_executions_are_started_again(world: World) -> None:
    """Everything stops between two messages, executions are forgotten: the open runs are found again."""
    for n in range(1, 9):
        world.line.got.clear()
        put(f"b{n}")
        broadcasts.send("shop", f"b{n}", "test")
        seen = 0

        def enough(limit: int = n) -> bool:
            nonlocal seen
            seen += 1
            return seen > limit

        world.run(done=enough)
        world.agenda.clear()  # queue messages are lost as well
        world.forget_executions()
        broadcasts.resume_open_runs()
        world.run(until=timedelta(minutes=5))
        assert broadcasts.get("shop", f"b{n}")["status"] == "done", n
        assert world.line.got == dict.fromkeys(FRIENDS, 1), n


def test_the_watch_starts_a_lost_execution(world: World) -> None:
    """Nobody restarts anything: the run's own watch does."""
    put()
    broadcasts.send("shop", "b", "test")
    world.forget_executions()
    world.agenda = [due for due in world.agenda if due[0] > world.now + timedelta(minutes=1)]
    world.run(until=timedelta(minutes=5))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert len(world.machines) == 1


def test_the_watch_feeds_what_was_lost_while_settling(world: World) -> None:
    """The only message of every chunk is lost after release: the run's watch feeds the chunks again."""
    put()
    run = broadcasts.send("shop", "b", "test")["run"]
    released = world.now + timedelta(minutes=1)
    world.lose = lambda queue, body: queue == "sends" and world.now < released
    world.run(until=timedelta(minutes=1))
    assert (broadcasts.get("shop", "b")["status"], world.line.got) == ("sending", {})
    world.run(until=timedelta(minutes=5))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
    assert list(world.machines) == [run]


def test_run_done_tells_the_timers(world: World) -> None:
    """A run's watch is done with when the run has ended, is another one, or a later watch stands."""
    put()
    run = broadcasts.send("shop", "b", "test")["run"]

    def entry(version: int, of: str = run) -> timers.Entry:
        return timers.Entry("shop", "run", of, version, world.now, body={"broadcast": "b", "run": of})

    asked = [entry(0), entry(0, "another"), entry(1)]
    assert broadcasts.run_done(asked) == [False, True, False]
    lifecycle.watched("shop", "b", run, 0)
    assert broadcasts.run_done(asked) == [True, True, False]
    world.run(until=timedelta(minutes=1))
    assert broadcasts.run_done(asked) == [True, True, True]


def test_duplicated_messages_change_nothing(world: World) -> None:
    """Every message of every queue comes twice."""
    world.duplicate = True
    put()
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=20))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert world.line.got == dict.fromkeys(FRIENDS, 1)


def test_writes_whose_answer_is_lost(world: World) -> None:
    """Every write is sent twice: each action is carried out once, and says so to whoever asked for it."""
    world.sent_again = lambda name: name in {"dynamodb:UpdateItem", "dynamodb:PutItem"}
    an_account(SHOP, policies={"approval_above": 5})
    first, is_new = broadcasts.put("shop", "b", NEWS, 0, "test")
    assert (first["revision"], is_new) == (1, True)
    second, is_new = broadcasts.put("shop", "b", {**NEWS, "message": "dear"}, 1, "test")
    assert (second["revision"], is_new) == (2, False)
    at = Schedule(at=world.now + timedelta(hours=1))
    run = broadcasts.set_schedule("shop", "b", at, "test")["run"]
    assert broadcasts.open_runs_count() == 0
    world.run(until=timedelta(hours=2))
    assert broadcasts.open_runs_count() == 1
    assert broadcasts.approve("shop", "b", "test")["run"] == run
    world.run(until=timedelta(minutes=5))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert world.line.got == dict.fromkeys(FRIENDS, 1)
    put("c")
    broadcasts.send("shop", "c", "test")
    assert broadcasts.cancel("shop", "c", "test")["status"] == "cancelled"
    with pytest.raises(Conflict):
        broadcasts.cancel("shop", "c", "test")
    world.run(until=timedelta(minutes=10))
    assert broadcasts.open_runs_count() == 0
    assert broadcasts.get("shop", "c")["progress"]["accepted"] == 0


def test_audience_exclude_and_skips(world: World) -> None:
    """The condition and its exclusion decide who is meant; who cannot be reached is skipped, with why."""
    a_friend("blocked", SHOP, status="blocked", tags=["vip"])
    a_friend("nameless", SHOP, display_name=None, name=None, tags=["vip"])
    either = {"any": [{"friend": {"status": "following"}}, {"friend": {"status": "blocked"}}]}
    audience = {"all": [{"tag": "vip"}, either]}
    put(audience=audience, exclude={"random": {"salt": "x", "from": 0, "to": 0}}, message="dear")
    broadcasts.send("shop", "b", "test")
    world.after_each = lambda: balances(world)
    world.run(until=timedelta(minutes=1))
    numbers = broadcasts.get("shop", "b")["progress"]
    assert numbers["planned"] == 5
    assert numbers["skipped"] == {"blocked": 1, "unrenderable": 1}
    assert set(world.line.got) == {"U1", "U3", "U5"}
    assert world.line.messages["U3"][0]["text"] == "U3様さん、冬の新作です"
    put("c", exclude={"tag": "vip"})
    broadcasts.send("shop", "c", "test")
    world.line.got.clear()
    world.run(until=timedelta(minutes=1))
    assert set(world.line.got) == {"U0", "U2", "U4", "U6"}


def test_everybody_is_judged_by_the_catalog_of_one_moment(world: World) -> None:
    """A segment that another one names changes while shards are judged: for this run it stays as it was."""

    def save(kind: str, name: str, body: dict[str, Any]) -> None:
        catalog.save("shop", [catalog.Write(kind, name, body)], lambda snapshot: None, "test")

    vips, others = {"tag": "vip"}, {"not": {"tag": "vip"}}
    save("segments", "inner", {"name": "inner", "condition": vips})
    save("segments", "outer", {"name": "outer", "condition": {"segment": "inner"}})
    put(audience={"segment": "outer"})
    run = broadcasts.send("shop", "b", "test")["run"]

    def change() -> None:
        judged = len(plan_store.read_plan("shop", run)[0])
        if judged == 1:
            save("segments", "inner", {"name": "inner", "condition": others})

    world.after_each = change
    world.run(until=timedelta(minutes=1))
    assert set(world.line.got) == {"U1", "U3", "U5"}
    assert catalog.snapshot("shop").get("segments", "inner").body["condition"] == others
    put("c", audience={"segment": "outer"})
    broadcasts.send("shop", "c", "test")
    world.run(until=timedelta(minutes=1))
    assert set(world.line.got) == set(FRIENDS)


def test_variants_and_hold_out(world: World) -> None:
    """Every friend has one arm or is held out; the numbers of the variants add up."""
    for n in range(60):
        a_friend(f"F{n}", SHOP)
    variants = [{"id": "a", "message": "news", "weight": 3}, {"id": "b", "message": "dear"}]
    put(message=None, variants=variants, test={"hold_out_percent": 20})
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    found = broadcasts.get("shop", "b")
    numbers, arms = found["progress"], {arm["id"]: arm for arm in found["variants"]}
    assert (numbers["planned"], balance(numbers)) == (67, True)
    assert 3 <= numbers["held_out"] <= 30
    assert (
        arms["a"]["accepted"] + arms["b"]["accepted"] == numbers["accepted"] == sum(world.line.got.values())
    )
    assert arms["a"]["planned"] > arms["b"]["planned"] > 0
    assert set(world.line.got.values()) == {1}


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


def test_a_line_that_does_not_tell_the_quota_is_not_in_the_way(world: World) -> None:
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
    broadcasts.approve("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "b")["status"] == "done"
    put("small", audience={"tag": "vip"})
    broadcasts.send("shop", "small", "test")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "small")["status"] == "done"


@pytest.mark.parametrize("moment", range(10))
def test_cancel_at_any_moment(world: World, moment: int) -> None:
    """After so many messages it is cancelled: everybody is accounted for, nobody twice, the run ends."""
    put(message="dear")
    broadcasts.send("shop", "b", "test")
    seen = 0

    def enough() -> bool:
        nonlocal seen
        seen += 1
        return seen > moment

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
    assert numbers["planned"] == (7 if moment > 1 else 0)
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
    world.run(done=lambda: frozen_store.find_frozen("shop", "b", run) is not None)
    frozen = frozen_store.find_frozen("shop", "b", run)
    assert frozen is not None
    tools = planning.tools(frozen)
    slower = replace(tools, judge=replace(tools.judge, included=lambda sheet: True))
    put_slice = plan_store.put_slice

    def after_the_other(*args: Any) -> Any:
        monkeypatch.setattr(plan_store, "put_slice", put_slice)
        for shard in range(SHOP.shards):
            planning.judge_shard(frozen, tools, shard)
        return put_slice(*args)

    monkeypatch.setattr(plan_store, "put_slice", after_the_other)
    for shard in range(SHOP.shards):
        planning.judge_shard(frozen, slower, shard)
    world.run(until=timedelta(minutes=1))
    assert set(world.line.got) == {"U1", "U3", "U5"}
    put("c")
    broadcasts.send("shop", "c", "test")
    world.run(until=timedelta(minutes=1))
    assert world.line.got == dict.fromkeys(FRIENDS, 1)


def test_a_message_that_is_gone_fails_the_run(world: World) -> None:
    """What cannot be planned fails with the reason; nothing is sent."""
    put()
    broadcasts.set_schedule("shop", "b", Schedule(at=world.now + timedelta(hours=1)), "test")
    catalog.save("shop", [catalog.Write("messages", "news", None)], lambda snapshot: None, "test")
    world.run(until=timedelta(hours=2))
    found = broadcasts.get("shop", "b")
    assert (found["status"], "messages/news" in found["status_reason"]) == ("failed", True)
    assert not world.line.calls
    put(message="other")
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    assert broadcasts.get("shop", "b")["status"] == "done"


def test_a_broadcast_to_nobody_is_done(world: World) -> None:
    """An audience without friends plans nothing and ends."""
    put(audience={"all": [{"tag": "vip"}, {"not": {"tag": "vip"}}]})
    broadcasts.send("shop", "b", "test")
    world.run(until=timedelta(minutes=1))
    found = broadcasts.get("shop", "b")
    assert (found["status"], found["progress"]["planned"]) == ("done", 0)


def test_bad_documents_are_refused(world: World) -> None:
    """Shape is 400, what cannot work is 422, each with its path."""
    for body, error in [
        ({"name": "x", "audience": {"everyone": True}}, InvalidInput),
        ({**NEWS, "audience": {"tags": "x"}}, InvalidInput),
        ({**NEWS, "audience": {"tag": "nobody-knows"}}, RuleViolation),
        ({**NEWS, "message": "nobody-knows"}, RuleViolation),
        ({**NEWS, "test": {"sample_percent": 10}}, RuleViolation),
        ({**NEWS, "max_lateness": "soon"}, InvalidInput),
    ]:
        with pytest.raises(error):
            broadcasts.put("shop", "bad", body, None, "test")
    first = put()
    with pytest.raises(Conflict) as stale:
        broadcasts.put("shop", "b", NEWS, first["revision"] + 1, "test")
    assert stale.value.extra == {"current_revision": first["revision"]}


def test_recipients_and_runs_of_another_account_are_apart(world: World) -> None:
    """Two accounts with the same ids of everything: what one sends, only its friends get."""
    other = Account("other", "Other", "Asia/Tokyo", 2)
    an_account(other)
    a_friend("U0", other)
    a_friend("V1", other)
    put()
    broadcasts.put("other", "b", NEWS, None, "test")
    broadcasts.send("other", "b", "test")
    world.run(until=timedelta(minutes=1))
    assert set(world.line.got) == {"U0", "V1"}
    assert broadcasts.get("shop", "b")["status"] == "draft"
    assert deliveries.progress("shop", str(broadcasts.get("other", "b")["run"]))["total"] == 0
