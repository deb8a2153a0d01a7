"""Runs under control: cancelled, paused, held by quiet hours and caps, with a new token."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries import store
from chalicelib.deliveries.sending import chunks
from chalicelib.gateways import line
from tests.deliveries_builders import World, a_chunk, a_friend, an_account
from tests.integration.test_deliveries_ledger import USERS, put, world

__all__ = ["world"]


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


def test_chunk_done_is_reported_to_the_timers(world: World) -> None:
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
    text = "The property, to[0], in the request body is invalid"
    world.line.fault = lambda kind, body, n: line.Answer(400, text) if n == 1 else None
    put(world, a_chunk(["U1"], chunk="c1"))
    world.run()
    put(world, a_chunk(["U1"], chunk="c2"))
    world.run()
    assert world.line.got == {"U1": 1}
