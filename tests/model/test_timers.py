"""Invariant 9, Timers: an entry that was armed is fed at its moment, and never forgotten.

Small scope: one entry armed for minute M by a caller that arms again after a crash and may be stopped for
minutes anywhere; a neighbour minute N that closes without trouble; two drainers (the minute's execution and
the sweeper), a verifier, the cursor; executions that do not start; any number of crashes and of lost
messages. Time 0 is before the drain, 1 between the drain and the moment, 2 from the moment on, 3 from the
verification on. What is put into a later minute starts the same life again there, so that minute is not
looked into: it feeds until the owner has advanced.

A watch that stands in the present minute is put by a **guest**: it looks at the bucket, puts the entry into
M though M has been drained perhaps, and looks at the clock. M's verification asks for it; nothing else does.

Steps and code (``chalicelib/timers``): armer ``put``, ``look`` at the clock and the bucket, ``send``,
``start``, ``again`` in a later minute (``arm_all``) · guest ``guest``, ``puts``, ``clock``
(``_is_seen_by_the_present_minute``) · drainer ``seal``, ``query``, ``send``, ``drained``
(``drain``) · verifier ``left``, ``later``, ``verified`` (``verify``) · both may have no more time, save
how far they are and go on from there (``_walk``) · ``cursor`` (``_advance_cursor``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

OPEN, SEALED, DRAINED, VERIFIED = "open", "sealed", "drained", "verified"
CLOSED = frozenset({DRAINED, VERIFIED})


class Drainer(NamedTuple):
    """One drain under way, and whether it has read the entry."""

    at: str = "idle"
    found: bool = False


class State(NamedTuple):
    """Two minutes, the entry, its message, its owner, and everybody at work."""

    time: int = 0
    armer: str = "put"
    stored: bool = False
    later: bool = False
    started: bool = False
    bucket: str = OPEN
    neighbour: str = DRAINED
    cursor: int = 0
    message: bool = False
    ever_sent: bool = False
    advanced: bool = False
    drained_past: bool = False
    verified_past: bool = False
    drainers: tuple[Drainer, Drainer] = (Drainer(), Drainer())
    verifier: str = "idle"
    faultless: bool = True


IDLE = Drainer()
MUTATIONS = (
    "query before seal",
    "cursor moved by one's own evaluation",
    "a sealed minute is left to its drain",
    "a stopped writer trusts the bucket",
    "verified before it stands later",
    "sent before it is put",
    "the position is saved before what was read is sent",
)
GUESTS_MUTATIONS = ("a stopped guest trusts what it saw", "a guest does not look at the bucket")


def model(mutation: str = "", first: str = "put") -> Model[State]:
    """The protocol, or one mutation of it. ``first``: what the armer does first."""
    drain = {"idle": "seal", "seal": "query", "query": "send", "send": "drained"}
    if mutation == MUTATIONS[0]:
        drain = {"idle": "query", "query": "seal", "seal": "send", "send": "drained"}

    def steps(s: State) -> Iterable[tuple[str, State]]:
        yield from arm(s)
        for d in (0, 1):
            yield from draining(s, d)
        yield from verifying(s)
        yield from moving(s)
        if s.message:
            yield "!the message is lost", s._replace(message=False, faultless=False)
            if s.time >= 2:
                yield "the owner advances", s._replace(message=False, advanced=True)
        if s.later and not s.advanced and not s.message:
            yield "the later minute feeds", sent(s)
        if s.time < 3 and on_time(s):
            yield "time goes on", s._replace(time=s.time + 1)
        elif s.time < 3:
            yield "!time goes on over somebody stopped", s._replace(time=s.time + 1, faultless=False)

    def arm(s: State) -> Iterable[tuple[str, State]]:
        if s.armer == "done":
            return
        yield "!the armer crashes", s._replace(armer=first, faultless=False)
        if s.armer == "guest":
            # Only of the present minute is anybody a guest: elsewhere it arms for a later one.
            seen = (s.time == 2 and s.bucket in {SEALED, DRAINED}) or mutation == GUESTS_MUTATIONS[1]
            yield f"guest looks: {s.bucket}", s._replace(armer="puts" if seen else "again")
        elif s.armer == "puts":
            yield "guest puts", s._replace(stored=True, armer="clock")
        elif s.armer == "clock":
            late = s.time >= 3 and mutation != GUESTS_MUTATIONS[0] and mutation != GUESTS_MUTATIONS[1]
            yield "guest looks at the clock", s._replace(armer="again" if late else "done")
        elif s.armer == "put":
            following = sent(s) if mutation == MUTATIONS[5] else s._replace(stored=True)
            yield "armer puts", following._replace(armer="look")
        elif s.armer == "look":
            yield f"armer looks: {s.bucket}", s._replace(armer=after_look(s))
        elif s.armer == "start":
            yield "armer starts the minute", s._replace(started=True, armer="done")
            yield "!the minute is not started", s._replace(armer="done", faultless=False)
        elif s.armer == "send":
            yield "armer sends", sent(s)._replace(armer="done")
        elif s.armer == "again":
            yield "armer puts again, later", s._replace(later=True, armer="send")

    def after_look(s: State) -> str:
        if mutation == MUTATIONS[5]:
            return "done"
        stopped = s.time >= 3 and mutation != MUTATIONS[3]
        if s.bucket == VERIFIED or stopped:
            return "again"
        if s.bucket in {SEALED, DRAINED}:
            return "done" if mutation == MUTATIONS[2] else "send"
        return "start"

    def draining(s: State, d: int) -> Iterable[tuple[str, State]]:
        me = s.drainers[d]
        if me.at == "idle":
            # The first is the minute's execution, the second the sweeper.
            if s.time >= 1 and s.bucket not in CLOSED and in_sight(s) and (s.started or d == 1):
                yield f"drainer {d} begins", put(s, d, Drainer(drain["idle"]))
            return
        yield f"!drainer {d} crashes", put(s, d, IDLE)._replace(faultless=False)
        following = me._replace(at=drain.get(me.at, "idle"))
        if me.at == "seal":
            sealed = s._replace(bucket=SEALED)
            yield f"drainer {d} seals", put(s, d, IDLE) if s.bucket in CLOSED else put(sealed, d, following)
        elif me.at == "query":
            found = s.stored and not s.drained_past
            yield f"drainer {d} reads", put(s, d, following._replace(found=found))
            if mutation == MUTATIONS[6]:
                yield f"drainer {d} has no time", put(s._replace(drained_past=True), d, IDLE)
        elif me.at == "send":
            after = put(sent(s) if me.found else s, d, following)
            yield f"drainer {d} sends", after
            # Past the entry, or past where it would stand: it goes on from there in its next message.
            saved = put(after._replace(drained_past=True), d, Drainer(drain["idle"]))
            yield f"drainer {d} sends, and has no more time", saved
        elif me.at == "drained":
            drained = s._replace(bucket=DRAINED) if s.bucket == SEALED else s
            yield f"drainer {d} is done", put(drained, d, IDLE)

    def verifying(s: State) -> Iterable[tuple[str, State]]:
        ready = s.time >= 3 and s.bucket == DRAINED and in_sight(s)
        if s.verifier == "idle" and ready:
            yield "verifier begins", s._replace(verifier="left")
        if s.neighbour == DRAINED and s.time >= 3:
            closed = s._replace(neighbour=VERIFIED)
            yield (
                "the neighbour is verified",
                closed._replace(cursor=2) if mutation == MUTATIONS[1] else closed,
            )
        if s.verifier == "idle":
            return
        yield "!the verifier crashes", s._replace(verifier="idle", faultless=False)
        early = mutation == MUTATIONS[4]
        if s.verifier == "left":
            left = s.stored and not s.advanced and not s.verified_past
            yield "verifier reads", s._replace(verifier="later" if left and not early else "verified")
            if not left:
                yield "verifier has no more time", s._replace(verifier="left", verified_past=True)
        elif s.verifier == "later":
            fed = sent(s)._replace(later=True, verifier="idle" if early else "verified")
            yield "verifier feeds again, later", fed
            yield "verifier has no more time", fed._replace(verifier="left", verified_past=True)
        elif s.verifier == "verified":
            bucket = VERIFIED if s.bucket == DRAINED else s.bucket
            left = s.stored and not s.advanced
            yield "verifier closes", s._replace(bucket=bucket, verifier="later" if early and left else "idle")

    def moving(s: State) -> Iterable[tuple[str, State]]:
        if s.cursor == 0 and s.bucket == VERIFIED:
            yield "the cursor moves", s._replace(cursor=1)
        elif s.cursor == 1 and s.neighbour == VERIFIED:
            yield "the cursor moves", s._replace(cursor=2)

    # A guest is not fed before the verification.
    closed = {VERIFIED} if first == "guest" else CLOSED

    def invariant(s: State) -> str | None:
        """Without faults a drained minute has sent what was armed; with them it is still fed somewhere."""
        settled = s.armer == "done" and s.bucket in closed
        if s.faultless and settled and not s.ever_sent:
            return "the minute is closed and the entry was not sent, although nothing failed"
        return None

    return Model(f"timers {mutation}", State(armer=first), steps, invariant, is_done)


def in_sight(s: State) -> bool:
    """Whether the sweeper still looks at M."""
    return s.cursor == 0


def on_time(s: State) -> bool:
    """Whether everybody who is bounded by a timeout has finished before time goes on."""
    busy = s.drainers != (IDLE, IDLE) or s.verifier != "idle" or s.armer not in {"put", "guest", "done"}
    undrained = s.time >= 1 and s.stored and s.bucket not in CLOSED
    undelivered = s.time >= 2 and s.message
    return not (busy or undrained or undelivered)


def sent(s: State) -> State:
    """A message goes to the queue."""
    return s._replace(message=True, ever_sent=True)


def put(s: State, d: int, drainer: Drainer) -> State:
    """The state with one drainer changed."""
    return s._replace(drainers=(drainer, s.drainers[1]) if d == 0 else (s.drainers[0], drainer))


def is_done(s: State) -> bool:
    """Armed, and the owner has advanced."""
    return s.armer == "done" and s.advanced


def test_the_protocol_holds() -> None:
    """No order of crashes, losses and delays misses the moment without a fault, or forgets with one."""
    must_hold(model(), more_than=1_000)


def test_a_guest_is_never_forgotten() -> None:
    """What stands in a minute that may have been drained is seen by its verification, or stands later."""
    must_hold(model(first="guest"), more_than=1_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))


@pytest.mark.parametrize("mutation", GUESTS_MUTATIONS)
def test_each_mutation_of_a_guest_is_found(mutation: str) -> None:
    """A guest who comes when the minute was looked through already is forgotten."""
    must_break(model(mutation, first="guest"))
