"""The ledger and the send worker against an emulated AWS and a LINE that remembers: whatever crashes, comes
twice or is lost, each recipient gets a message once, and the numbers balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import line, seam
from tests.deliveries_builders import Crashed, World, a_chunk, a_friend, a_world, an_account, balance, forget

USERS = ["U1", "U2", "U3"]


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    with a_world() as found:
        yield found


def put(world: World, chunk: deliveries.Chunk) -> None:
    """Put a chunk as its owner would: again from the start after a crash."""
    for _ in range(2):
        try:
            deliveries.put_chunk(chunk, watch=True)
        except Crashed:
            continue
        return


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_a_crash_anywhere_loses_and_doubles_nothing(world: World, payloads: bool) -> None:
    """The process dies before each change in turn: everybody gets the message once, and the ledger knows."""
    crossings, number = 1, 0
    while number < crossings:
        number += 1
        forget("ledger")
        run = f"run{number}"
        users = [f"{user}-{number}" for user in USERS]
        world.crash_at = world.crossings + number
        before = world.crossings
        put(world, a_chunk(users, run, payloads=payloads))
        world.run()
        world.crash_at = None
        crossings = max(crossings, world.crossings - before)
        assert {user: world.line.got[user] for user in users} == dict.fromkeys(users, 1), number
        assert deliveries.progress("shop", run)["accepted"] == 3, number
        assert deliveries.settled("shop", run)
    assert number > 10


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_lost_answers_and_errors_after_accepting_are_found_out(world: World, payloads: bool) -> None:
    """LINE accepts and the answer is lost, twice; the third attempt with the same key learns it."""
    faults = iter(["lost", "silent", line.Answer(500), line.Answer(503)])
    world.line.fault = lambda kind, body, n: next(faults, None)
    put(world, a_chunk(USERS, payloads=payloads))
    world.run()
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert deliveries.progress("shop", "run1")["accepted"] == 3


def test_duplicated_messages_send_once(world: World) -> None:
    """Every queue message comes twice."""
    world.duplicate = True
    put(world, a_chunk(USERS))
    world.run()
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert len(world.line.calls) == 1


def test_a_lost_queue_message_is_fed_again_by_the_watch(world: World) -> None:
    """The chunk's only message is lost; two minutes later its watch feeds it."""
    lost: list[Any] = []
    world.lose = lambda queue, body: "chunk" in body and not lost and not lost.append(body)
    put(world, a_chunk(USERS))
    world.run()
    assert lost
    assert world.line.got == dict.fromkeys(USERS, 1)


def test_two_workers_at_the_same_chunk(world: World) -> None:
    """While one worker waits for LINE, another one is given the chunk: it leaves it alone."""
    deliveries.put_chunk(a_chunk(USERS), watch=True)

    def meanwhile(kind: str, body: Any, n: int) -> None:
        deliveries.send_now("shop", "run1", "c1")

    world.line.fault = meanwhile
    deliveries.send_now("shop", "run1", "c1")
    assert len(world.line.calls) == 1


def test_a_slow_worker_whose_lease_is_over(world: World) -> None:
    """A worker is stopped for two minutes; another accepts; the first one's late refusal changes nothing."""
    deliveries.put_chunk(a_chunk(USERS), watch=True)
    calls: list[int] = []

    def slow(kind: str, body: Any, n: int) -> Any:
        calls.append(n)
        if len(calls) > 1:
            return None
        world.now += timedelta(minutes=2)
        deliveries.send_now("shop", "run1", "c1")
        return line.Answer(400, "bad request")

    world.line.fault = slow
    deliveries.send_now("shop", "run1", "c1")
    assert len(calls) == 2
    assert deliveries.progress("shop", "run1")["accepted"] == 3


def test_a_late_refusal_is_not_final_while_another_attempt_runs(world: World) -> None:
    """The second worker is refused while the first one's request may still be accepted: it stays open."""
    deliveries.put_chunk(a_chunk(USERS), watch=True)
    calls: list[int] = []

    def slow(kind: str, body: Any, n: int) -> Any:
        calls.append(n)
        if len(calls) == 1:
            world.now += timedelta(minutes=2)
            deliveries.send_now("shop", "run1", "c1")
            assert deliveries.progress("shop", "run1")["pending"] == 3
            return None
        return line.Answer(400, "bad request") if len(calls) == 2 else None

    world.line.fault = slow
    deliveries.send_now("shop", "run1", "c1")
    assert deliveries.progress("shop", "run1")["accepted"] == 3
    assert world.line.got == dict.fromkeys(USERS, 1)


def twice(name: str) -> bool:
    """The answer to every write is lost once, so each is sent twice."""
    return name in {"dynamodb:UpdateItem", "dynamodb:PutItem"}


def test_an_answer_that_is_noted_twice_closes_one_attempt_only(world: World) -> None:
    """One request is on its way for minutes, the next is told to slow down (a note that is written twice),
    a third is refused: no end, as the first may still be accepted, and is.
    """
    deliveries.put_chunk(a_chunk(USERS), watch=True)
    world.sent_again = twice

    def slow(kind: str, body: Any, n: int) -> Any:
        if n > 1:
            return line.Answer(429, "The API rate limit") if n == 2 else line.Answer(400, "bad request")
        for _ in range(2):
            world.now += timedelta(minutes=2)
            deliveries.send_now("shop", "run1", "c1")
        assert deliveries.progress("shop", "run1")["pending"] == 3
        return None

    world.line.fault = slow
    deliveries.send_now("shop", "run1", "c1")
    assert len(world.line.calls) == 3
    assert deliveries.progress("shop", "run1")["accepted"] == 3
    assert world.line.got == dict.fromkeys(USERS, 1)


@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_writes_whose_answer_is_lost(world: World, payloads: bool) -> None:
    """Every write is sent twice: whatever LINE says, what follows is as if it had been written once."""
    an_account(policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    named = "'to'" if payloads else "to[0]"
    says = {
        "slow": line.Answer(429, "The API rate limit has been exceeded."),
        "wrong": line.Answer(400, "The request body has 1 error(s)"),
        "gone": line.Answer(400, f"The property, {named}, in the request body is invalid"),
        "error": line.Answer(500),
        "fine": None,
    }
    asked: set[str] = set()

    def fault(kind: str, body: Any, n: int) -> Any:
        name = (body["to"] if payloads else body["to"][0]).partition("-")[0]
        if name in {"slow", "error"} and name in asked:
            return None
        asked.add(name)
        return says[name]

    world.line.fault = fault
    for user in (everybody := [f"{name}-{n}" for name in says for n in (1, 2)]):
        a_friend(user)
    world.sent_again = twice
    for name in says:
        users = [user for user in everybody if user.startswith(name)]
        put(world, a_chunk(users, chunk=name, payloads=payloads))
    world.run(until=timedelta(minutes=1))
    numbers = deliveries.progress("shop", "run1")
    left_out = {"invalid_recipient": 2}
    assert (numbers["accepted"], numbers["failed"], numbers["skipped"]) == (6, {"line_400": 2}, left_out)
    assert numbers["total"] == 10
    assert all(count == 1 for count in world.line.got.values())
    assert len(world.line.calls) == (12 if payloads else 8)
    world.line.fault = lambda kind, body, n: None
    put(world, a_chunk(["wrong-1", "wrong-2", "gone-1"], chunk="again", payloads=payloads))
    world.run(until=timedelta(minutes=1))
    assert deliveries.progress("shop", "run1")["accepted"] == 9


def test_a_plain_refusal_is_final_when_nothing_else_is_open(world: World) -> None:
    """400 on the only attempt: failed, with its reason; nothing is tried again."""
    world.line.fault = lambda kind, body, n: line.Answer(400, "The request body has 1 error(s)")
    put(world, a_chunk(USERS))
    put(world, a_chunk(USERS, chunk="c2", payloads=True))
    world.run()
    assert deliveries.progress("shop", "run1")["failed"] == {"line_400": 6}
    assert len(world.line.calls) == 4


def test_a_refusal_after_an_unanswered_attempt_ends_unknown(world: World) -> None:
    """Silence, then refusals only: who may have got it is not known, and after 20 hours it stays so."""
    world.line.fault = lambda kind, body, n: "silent" if n == 1 else line.Answer(400, "no")
    put(world, a_chunk(USERS))
    world.run(until=timedelta(minutes=10))
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["unknown"], numbers["pending"]) == (0, 3)
    world.now += timedelta(hours=20)
    world.run()
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["unknown"], numbers["failed"], numbers["pending"]) == (3, {}, 0)
    assert len(world.line.calls) < 15


def test_unknown_recipients_of_a_push_chunk(world: World) -> None:
    """Of a push chunk only the recipient whose attempt had no answer becomes unknown."""

    def fault(kind: str, body: Any, n: int) -> Any:
        return "silent" if body["to"] == "U2" else None

    world.line.fault = fault
    put(world, a_chunk(USERS, payloads=True))
    world.run(until=timedelta(minutes=5))
    world.now += timedelta(hours=20)
    world.run()
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["accepted"], numbers["unknown"]) == (2, 1)
    assert balance(numbers)


def test_slow_down_is_answered_and_tried_later(world: World) -> None:
    """A rate 429 accepts nothing and closes its attempt: a refusal after it is final."""
    rate = line.Answer(429, "The API rate limit has been exceeded. Try again later.")
    world.line.fault = lambda kind, body, n: rate if n < 4 else line.Answer(400, "no")
    put(world, a_chunk(USERS))
    world.run()
    assert deliveries.progress("shop", "run1")["failed"] == {"line_400": 3}
    assert len(world.line.calls) == 4


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (line.Answer(429, "You have reached your monthly limit."), "quota"),
        (line.Answer(401, "Authentication failed"), "credentials"),
    ],
)
@pytest.mark.parametrize("payloads", [False, True], ids=["multicast", "push"])
def test_quota_and_credentials_pause_the_run(
    world: World, payloads: bool, answer: line.Answer, reason: str
) -> None:
    """The run stops with its reason; when a person lets it go on, everybody gets the message once."""
    world.line.fault = lambda kind, body, n: answer if n == 2 else None
    for name in ("c1", "c2", "c3"):
        users = [f"{user}{name}" for user in USERS]
        deliveries.put_chunk(
            a_chunk(users, chunk=name, payloads=payloads, cause={"broadcast": "b"}), watch=False
        )
    world.run()
    assert deliveries.control("shop", "run1").reason == reason
    assert deliveries.progress("shop", "run1")["pending"] > 0
    assert balance(deliveries.progress("shop", "run1"))
    deliveries.resume("shop", "run1")
    deliveries.feed_all("shop", "run1")
    world.run()
    assert deliveries.progress("shop", "run1")["accepted"] == 9
    assert set(world.line.got.values()) == {1}


def test_a_watched_chunk_waits_for_the_quota_by_itself(world: World) -> None:
    """A rule's or a scenario's chunk is tried again by its watch, until the quota is there."""
    quota = line.Answer(429, "You have reached your monthly limit.")
    world.line.fault = lambda kind, body, n: quota if n < 3 else None
    put(world, a_chunk(USERS))
    world.run()
    assert deliveries.control("shop", "run1").state == "released"
    assert world.line.got == dict.fromkeys(USERS, 1)


def test_a_watched_chunk_leaves_when_lines_month_begins(world: World) -> None:
    """By Japan's calendar, not when its watch comes next."""
    month = datetime(2026, 11, 30, 15, tzinfo=UTC)
    world.now = month - timedelta(minutes=10)
    quota, left = line.Answer(429, "You have reached your monthly limit."), list[datetime]()
    world.line.fault = lambda kind, body, n: quota if world.now < month else left.append(world.now)
    put(world, a_chunk(USERS))
    world.run()
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert timedelta(0) <= left[0] - month < timedelta(seconds=1)


def test_a_split_survives_crashes(world: World) -> None:
    """LINE names a recipient that it does not know: that one is skipped, the others get it once.

    Where the process died between the mark and the answer, LINE may still take that first request, so no
    refusal counts: nobody gets anything, and after 20 hours it is not known.
    """

    def names(kind: str, body: Any, n: int) -> Any:
        strangers = [i for i, user in enumerate(body["to"]) if "stranger" in user]
        text = "The property, to[{}], in the request body is invalid (line: -, column: -)"
        return line.Answer(400, text.format(strangers[0])) if strangers else None

    world.line.fault = names
    crossings, number, unknown = 1, 0, 0
    while number < crossings:
        number += 1
        forget("ledger")
        run = f"run{number}"
        users = [f"U1-{number}", f"stranger-{number}", f"U2-{number}"]
        world.crash_at = world.crossings + number
        before = world.crossings
        world.after_each = (lambda run=run: check(world, run)) if number % 3 == 0 else lambda: None
        put(world, a_chunk(users, run))
        world.run(until=timedelta(minutes=4))
        world.crash_at = None
        crossings = max(crossings, world.crossings - before) if number < 3 else crossings
        if not deliveries.settled("shop", run):
            world.now += timedelta(hours=20)
            world.run()
        numbers, got = deliveries.progress("shop", run), [world.line.got[user] for user in users]
        assert (numbers["accepted"], numbers["skipped"], numbers["unknown"], got) in [
            (2, {"invalid_recipient": 1}, 0, [1, 0, 1]),
            (0, {}, 3, [0, 0, 0]),
        ], number
        unknown += numbers["unknown"]
    assert unknown <= 2 * 3
    rows, _ = deliveries.recipients("shop", run, None, 100, None)
    assert sorted((one["user_id"], one["status"]) for one in rows) == sorted(
        (user, "skipped" if "stranger" in user else "accepted") for user in users
    )


def check(world: World, run: str) -> None:
    """The ledger balances at this moment, whatever is under way."""
    with seam.guarded(lambda name, detail, call: call()):
        numbers = deliveries.progress("shop", run)
    assert balance(numbers)
    assert numbers["total"] in {0, 3}
