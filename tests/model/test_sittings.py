"""Forms on the web: what is sent is one event, whatever dies and whoever comes twice.

Small scope: one friend, two devices, two sittings. A device sends the sitting that it has read, or begins
anew on one that is sent. The event of a sitting has the sitting's name: putting it again changes nothing. A
device may crash anywhere; the friend may then press again, load the page again, or never come back.

Steps and code: ``leave`` the job, ``freeze`` the answers (one conditional write), ``put`` the event in the
inbox, ``note`` that it is there (``webforms/sittings.py:send``, ``report``); ``begin`` anew (``again``). The
job is the queue's: it comes after the device is done or dead, and again until it has done its work.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Device(NamedTuple):
    """What it has read, and what it does next; ``left``: how often it may still begin."""

    at: str = "idle"
    sitting: int = 0
    rev: int = 0
    then: str = ""
    left: int = 2


class State(NamedTuple):
    """The item (which sitting, its revision, whether sent and reported), the inbox, jobs, promises."""

    sitting: int = 1
    rev: int = 0
    sent: bool = False
    reported: bool = False
    put: frozenset[int] = frozenset()
    jobs: frozenset[int] = frozenset()
    promised: frozenset[int] = frozenset()
    frozen: tuple[int, ...] = ()
    devices: tuple[Device, Device] = (Device(), Device())


MUTATIONS = (
    "frozen whatever is there by now",
    "no job is left",
    "the job is left after the answers are frozen",
    "noted before it is put",
    "the next sitting begins on one that is not reported",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    order = ("leave", "freeze", "put", "note")
    if mutation == MUTATIONS[1]:
        order = ("freeze", "put", "note")
    elif mutation == MUTATIONS[2]:
        order = ("freeze", "leave", "put", "note")
    elif mutation == MUTATIONS[3]:
        order = ("leave", "freeze", "note", "put")
    following = dict(zip(order, (*order[1:], "idle"), strict=True))

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for n, me in enumerate(s.devices):
            if me.at != "idle":
                yield f"!device {n} crashes", put(s, n, me._replace(at="idle", then=""))
                yield f"device {n}: {me.at}", act(s, n, me)
            elif me.left:
                read = me._replace(left=me.left - 1, sitting=s.sitting, rev=s.rev)
                if not s.sent:
                    yield f"!device {n} sends", put(s, n, read._replace(at=order[0]))
                elif s.sitting == 1:
                    first = "begin" if s.reported or mutation == MUTATIONS[4] else "put"
                    yield f"!device {n} begins anew", put(s, n, read._replace(at=first, then="begin"))
        if all(me.at == "idle" for me in s.devices):
            for job in s.jobs:
                yield f"the job of sitting {job}", work(s, job)

    def act(s: State, n: int, me: Device) -> State:
        after = me._replace(at=following.get(me.at, "idle"))
        is_mine = (s.sitting, s.rev) == (me.sitting, me.rev)
        if me.at == "leave":
            return put(s._replace(jobs=s.jobs | {me.sitting}), n, after)
        if me.at == "freeze":
            if not is_mine and mutation != MUTATIONS[0]:
                return put(s, n, me._replace(at="idle"))
            frozen = s._replace(sitting=me.sitting, sent=True, reported=False, rev=s.rev + 1)
            frozen = frozen._replace(frozen=(*s.frozen, me.sitting), promised=s.promised | {me.sitting})
            return put(frozen, n, after._replace(rev=s.rev + 1))
        if me.at == "put":
            written = s._replace(put=s.put | {me.sitting})
            return put(written, n, after)
        if me.at == "note":
            noted = s._replace(reported=True, rev=s.rev + 1) if is_mine else s
            follow = after._replace(at=me.then, rev=noted.rev) if me.then else after
            return put(noted, n, follow)
        fresh = s._replace(sitting=me.sitting + 1, sent=False, reported=False, rev=s.rev + 1)
        return put(fresh if is_mine else s, n, me._replace(at="idle", then=""))

    def work(s: State, job: int) -> State:
        done = s._replace(jobs=s.jobs - {job})
        if s.sitting != job or not s.sent or s.reported:
            return done
        return done._replace(put=s.put | {job}, reported=True, rev=s.rev + 1)

    def invariant(s: State) -> str | None:
        twice = len(s.frozen) != len(set(s.frozen))
        return "a sitting was sent twice, with other answers" if twice else None

    def is_done(s: State) -> bool:
        return all(me.at == "idle" for me in s.devices) and not s.jobs and s.promised <= s.put

    return Model(f"sittings {mutation}", State(), steps, invariant, is_done)


def put(s: State, n: int, me: Device) -> State:
    """The state with one device's own part of it."""
    return s._replace(devices=(me, s.devices[1]) if n == 0 else (s.devices[0], me))


def test_the_protocol_holds() -> None:
    """Whatever was sent comes, under its own name, with the answers that were frozen."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
