"""The winner of a test is decided once, by the numbers that stand or by a person, and the rest gets that
alone.

Small scope: arms ``a`` (the control) and ``b``, one friend who may click on ``b`` at any moment, one friend
of the rest; two workers, a person who may choose ``a`` and one who may cancel, any number of crashes; the
machine and the run's watch ask again without end.

Steps and code (``chalicelib/broadcasts/winners``): ``look`` at choice and decision in one consistent read ·
``count`` the sample, put-if-absent; the loser takes the numbers that stand · ``decide`` by condition that
there is no decision and that the choice is as it was read; the loser looks again · ``plan`` the rest for what
the decision says, its chunk put-if-absent under a name of the arm's · ``send``. A person's choice is written
by condition that there is neither choice nor decision; a cancelled run decides for nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

NOBODY = "-"


class Decision(NamedTuple):
    """Who the rest gets, and the clicks that it was decided by (None: by none)."""

    arm: str
    clicks: int | None


class Worker(NamedTuple):
    """One invocation: its step, the choice and the numbers that it has read, the arm it plans for."""

    at: str = "idle"
    choice: str | None = None
    clicks: int = 0
    arm: str = ""


class State(NamedTuple):
    """Clicks now and as they were counted, the choice and the answer to it, the decision, what became of the
    rest.
    """

    clicks: int = 0
    counted: int | None = None
    is_time: bool = False
    choice: str | None = None
    accepted: bool = False
    cancelled: bool = False
    decision: Decision | None = None
    chunks: frozenset[str] = frozenset()
    outcome: tuple[str, ...] = ()
    workers: tuple[Worker, Worker] = (Worker(), Worker())


IDLE = Worker()
MUTATIONS = (
    "a decision replaces the one that exists",
    "the choice does not look at the decision",
    "the decision does not look at the choice",
    "the loser goes on with a decision of its own",
    "each decides by numbers of its own",
    "the rest is planned before it is decided",
    "a cancelled run decides nothing",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if not s.clicks:
            yield "!the friend clicks on b", s._replace(clicks=1)
        if not s.is_time:
            yield "the moment comes", s._replace(is_time=True)
        if s.choice is None and (s.decision is None or mutation == MUTATIONS[1]):
            yield "!a person chooses a", s._replace(choice="a", accepted=True)
        if not s.cancelled and not s.outcome:
            yield "!a person cancels", s._replace(cancelled=True)
        for w in (0, 1):
            yield from work(s, w, s.workers[w])

    def work(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        say = f"worker {w} {me.at}"
        if me.at == "idle":
            if not s.outcome and not (s.cancelled and mutation == MUTATIONS[6]):
                yield f"worker {w} begins", put(s, w, Worker("look"))
            return
        yield f"!worker {w} crashes", put(s, w, IDLE)
        if me.at == "look":
            yield say, put(s, w, looked(s))
        elif me.at == "read":
            yield say, put(s, w, me._replace(at="count", clicks=s.clicks))
        elif me.at == "count":
            counted = me.clicks if s.counted is None else s.counted
            mine = me.clicks if mutation == MUTATIONS[4] else counted
            following = "plan" if mutation == MUTATIONS[5] else "decide"
            me = me._replace(at=following, clicks=mine, arm=verdict(mine, me.choice))
            yield say, put(s._replace(counted=counted), w, me)
        elif me.at in {"decide", "give up"}:
            yield say, decide(s, w, me)
        elif me.at == "plan":
            planned = s._replace(chunks=s.chunks | {me.arm} - {NOBODY})
            yield say, put(planned, w, me._replace(at="send"))
        elif me.at == "send":
            yield say, put(send(s, me), w, Worker("look") if mutation == MUTATIONS[5] else IDLE)

    def looked(s: State) -> Worker:
        if s.decision is not None:
            return Worker("plan", arm=s.decision.arm)
        if s.cancelled:
            return Worker("give up", arm=NOBODY)
        if s.choice is not None or s.is_time:
            return Worker("read", choice=s.choice)
        return IDLE

    def decide(s: State, w: int, me: Worker) -> State:
        mine = Decision(me.arm, None if me.at == "give up" else me.clicks)
        as_read = me.at == "give up" or s.choice == me.choice or mutation == MUTATIONS[2]
        if mutation == MUTATIONS[0] or (s.decision is None and as_read):
            return put(s._replace(decision=mine), w, Worker("plan", arm=me.arm))
        if mutation == MUTATIONS[3]:
            return put(s, w, Worker("plan", arm=me.arm))
        return put(s, w, Worker("look"))

    return Model(f"decision {mutation}", State(), steps, invariant, is_done)


def verdict(clicks: int, choice: str | None) -> str:
    """What a person has chosen, else the arm that won."""
    return choice or ("b" if clicks else "a")


def send(s: State, me: Worker) -> State:
    """What comes of the rest, by each name of a chunk once: LINE and the ledger see to that."""
    came = "nothing" if s.cancelled or me.arm == NOBODY else me.arm
    known = any(one in s.outcome for one in (me.arm, "nothing"))
    return s if known else s._replace(outcome=(*s.outcome, came))


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed; workers have no names."""
    other = s.workers[1 - w]
    return s._replace(workers=tuple(sorted((worker, other), key=repr)))


def invariant(s: State) -> str | None:
    """One message at most, of the arm that the decision names; an accepted choice is what is decided."""
    if len(s.outcome) > 1:
        return "the rest came to two ends"
    if s.outcome and s.decision is None:
        return "sent before it was decided"
    if s.decision is None:
        return None
    if s.outcome and s.outcome[0] not in {s.decision.arm, "nothing"}:
        return "the rest got what the decision does not say"
    if s.decision.clicks is not None and s.decision.clicks != s.counted:
        return "decided by other numbers than those that stand"
    if s.accepted and s.decision.arm not in {"a", NOBODY}:
        return "the choice was accepted, and another was decided"
    return None


def is_done(s: State) -> bool:
    """The rest has come to its end, and nobody works any more."""
    return len(s.outcome) == 1 and s.workers == (IDLE, IDLE)


def test_the_protocol_holds() -> None:
    """No crash, click, choice or cancellation at any moment gives the rest two messages, or none for ever."""
    must_hold(model(), more_than=1_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
