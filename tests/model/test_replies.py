"""Invariant 5, Replies: a reply has no retry key, so its message is never sent twice, fallback included.

Small scope: one event with one reply action that allows a push fallback; two workers (the visibility of the
message may run out while its worker lives), any number of crashes; LINE may accept and then time out, lose
the request, or take it later; the token may expire at any moment.

Steps and code (``reaction`` with ``deliveries.sending.reply``): ``update`` the conditional write of React,
which one invocation wins · ``reply`` and ``answer`` the one call · ``push`` the fallback, a chunk with its
own deterministic retry key, so repeating it is harmless · ``record`` the activity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Worker(NamedTuple):
    """One invocation: where it is, whether it won the update, and LINE's answer that waits for it."""

    at: str = "idle"
    won: bool = False
    answer: str = ""


class State(NamedTuple):
    """The message, the sheet's pending mark, the activity, and what LINE did."""

    holder: int | None = None
    acked: bool = False
    pending: bool = False
    activity: str = ""
    token: str = "fresh"
    late: bool = False
    replied: int = 0
    pushed: bool = False
    workers: tuple[Worker, Worker] = (Worker(), Worker())


IDLE = Worker()
MUTATIONS = (
    "a re-execution tries the reply too",
    "a re-execution falls back",
    "push after a timeout",
    "the same invocation tries again",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.token == "fresh":
            yield "!the token expires", s._replace(token="expired")
        if s.late:
            yield "!the late request is lost", s._replace(late=False)
            yield "!the late request arrives", taken(s._replace(late=False))
        for w in (0, 1):
            me = s.workers[w]
            yield from work(s, w, me)
            if me.at == "idle":
                continue
            crashed = put(s._replace(late=s.late or me.at == "sent"), w, IDLE)
            yield f"!worker {w} crashes", crashed._replace(holder=None) if s.holder == w else crashed
            if s.holder == w:
                yield f"!visibility runs out for worker {w}", s._replace(holder=None)

    def work(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        say = f"worker {w} {me.at}"
        if me.at == "idle" and s.holder is None and not s.acked:
            yield f"worker {w} takes the event", put(s._replace(holder=w), w, Worker("read"))
        elif me.at == "read":
            if s.activity:
                yield say, put(s, w, Worker("ack"))
            elif s.pending:
                yield say, put(s, w, again())
            else:
                yield say, put(s, w, Worker("update"))
        elif me.at == "update":
            won = put(s._replace(pending=True), w, Worker("reply", won=True))
            yield say, put(s, w, Worker("read")) if s.pending else won
        elif me.at == "reply":
            yield say, put(s, w, me._replace(at="sent"))
        elif me.at == "sent":
            yield from line(s, w, me)
        elif me.at == "answer":
            yield f"{say} {me.answer}", after_answer(s, w, me)
        elif me.at == "push":
            yield say, put(s._replace(pushed=True), w, me._replace(at="record done"))
        elif me.at.startswith("record"):
            status = me.at.removeprefix("record ")
            yield say, put(s._replace(activity=s.activity or status), w, Worker("ack"))
        elif me.at == "ack":
            yield say, put(s._replace(acked=s.acked or s.holder == w, holder=None), w, IDLE)

    def line(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        if s.token == "fresh":
            yield f"LINE replies for worker {w}", put(taken(s), w, me._replace(at="answer", answer="200"))
            lost = put(taken(s), w, me._replace(at="answer", answer="timeout"))
            yield f"!LINE replies for worker {w}, the answer is lost", lost
        else:
            refused = me._replace(at="answer", answer="invalid token")
            yield f"LINE refuses the token of worker {w}", put(s, w, refused)
        slow = put(s._replace(late=True), w, me._replace(at="answer", answer="timeout"))
        yield f"!the request of worker {w} times out on its way", slow

    def again() -> Worker:
        if mutation == MUTATIONS[0]:
            return Worker("reply")
        return Worker("push" if mutation == MUTATIONS[1] else "record unknown")

    def after_answer(s: State, w: int, me: Worker) -> State:
        if me.answer == "200":
            return put(s, w, me._replace(at="record done", answer=""))
        if me.answer == "timeout":
            if mutation == MUTATIONS[3]:
                return put(s, w, me._replace(at="reply", answer=""))
            at = "push" if mutation == MUTATIONS[2] else "record unknown"
            return put(s, w, me._replace(at=at, answer=""))
        return put(s, w, me._replace(at="push" if me.won else "record unknown", answer=""))

    return Model(f"replies {mutation}", State(), steps, invariant, is_done)


def taken(s: State) -> State:
    """LINE uses the token up for a request, if it is still good."""
    return s._replace(token="used", replied=s.replied + 1) if s.token == "fresh" else s


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(worker, s.workers[1]) if w == 0 else (s.workers[0], worker))


def invariant(s: State) -> str | None:
    """The friend gets the message once at most, and ``done`` is only said of what was sent."""
    if s.replied + s.pushed > 1:
        return "the friend gets the message twice"
    if s.activity == "done" and not s.replied + s.pushed:
        return "the activity says done, and nothing was sent"
    return None


def is_done(s: State) -> bool:
    """Recorded and acknowledged; unknown is an honest end."""
    return s.acked and bool(s.activity) and s.workers == (IDLE, IDLE)


def test_the_protocol_holds() -> None:
    """No crash, timeout or expiry sends the message twice or leaves the event open."""
    must_hold(model(), more_than=300)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
