"""Broadcast runs, driven by the machine's own file at a clock that moves when told, whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.model import Account
from chalicelib.broadcasts import lifecycle
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts.documents import Schedule
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import seam
from chalicelib.shared.errors import Conflict, InvalidInput, RuleViolation
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
        put(f"b{n}", message=None, messages=[{"type": "text", "text": f"news {n}"}])
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


def test_run_done_is_reported_to_the_timers(world: World) -> None:
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
    assert broadcasts.approve("shop", "b", "other")["run"] == run
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


def test_everybody_is_judged_by_one_revision_of_the_catalog(world: World) -> None:
    """A segment that another one names changes while shards are judged: for this run it stays as it was."""

    def save(kind: str, name: str, body: dict[str, Any]) -> None:
        catalog.save("shop", [catalog.Write(kind, name, body)], lambda snapshot: None, "test")

    vips, others = {"tag": "vip"}, {"not": {"tag": "vip"}}
    save("segments", "inner", {"name": "inner", "condition": vips})
    save("segments", "outer", {"name": "outer", "condition": {"segment": "inner"}})
    put(audience={"segment": "outer"})
    run = broadcasts.send("shop", "b", "test")["run"]

    def change() -> None:
        judged = len(plan_store.read_plan("shop", run).done)
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


def test_a_message_that_is_gone_fails_the_run(world: World) -> None:
    """What cannot be planned fails with the reason; nothing is sent."""
    put()
    broadcasts.set_schedule("shop", "b", Schedule(at=world.now + timedelta(hours=1)), "test")
    catalog.save("shop", [catalog.Write("messages", "news", None)], lambda snapshot: None, "test")
    world.run(until=timedelta(hours=2))
    found = broadcasts.get("shop", "b")
    assert (found["status"], found["status_reason"]) == ("failed", "no_path")
    assert "messages/news" in found["why"]
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
