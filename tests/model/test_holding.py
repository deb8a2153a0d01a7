"""What policies hold back is waited for, not decided: whoever buys at night is not reminded in the morning.

Small scope: one friend whose wait has ended (version 0) and who comes to a message while policies hold it
(time 0); the hold ends (time 1). Waiting at the message is version 1, behind it version 2. The friend may buy
while it is held, which is the scenario's goal. Two workers, crashes, copies, lost messages, pointers that
come early; the timers feed again whatever has not advanced.

Steps and code (``chalicelib/scenarios``): ``load`` a round and ``decide.step``, which asks the policies ·
``entry`` the due entry of the hold's end · ``stand`` the move to the message, or the park at it · ``claim``,
``manifest``, ``pass`` as in ``test_advance.py`` · ``leave`` the move to the end by the goal.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Worker(NamedTuple):
    """One invocation: the pointer's version, and the version it has read."""

    at: str = "idle"
    version: int = 0


IDLE = Worker()


class State(NamedTuple):
    """The enrollment (``due`` is its time), due entries (version, time), one message, chunks."""

    time: int = 0
    bought: bool = False
    version: int = 0
    due: int = 0
    claim: int = 0
    entries: frozenset[tuple[int, int]] = frozenset({(0, 0)})
    queue: int | None = 0
    chunks: int = 0
    workers: tuple[Worker, Worker] = (IDLE, IDLE)


MUTATIONS = (
    "it stands there before its entry does",
    "decided while it is held",
    "the move to the message ignores a claim",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    order = ("stand", "entry") if mutation == MUTATIONS[0] else ("entry", "stand")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.time == 0:
            yield "the hold ends", s._replace(time=1)
            if not s.bought:
                yield "!the friend buys", s._replace(bought=True)
        if s.queue is not None:
            yield "!the message is lost", s._replace(queue=None)
        else:
            for version, due in sorted(s.entries):
                if not has_advanced(s, version, due):
                    early = "" if due <= s.time else "!"
                    yield f"{early}the timers feed version {version}", s._replace(queue=version)
        for w in (0, 1):
            yield from work(s, w, s.workers[w])

    def work(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.at == "idle":
            if s.queue is not None:
                got = put(s, w, Worker("load", s.queue))
                yield f"worker {w} takes {s.queue}", got._replace(queue=None)
                yield f"!worker {w} takes a copy of {s.queue}", got
            return
        yield f"!worker {w} crashes at {me.at}", put(s, w, IDLE)
        yield f"worker {w} {me.at}", act(s, w, me)

    def act(s: State, w: int, me: Worker) -> State:
        unmoved = s.version == me.version
        if me.at == "load":
            return load(s, w, me)
        if me.at == "entry":
            target = max(me.version, 1)
            return after(s._replace(entries=s.entries | {(target, 1)}), w, me)
        if me.at == "stand":
            if unmoved and (not s.claim or (mutation == MUTATIONS[2] and me.version == 0)):
                s = s._replace(version=1, due=1, claim=0)
            return after(s, w, me)
        if me.at == "claim":
            if unmoved and not s.claim:
                return put(s._replace(claim=s.chunks + 1), w, me._replace(at="manifest"))
        elif me.at == "manifest":
            # Put if absent: the claim's chunk is named by its number.
            return put(s._replace(chunks=max(s.chunks, s.claim)), w, me._replace(at="pass"))
        elif me.at == "pass":
            if unmoved and s.claim:
                s = s._replace(version=2, claim=0)
        elif unmoved and not s.claim:  # leave
            s = s._replace(version=2)
        return put(s, w, IDLE)

    def after(s: State, w: int, me: Worker) -> State:
        here = order.index(me.at)
        return put(s, w, me._replace(at=order[here + 1]) if here + 1 < len(order) else IDLE)

    def load(s: State, w: int, me: Worker) -> State:
        if s.version < me.version:
            return put(s, w, IDLE)._replace(queue=me.version)  # a fresh copy in 5 seconds
        if s.version > me.version:
            return put(s, w, IDLE)
        if s.claim:
            return put(s, w, me._replace(at="manifest"))
        if s.bought:
            return put(s, w, me._replace(at="leave"))
        if s.time == 0 and mutation != MUTATIONS[1]:
            return put(s, w, me._replace(at=order[0]))
        return put(s, w, me._replace(at="claim"))

    def invariant(s: State) -> str | None:
        if s.chunks > 1:
            return "the friend gets the message twice"
        if s.chunks and s.bought:
            return "who bought while it was held gets it all the same"
        return None

    def is_done(s: State) -> bool:
        return s.version == 2 and s.workers == (IDLE, IDLE) and (s.bought or s.chunks == 1)

    return Model(f"holding {mutation}", State(), steps, invariant, is_done)


def has_advanced(s: State, version: int, due: int) -> bool:
    """``enrollments.service.advanced``: past this version, or parked for later."""
    return s.version > version or (s.version == version and s.due > due)


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(worker, s.workers[1]) if w == 0 else (s.workers[0], worker))


def test_the_protocol_holds() -> None:
    """Nobody is stranded at a held message, gets it twice, or gets it after the goal."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
