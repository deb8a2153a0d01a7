"""What a rule pushes while policies hold it is judged once when the hold ends, sent once, and told truly.

Small scope: one effect that is ``held``; its entry is fed until the effect waits no more; the hold ends at
once. The friend may block while it waits, before or after the judgement. Two workers on copies of the event,
crashes, lost messages.

Steps and code (``reaction/effects/held.py``): ``read`` the friend and the effect · ``judge`` ``releasing``
or ``skipped`` on the effect, if it is still ``held`` · ``put`` the chunk, if absent · ``report`` ``done``, if
it is ``releasing``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Worker(NamedTuple):
    """One invocation: what it has read, or is about to write."""

    at: str = "idle"
    blocked: bool = False


IDLE = Worker()


class State(NamedTuple):
    """The effect on the activity, the chunk, one message, the friend."""

    effect: str = "held"
    chunks: int = 0
    queue: bool = False
    blocked: bool = False
    workers: tuple[Worker, Worker] = (IDLE, IDLE)


MUTATIONS = (
    "put before the judgement is written",
    "over once it was fed",
    "releasing is judged again",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if not s.blocked:
            yield "!the friend blocks", s._replace(blocked=True)
        if s.queue:
            yield "!the message is lost", s._replace(queue=False)
        elif s.effect == "held" or (s.effect == "releasing" and mutation != MUTATIONS[1]):
            yield "the timers feed it", s._replace(queue=True)
        for w in (0, 1):
            me = s.workers[w]
            if me.at == "idle":
                if s.queue:
                    yield f"worker {w} takes it", put(s, w, Worker("read"))._replace(queue=False)
                    yield f"!worker {w} takes a copy", put(s, w, Worker("read"))
                continue
            yield f"!worker {w} crashes at {me.at}", put(s, w, IDLE)
            yield f"worker {w} {me.at}", act(s, w, me)

    def act(s: State, w: int, me: Worker) -> State:
        if me.at == "read":
            if s.effect == "releasing" and mutation != MUTATIONS[2]:
                return put(s, w, Worker("put"))
            if s.effect not in {"held", "releasing"}:
                return put(s, w, IDLE)
            first = "put" if mutation == MUTATIONS[0] and not s.blocked else "judge"
            return put(s, w, Worker(first, s.blocked))
        if me.at == "judge":
            open_ones = {"held", "releasing"} if mutation == MUTATIONS[2] else {"held"}
            if s.effect not in open_ones:
                return put(s, w, Worker("read"))
            status = "skipped" if me.blocked else "releasing"
            after = IDLE if me.blocked else Worker("put")
            return put(s._replace(effect=status), w, after)
        if me.at == "put":
            return put(s._replace(chunks=1), w, Worker("report"))
        before = {"held", "releasing"} if mutation == MUTATIONS[0] else {"releasing"}
        return put(s._replace(effect="done") if s.effect in before else s, w, IDLE)

    def invariant(s: State) -> str | None:
        if s.effect == "skipped" and s.chunks:
            return "it says skipped of what was sent"
        if s.effect == "done" and not s.chunks:
            return "it says done of what was not sent"
        return None

    def is_done(s: State) -> bool:
        return s.effect in {"done", "skipped"} and s.workers == (IDLE, IDLE)

    return Model(f"held {mutation}", State(), steps, invariant, is_done)


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(worker, s.workers[1]) if w == 0 else (s.workers[0], worker))


def test_the_protocol_holds() -> None:
    """However often it is fed and cut off: one judgement, one chunk, and the effect tells the truth."""
    must_hold(model(), more_than=50)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives lie or forget, and the explorer shows how."""
    must_break(model(mutation))
