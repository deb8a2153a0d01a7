"""Lines on friends' timelines about broadcasts and scenario steps: everybody exactly one, whatever dies."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.conversations import service as chat
from chalicelib.deliveries import service as deliveries
from chalicelib.enrollments import follow_ups
from chalicelib.enrollments.model import Enrollment
from chalicelib.friends import beside
from chalicelib.friends import store as friends
from chalicelib.gateways import line, seam
from chalicelib.privacy import service as privacy
from chalicelib.shared.errors import NotFound
from chalicelib.shared.times import iso
from chalicelib.timeline import service as activities
from tests.deliveries_builders import (
    SHOP,
    START,
    TEXT,
    Crashed,
    World,
    a_chunk,
    a_friend,
    a_world,
    an_account,
    forget,
)
from tests.reasons_checked import words

USERS = ["U1", "U2", "U3"]
NEWS = {"broadcast": "news", "message": "news"}
MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world(*USERS, receipts=True) as found:
        yield found


def activities_of(user: str) -> list[dict[str, Any]]:
    """A friend's timeline, newest first."""
    return activities.recent(SHOP.id, user, 100)[0]


def came(user: str) -> list[tuple[str, str | None]]:
    """Status and reason of every line about a send, newest first."""
    return [(one["effects"][0]["status"], words(one["effects"][0])) for one in activities_of(user)]


def sheet(user: str) -> dict[str, Any]:
    """A friend's sheet."""
    found = friends.load(SHOP.id, SHOP.shards, user)
    assert found is not None
    return found


def put(users: list[str] = USERS, watch: bool = True, **fields: Any) -> None:
    """A chunk of the broadcast ``news``."""
    deliveries.put_chunk(a_chunk(users, **{"cause": NEWS, **fields}), watch=watch)


def test_a_push_chunk_writes_everybody_their_own_line(world: World) -> None:
    """Accepted with the friend's own words, refused with the reason: one line each; rules see nothing."""
    world.line.fault = lambda kind, body, n: line.Answer(400, "bad") if body["to"] == "U2" else None
    before = {user: sheet(user) for user in USERS}
    put(payloads=True, variant="a")
    world.run(until=MINUTE)
    assert [came(user) for user in USERS] == [[("done", None)], [("failed", "line_400")], [("done", None)]]
    assert activities_of("U1")[0]["effects"][0]["messages"] == [{"type": "text", "text": "U1"}]
    assert activities_of("U2")[0]["props"] == {"broadcast": "news", "run": "run1", "variant": "a"}
    for user in USERS:
        after = sheet(user)
        assert set(after.pop("received", {})) == ({"news"} if user != "U2" else set())
        assert after == {name: value for name, value in before[user].items() if name != "received"}


def test_a_split_writes_lines_for_parent_and_child(world: World) -> None:
    """Whom LINE refused by name is told by the parent, the others by the child: nobody twice."""
    world.line.fault = lambda kind, body, n: (
        line.Answer(400, "The property, to[1], is invalid") if "U2" in body["to"] else None
    )
    put()
    world.run(until=MINUTE)
    assert [came(user) for user in USERS] == [
        [("done", None)],
        [("skipped", "invalid_recipient")],
        [("done", None)],
    ]
    assert activities_of("U1")[0]["event_id"] == "sent:run1:c1.1"
    assert activities_of("U2")[0]["event_id"] == "sent:run1:c1"


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_what_line_never_answered_is_unknown(world: World, payloads: bool) -> None:
    """Twenty hours without an answer: the line says that it is not known."""
    world.line.fault = lambda kind, body, n: "silent"
    put(payloads=payloads)
    world.run(until=timedelta(seconds=5))
    assert not activities_of("U1")
    world.now += timedelta(hours=21)
    world.run(until=MINUTE)
    assert [came(user) for user in USERS] == [[("unknown", None)]] * 3
    assert not any(sheet(user)["received"] for user in USERS)


def test_a_multicast_that_line_refuses_has_failed(world: World) -> None:
    """The reason is LINE's status."""
    world.line.fault = lambda kind, body, n: line.Answer(403, "Forbidden")
    put()
    world.run(until=MINUTE)
    assert [came(user) for user in USERS] == [[("failed", "line_403")]] * 3


def test_who_is_left_out_has_a_line_with_the_reason(world: World) -> None:
    """A cap before the manifest, of everybody or of some; a run that is cancelled."""
    an_account(policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    put(["U1"])
    put(USERS, run="run2")
    put(["U1", "U2"], run="run3", payloads=True)
    world.run(until=MINUTE)
    assert sorted(came("U1"), key=str) == [("done", None), ("skipped", "cap"), ("skipped", "cap")]
    assert sorted(came("U2"), key=str) == [("done", None), ("skipped", "cap")]
    assert came("U3") == [("done", None)]
    world.now += timedelta(days=1)
    put(run="run4", watch=False)
    deliveries.cancel("shop", "run4")
    deliveries.cancel_pending("shop", "run4")
    world.run(until=MINUTE)
    assert [came(user)[0] for user in USERS] == [("skipped", "cancelled")] * 3


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_quiet_hours_that_skip_are_on_the_timeline(world: World, payloads: bool) -> None:
    """The chunk's end is the moment of the line."""
    an_account(policies={"quiet_hours": {"from": "11:00", "to": "13:00", "then": "skip"}})
    put(payloads=payloads)
    world.run(until=MINUTE)
    assert [came(user) for user in USERS] == [[("skipped", "quiet_hours")]] * 3
    assert activities_of("U1")[0]["at"] >= iso(START)


def test_who_got_it_has_a_line_while_the_others_wait(world: World) -> None:
    """The monthly limit stops a push chunk in the middle: those before it have their lines already."""
    limit = line.Answer(429, "You have reached your monthly limit.")
    world.line.fault = lambda kind, body, n: limit if body["to"] != "U1" else None
    put(payloads=True)
    world.run(until=MINUTE)
    assert [came(user) for user in USERS] == [[("done", None)], [], []]
    first = activities_of("U1")
    world.line.fault = lambda kind, body, n: None
    world.run()
    assert [came(user) for user in USERS] == [[("done", None)]] * 3
    assert activities_of("U1") == first


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_a_job_cut_off_anywhere_writes_everybody_one_line(world: World, payloads: bool) -> None:
    """Killed before each of its writes and repeated, then repeated again: one line each, and all receipts."""
    users = [f"V{n:02}" for n in range(30)]
    world.receipts = False
    for user in users:
        a_friend(user)
    put(users, payloads=payloads)
    world.run(until=MINUTE)
    for step in (1, 15, 30, 31, 32):  # 30 receipts, then two batches of lines
        forget("activities")
        for user in users:
            beside.forget(SHOP.id, SHOP.shards, user, None)
        world.crossings, world.crash_at = 0, step
        with pytest.raises(Crashed):
            deliveries.write_receipts("shop", "run1", "c1")
        world.crash_at = None
        deliveries.write_receipts("shop", "run1", "c1")
        assert [came(user) for user in users] == [[("done", None)]] * len(users)
        assert all(sheet(user)["received"].keys() == {"news"} for user in users)
    world.counted.clear()
    deliveries.write_receipts("shop", "run1", "c1")
    assert set(world.counted) <= {"dynamodb:BatchGetItem", "dynamodb:GetItem"}, "a repeat writes nothing"


def test_a_late_job_does_not_move_a_line(world: World) -> None:
    """Jobs of several runs, late, twice and in any order: each line once, in the order of their times."""
    for run in ("run1", "run2"):
        put(run=run)
        world.run(until=MINUTE)
        world.now += timedelta(hours=1)
    before = [activities_of(user) for user in USERS]
    for run in ("run2", "run1", "run1"):
        deliveries.write_receipts("shop", run, "c1")
    assert [activities_of(user) for user in USERS] == before
    assert [one["event_id"] for one in before[0]] == ["sent:run2:c1", "sent:run1:c1"]


def test_erased_friends_and_unknown_ids_stay_what_they_are(world: World) -> None:
    """Neither sheet nor activity of who was erased before the job, is erased while it runs, came back since,
    or was never known.
    """
    world.receipts = False
    put([*USERS, "U-never"])
    world.run(until=MINUTE)

    def erase(user: str) -> None:
        assert friends.erase(SHOP.id, SHOP.shards, user, iso(world.now))
        there = [activities.sort_key(a) for page in activities.pages(SHOP.id, user) for a in page]
        activities.delete([(SHOP.id, user, sort_key) for sort_key in there])

    def erased_just_before_the_lines(name: str, detail: Any, call: Any) -> Any:
        if name == "dynamodb:BatchWriteItem" and "PutRequest" in str(detail) and not done:
            done.append(name)
            erase("U2")
        return world.guard(name, detail, call)

    done: list[str] = []
    erase("U1")
    world.now += timedelta(hours=1)
    with seam.guarded(erased_just_before_the_lines):
        deliveries.write_receipts("shop", "run1", "c1")
    assert done
    assert activities_of("U1") == activities_of("U2") == activities_of("U-never") == []
    assert (sheet("U1")["status"], sheet("U2")["status"]) == ("erased", "erased")
    assert "received" not in sheet("U2")
    assert friends.load(SHOP.id, SHOP.shards, "U-never") is None
    assert came("U3") == [("done", None)]
    back = friends.load(SHOP.id, SHOP.shards, "U1")
    anew = {**(back or {}), "status": "following", "created_at": iso(world.now), "received": {}}
    assert friends.create_or_update(SHOP.id, SHOP.shards, "U1", back, anew, sheet("U1")["rev"])
    deliveries.write_receipts("shop", "run1", "c1")
    assert (activities_of("U1"), sheet("U1")["received"]) == ([], {})


def test_a_crash_while_cancelling_leaves_nobody_untold(world: World) -> None:
    """Killed at each write of a cancellation and repeated: everybody has the line that says so."""
    for step in range(1, 8):
        run = f"run{step}"
        put(run=run, watch=False)
        put(["U1"], run=run, chunk="c2", payloads=True, watch=False)
        deliveries.cancel("shop", run)
        world.crossings, world.crash_at = 0, step
        try:
            deliveries.cancel_pending("shop", run)
        except Crashed:
            world.crash_at = None
            deliveries.cancel_pending("shop", run)
        world.crash_at = None
        world.run(until=timedelta(minutes=10))
        lines = [
            one["event_id"] for user in USERS for one in activities_of(user) if one["props"]["run"] == run
        ]
        assert sorted(lines) == [f"sent:{run}:c1"] * 3 + [f"sent:{run}:c2"]
    assert not world.line.got


def test_a_test_has_a_line_and_no_receipt(world: World) -> None:
    """It says that it is a test; conditions do not count it."""
    put(["U1"], cause={**NEWS, "test": True}, payloads=True, category="internal")
    world.run(until=MINUTE)
    (one,) = activities_of("U1")
    assert one["props"]["test"]
    assert not sheet("U1")["received"]


def test_records_are_not_waited_for(world: World) -> None:
    """A scenario that waits for an event does not take a line of ours for one."""
    put(["U1"], payloads=True)
    world.run(until=MINUTE)
    waiting = Enrollment(
        account=SHOP.id,
        user_id="U1",
        scenario="s",
        state="active",
        run=1,
        v=1,
        node="n",
        node_at=iso(START - timedelta(days=1)),
        entered_at=iso(START - timedelta(days=1)),
    )
    assert activities_of("U1")
    assert follow_ups.seen_since(waiting, sheet("U1")) == []


def test_pages_of_the_conversation_hold_lines_of_both_kinds(world: World) -> None:
    """What the friend said and what was sent, newest first over any page size, without asking the ledger."""
    for n in range(5):
        at = iso(world.now)
        activity = {"account": SHOP.id, "user_id": "U1", "event_id": f"e{n}", "type": "messaged", "at": at}
        props = {"message_type": "text", "text": str(n), "message_id": f"m{n}"}
        activities.put({**activity, "props": props, "source": "line", "rules": [], "effects": []})
        put(run=f"run{n}")
        world.run(until=MINUTE)
        world.now += MINUTE
    whole, end = chat.conversation(SHOP.id, "U1", 50, None)
    assert end is None
    assert [one["direction"] for one in whole] == ["out", "in"] * 5
    assert [one["at"] for one in whole] == sorted((one["at"] for one in whole), reverse=True)
    world.counted.clear()
    for size in (1, 3):
        joined: list[dict[str, Any]] = []
        cursor: dict[str, Any] | None = None
        while True:
            page, cursor = chat.conversation(SHOP.id, "U1", size, cursor)
            joined += page
            if cursor is None:
                break
        assert joined == whole
    assert not world.counted["dynamodb:GetItem"]
    assert privacy.hide_message(SHOP.id, "U1", "m0", iso(START), iso(world.now))
    assert "text" not in chat.conversation(SHOP.id, "U1", 50, None)[0][-1]
    assert whole[0] == {
        "direction": "out",
        "event_id": "sent:run4:c1",
        "at": whole[0]["at"],
        "type": "push",
        "by": "broadcast:news",
        "messages": TEXT,
        "message": "news",
        "status": "accepted",
        "run": "run4",
    }
    with pytest.raises(NotFound):
        chat.get_sheet(SHOP, "U-never")
