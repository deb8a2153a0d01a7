"""The ledger and the send worker against an emulated AWS and a LINE that remembers: whatever crashes, comes
twice or is lost, each recipient gets a message once, and the numbers balance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.deliveries import changes, chunks, store
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
    told, _ = deliveries.recipients("shop", run, None, 100, None)
    assert sorted((one["user_id"], one["status"]) for one in told) == sorted(
        (user, "skipped" if "stranger" in user else "accepted") for user in users
    )


def check(world: World, run: str) -> None:
    """The ledger balances at this moment, whatever is under way."""
    with seam.guarded(lambda name, detail, call: call()):
        numbers = deliveries.progress("shop", run)
    assert balance(numbers)
    assert numbers["total"] in {0, 3}


def test_recipients_that_are_all_unknown_to_line(world: World) -> None:
    """A chunk of strangers only ends without a child."""
    world.line.fault = lambda kind, body, n: line.Answer(
        400, "The property, to[0], in the request body is invalid"
    )
    put(world, a_chunk(["U1"]))
    world.line.fault = lambda kind, body, n: (
        line.Answer(400, "The property, 'to', in the request body is invalid (line: -, column: -)")
        if kind == "push"
        else line.Answer(400, "The property, to[0], in the request body is invalid")
    )
    put(world, a_chunk(["U2"], chunk="c2", payloads=True))
    world.run()
    assert deliveries.progress("shop", "run1")["skipped"] == {"invalid_recipient": 2}


def test_push_chunks_save_every_25_answers(world: World) -> None:
    """After a crash in the middle of 60 pushes at most 25 are asked about again."""
    users = [f"U{n:02d}" for n in range(60)]
    deliveries.put_chunk(a_chunk(users, payloads=True), watch=True)

    def dies(kind: str, body: Any, n: int) -> None:
        if n == 40:
            raise Crashed

    world.line.fault = dies
    world.run()
    assert set(world.line.got.values()) == {1}
    assert len(world.line.got) == 60
    assert len(world.line.calls) <= 60 + 25


def test_slow_answers_do_not_outlive_the_lease(world: World) -> None:
    """LINE takes nine seconds for each push: a worker stops after twenty and goes on in its next message."""
    users = [f"U{n:02d}" for n in range(30)]
    deliveries.put_chunk(a_chunk(users, payloads=True), watch=True)

    def slow(kind: str, body: Any, n: int) -> None:
        world.now += timedelta(seconds=9)

    world.line.fault = slow
    started = world.now
    deliveries.send_now("shop", "run1", "c1")
    assert world.now - started <= timedelta(seconds=30)
    assert deliveries.progress("shop", "run1")["accepted"] == len(world.line.calls) == 3
    world.run()
    assert world.line.got == dict.fromkeys(users, 1)
    assert len(world.line.calls) == 30


def test_a_push_worker_that_was_overtaken_saves_nothing(world: World) -> None:
    """While a worker is stopped for minutes, the others are skipped: they stay skipped."""
    users = [f"U{n:02d}" for n in range(30)]
    deliveries.put_chunk(a_chunk(users, payloads=True), watch=True, feed=False)

    def stops(kind: str, body: Any, n: int) -> None:
        if n == 1:
            world.now += timedelta(minutes=2)
            (status,) = store.statuses("shop", "run1")
            assert chunks.skip("shop", "run1", status, "quiet_hours", world.now)

    world.line.fault = stops
    deliveries.send_now("shop", "run1", "c1")
    world.run()
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["skipped"], numbers["accepted"]) == ({"quiet_hours": 5}, 25)
    assert set(world.line.got) == set(users[:25])
    assert set(world.line.got.values()) == {1}


def test_a_mark_on_characters_that_changed_is_refused(world: World) -> None:
    """What was skipped after a worker had read the chunk stays skipped: its mark does not hold."""
    deliveries.put_chunk(a_chunk(USERS, payloads=True), watch=True, feed=False)
    (seen,) = store.statuses("shop", "run1")
    assert chunks.skip("shop", "run1", seen, "cancelled", world.now)
    assert not changes.mark("shop", "run1", seen, "me", world.now, "???")
    deliveries.put_chunk(a_chunk(["U4", "U5"], chunk="c2", payloads=True), watch=True, feed=False)
    (*_, seen) = store.statuses("shop", "run1")
    assert changes.save_untouched_chars("shop", "run1", seen, "x.", world.now)
    assert not changes.mark("shop", "run1", seen, "me", world.now, "??")


def test_cancel_takes_what_is_pending_and_lets_the_rest_end(world: World) -> None:
    """A pending chunk becomes cancelled; one that LINE may have accepted is asked about until it answers."""
    for name in ("c1", "c2"):
        deliveries.put_chunk(a_chunk([name], chunk=name), watch=True, feed=False)
    deliveries.put_chunk(a_chunk(["p1", "p2"], chunk="c3", payloads=True), watch=True, feed=False)
    world.line.fault = lambda kind, body, n: "lost" if n <= 2 else None
    deliveries.send_now("shop", "run1", "c1")
    world.line.fault = lambda kind, body, n: "lost" if body["to"] == "p1" else line.Answer(429, "rate limit")
    deliveries.send_now("shop", "run1", "c3")
    world.line.fault = lambda kind, body, n: None
    deliveries.cancel("shop", "run1")
    deliveries.cancel_pending("shop", "run1")
    world.run()
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["accepted"], numbers["skipped"]) == (2, {"cancelled": 2})
    assert world.line.got == {"c1": 1, "p1": 1}


def test_paused_runs_send_nothing(world: World) -> None:
    """While paused nothing is attempted; the operator's pause is not lifted by anybody else's reason."""
    deliveries.put_chunk(a_chunk(USERS), watch=True)
    assert deliveries.pause("shop", "run1", "operator")
    assert not deliveries.pause("shop", "run1", "quota")
    world.run(until=timedelta(hours=5))
    assert not world.line.calls
    assert deliveries.control("shop", "run1").reason == "operator"
    deliveries.resume("shop", "run1")
    world.run()
    assert world.line.got == dict.fromkeys(USERS, 1)


def test_a_new_token_is_used_at_once(world: World) -> None:
    """A 401 with a token that was just replaced pauses nothing: the new one is fetched and used."""
    from chalicelib.accounts import credentials
    from chalicelib.gateways import secrets

    credentials.line_credentials("shop")
    secrets.put_line_credentials("shop", {"channel_secret": "s", "channel_access_token": "fresh"})
    seen: list[str] = []
    answer = world.line.answer

    def by_token(name: str, detail: Any) -> Any:
        if name == "line:multicast":
            seen.append(detail["token"])
            if detail["token"] != "fresh":
                return line.Answer(401, "Authentication failed")
        return answer(name, detail)

    world.line.answer = by_token  # type: ignore[method-assign]
    deliveries.put_chunk(a_chunk(USERS), watch=False)
    world.run()
    assert seen == ["token", "fresh"]
    assert world.line.got == dict.fromkeys(USERS, 1)


def test_put_chunk_again_changes_nothing(world: World) -> None:
    """The first manifest stands, whatever a later one says; a chunk at its end is not fed again."""
    put(world, a_chunk(USERS))
    world.run()
    manifest = deliveries.put_chunk(a_chunk(["somebody else"]), watch=True)
    assert manifest["recipients"] == USERS
    world.run()
    assert len(world.line.calls) == 1


def test_whoever_does_not_feed_feeds_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Packing a broadcast again, after its chunks were cancelled, puts nothing into the queue ``sends``."""
    chunk = replace(a_chunk(USERS), cause={"broadcast": "sale", "message": "hello"})
    deliveries.put_chunk(chunk, watch=False, feed=False)
    (status,) = store.statuses("shop", "run1")
    assert chunks.skip("shop", "run1", status, "cancelled", world.now)
    fed: list[str] = []
    monkeypatch.setattr(chunks, "feed", lambda account, run, chunk: fed.append(chunk))
    deliveries.put_chunk(chunk, watch=False, feed=False)
    assert fed == []
    deliveries.put_chunk(chunk, watch=False)
    assert fed == ["c1"]


def test_chunk_done_tells_the_timers(world: World) -> None:
    """A watch is done with when its chunk has ended, or a later watch stands."""
    from chalicelib.timers.service import Entry

    deliveries.put_chunk(a_chunk(USERS), watch=True, feed=False)
    body = {"run": "run1", "chunk": "c1"}
    first = Entry("shop", "chunk", "run1/c1", 0, world.now, body=body)
    assert deliveries.chunk_done([first]) == [False]
    deliveries.watched("shop", "run1", "c1", 0)
    second = Entry("shop", "chunk", "run1/c1", 1, world.now, body=body)
    assert deliveries.chunk_done([first, second]) == [True, False]
    deliveries.send_now("shop", "run1", "c1")
    assert deliveries.chunk_done([first, second]) == [True, True]


def test_recipients_come_by_the_page(world: World) -> None:
    """Pages of any size tell every recipient once, by status."""
    world.line.fault = lambda kind, body, n: line.Answer(400, "no") if body["to"] == "U2" else None
    put(world, a_chunk(USERS, payloads=True))
    put(world, a_chunk(["M1", "M2"], chunk="c2"))
    world.run()
    found: list[dict[str, Any]] = []
    cursor: dict[str, Any] | None = None
    while True:
        page, cursor = deliveries.recipients("shop", "run1", None, 2, cursor)
        assert len(page) <= 2
        found += page
        if cursor is None:
            break
    assert sorted(one["user_id"] for one in found) == ["M1", "M2", "U1", "U2", "U3"]
    failed, _ = deliveries.recipients("shop", "run1", "failed", 200, None)
    assert [(one["user_id"], one["reason"]) for one in failed] == [("U2", "line_400")]
    assert deliveries.find_recipient("shop", "run1", "c2", "M2")["status"] == "accepted"  # type: ignore[index]


# -- policies --------------------------------------------------------------------------------------


def test_quiet_hours_hold_a_watched_chunk_until_their_end(world: World) -> None:
    """At noon with quiet hours 11-13 a marketing chunk waits until 13:00 sharp; a booking does not."""
    an_account(policies={"quiet_hours": {"from": "11:00", "to": "13:00", "then": "defer"}})
    put(world, a_chunk(USERS))
    put(world, a_chunk(["B1"], chunk="c2", category="transactional"))
    times: dict[str, Any] = {}
    world.line.fault = lambda kind, body, n: times.setdefault(body["to"][0], world.now) and None
    noon = world.now
    world.run()
    assert times["B1"] - noon < timedelta(seconds=10)
    assert timedelta(hours=1) <= times["U1"] - noon < timedelta(hours=1, seconds=10)


def test_quiet_hours_may_skip(world: World) -> None:
    """``then: skip``: what would have to wait is skipped, and says why."""
    an_account(policies={"quiet_hours": {"from": "11:00", "to": "13:00", "then": "skip"}})
    put(world, a_chunk(USERS))
    put(world, a_chunk(USERS, chunk="c2", payloads=True))
    world.run()
    assert deliveries.progress("shop", "run1")["skipped"] == {"quiet_hours": 6}
    assert not world.line.calls


def test_a_broadcasts_run_pauses_itself_in_quiet_hours(world: World) -> None:
    """Its run is paused until the end of the quiet hours, with the reason, and somebody is woken then."""
    an_account(policies={"quiet_hours": {"from": "11:00", "to": "13:00"}, "blackout_dates": ["2026-11-20"]})
    deliveries.put_chunk(a_chunk(USERS, cause={"broadcast": "b"}), watch=False)
    deliveries.send_now("shop", "run1", "c1")
    control = deliveries.control("shop", "run1")
    assert (control.state, control.reason) == ("paused", "blackout")
    assert control.until == "2026-11-20T15:00:00.000Z"
    world.now += timedelta(hours=13)
    deliveries.send_now("shop", "run1", "c1")
    assert world.line.got == dict.fromkeys(USERS, 1)
    assert deliveries.control("shop", "run1").state == "released"


def test_caps_are_reserved_before_the_manifest_and_given_back(world: World) -> None:
    """One marketing message a day: the second is skipped(cap); a place of what failed is free again."""
    an_account(policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    for user in USERS:
        a_friend(user)
    put(world, a_chunk(["U1", "U2"], chunk="c1"))
    put(world, a_chunk(["U1", "U3"], chunk="c2", payloads=True))
    put(world, a_chunk(["U1"], chunk="c3"))
    put(world, a_chunk(["U1"], chunk="c4", category="transactional"))
    world.run()
    numbers = deliveries.progress("shop", "run1")
    assert (numbers["accepted"], numbers["skipped"], numbers["total"]) == (4, {"cap": 2}, 6)
    assert world.line.got == {"U1": 2, "U2": 1, "U3": 1}
    world.line.fault = lambda kind, body, n: line.Answer(400, "no")
    a_friend("U4")
    put(world, a_chunk(["U4"], chunk="c5"))
    world.run()
    world.line.fault = lambda kind, body, n: None
    put(world, a_chunk(["U4"], chunk="c6", payloads=True))
    world.run()
    assert world.line.got["U4"] == 1


def test_places_of_strangers_are_given_back(world: World) -> None:
    """LINE names every recipient of a multicast as invalid: their places are free again."""
    an_account(policies={"caps": [{"category": "marketing", "max": 1, "per": "day"}]})
    a_friend("U1")
    said = "The property, to[0], in the request body is invalid"
    world.line.fault = lambda kind, body, n: line.Answer(400, said) if n == 1 else None
    put(world, a_chunk(["U1"], chunk="c1"))
    world.run()
    put(world, a_chunk(["U1"], chunk="c2"))
    world.run()
    assert world.line.got == {"U1": 1}
