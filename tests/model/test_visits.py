"""Visits: what was done in a browser becomes its friend's, all of it, once, whatever races and crashes.

Small scope: one browser, two friends, and these at once, each of which may die anywhere:

- ``send 1``, ``send 2``: count on the browser's ``head``, and see there who is known · give it to them, or
  keep it. Whoever dies was not answered, and sends again or is gone: what was kept counts all the same.
- ``known A``, ``known B``: leave a job for ``later`` · ``claim`` the browser for that friend, if it is nobody
  else's · leave a job for now. (``site.visits``)
- a job: read the head · read what is ``kept`` · give it to the friend · ``drop`` what was given.

A job for later comes when everybody who began before it was left is over. Whatever is given is given under
the same name, so that it counts once for a friend; it must not count for two.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

NOBODY, A, B = 0, 1, 2
NONE: frozenset[int] = frozenset()


class Worker(NamedTuple):
    """What somebody does, how far they are, whom they have seen there, and what they have read."""

    does: str
    at: str
    seen: int = NOBODY
    read: frozenset[int] = NONE


class State(NamedTuple):
    """Whose the browser is, what is kept of it and ever was, what each friend has got, a job for later."""

    workers: tuple[Worker, ...]
    user: int = NOBODY
    kept: frozenset[int] = NONE
    ever: frozenset[int] = NONE
    got: frozenset[tuple[int, int]] = NONE
    later: bool = False


MUTATIONS = (
    "there is no job for later",
    "the job for later is left behind the claim",
    "what is kept is dropped before it is given",
    "the browser is whoever's came last",
)
IDLE = Worker("", "idle")
BEGIN = {"send 1": "head", "send 2": "head", "known A": "begin", "known B": "begin"}
RACES = (("send 1", "known A"), ("send 1", "known A", "known B"), ("send 1", "send 2", "known A"))


def model(race: tuple[str, ...], mutation: str = "") -> Model[State]:
    """The protocol, or a mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for w, me in enumerate(s.workers):
            if me.at == "idle":
                continue
            yield f"{w}: {me.does} {me.at}", act(s, w, me)
            if me.does != "job":
                yield f"!{w}: {me.does} dies at {me.at}", put(s, w, IDLE)
                if me.does.startswith("send"):
                    yield f"!{w}: {me.does} begins anew", put(s, w, Worker(me.does, BEGIN[me.does]))
            else:
                yield f"!{w}: the job dies at {me.at}", put(s, w, Worker("job", "head"))
        if s.later and all(me.at == "idle" for me in s.workers):
            yield "the job for later comes", put(s._replace(later=False), 0, Worker("job", "head"))

    def act(s: State, w: int, me: Worker) -> State:
        if me.does.startswith("known"):
            return known(s, w, me, A if me.does == "known A" else B)
        if me.does == "job":
            return job(s, w, me)
        event = int(me.does[-1])
        if me.at == "head":
            return put(s, w, me._replace(at="give" if s.user else "keep", seen=s.user))
        if me.at == "keep":
            return put(s._replace(kept=s.kept | {event}, ever=s.ever | {event}), w, IDLE)
        return put(s._replace(got=s.got | {(me.seen, event)}), w, IDLE)

    def known(s: State, w: int, me: Worker, user: int) -> State:
        order = ["later", "claim", "now"]
        if mutation == MUTATIONS[0]:
            order = ["claim", "now"]
        if mutation == MUTATIONS[1]:
            order = ["claim", "later", "now"]
        at = order[0] if me.at == "begin" else me.at
        if at == "now":
            return put(s, w, Worker("job", "head"))
        if at == "later":
            s = s._replace(later=True)
        elif s.user not in {NOBODY, user} and mutation != MUTATIONS[3]:
            return put(s, w, IDLE)
        else:
            s = s._replace(user=user)
        return put(s, w, me._replace(at=order[order.index(at) + 1]))

    def job(s: State, w: int, me: Worker) -> State:
        if me.at == "head":
            return put(s, w, me._replace(at="read", seen=s.user) if s.user else IDLE)
        if me.at == "read":
            left = NONE if mutation == MUTATIONS[2] else s.kept
            return put(s._replace(kept=left), w, me._replace(at="give", read=s.kept))
        if me.at == "give":
            s = s._replace(got=s.got | {(me.seen, event) for event in me.read})
            return put(s, w, me._replace(at="drop"))
        return put(s._replace(kept=s.kept - me.read), w, IDLE)

    def invariant(s: State) -> str | None:
        if any({(A, event), (B, event)} <= s.got for event in (1, 2)):
            return "two friends have done the same"
        return None

    def is_done(s: State) -> bool:
        if any(me.at != "idle" for me in s.workers) or s.later:
            return False
        return not s.user or (not s.kept and all((s.user, event) in s.got for event in s.ever))

    workers = tuple(Worker(does, BEGIN[does]) for does in race)
    return Model(f"visits {race} {mutation}", State(workers), steps, invariant, is_done)


def put(s: State, w: int, me: Worker) -> State:
    """The state with somebody else's place in it."""
    return s._replace(workers=(*s.workers[:w], me, *s.workers[w + 1 :]))


@pytest.mark.parametrize("race", RACES)
def test_the_protocol_holds(race: tuple[str, ...]) -> None:
    """Nothing that was kept is lost, and nothing counts for two."""
    must_hold(model(race), more_than=50)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, in one race at least, and the explorer shows how."""
    must_break(model(RACES[1] if mutation == MUTATIONS[3] else RACES[0], mutation))
