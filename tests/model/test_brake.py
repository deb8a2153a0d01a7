"""The brake: the same content never reaches a friend twice within the window, and somebody's copy does
arrive.

Small scope: one friend, one content, two deliveries of it, a window of two moments. A **message** of a
rule or a step keeps an entry in the friend's log; a **run** of a broadcast keeps a claim in the account's
list, for all its friends at once. A **wave** (a step's chunk for many) does as a run, and when it has come to
its end a job enters it in the friends' logs and notes that; a moment later its claim goes. Workers crash
anywhere, LINE accepts and its answer is lost, attempts are repeated at any later moment; a worker lives for
less than one moment.

Steps and code (``chalicelib/deliveries/lately``): ``look`` at what others have done (``brake.judge``) ·
``enter`` the log, or the list, if it is as it was read · ``again`` look at the other kind's place after
having entered one's own · ``call`` LINE, which remembers the retry key · ``answer``. A message asks the
list before and after it enters the log; a run or wave asks the logs after it entered the list. Of two of
them the one behind in the list gives way; a claim that is renewed within the window keeps its place.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

WINDOW, LAST = 2, 3


class Delivery(NamedTuple):
    """One of the two: where its worker is, what it has read, what came of it.

    ``seen``: the version of its place as it was read. ``open``: an attempt has no answer. ``got``: the
    moment at which the friend got it. Of a wave that has ended, ``logged``: it stands in the log; ``noted``:
    the moment at which that was noted.
    """

    at: str = "idle"
    seen: int = -1
    open: bool = False
    got: int | None = None
    end: str = ""
    logged: bool = False
    noted: int | None = None


class State(NamedTuple):
    """``log``: entries of messages, ``list``: claims of runs, both ``(delivery, moment)`` in their order,
    with the versions by which writes are conditional.
    """

    now: int = 0
    log: tuple[tuple[int, int], ...] = ()
    log_v: int = 0
    list: tuple[tuple[int, int], ...] = ()
    list_v: int = 0
    two: tuple[Delivery, Delivery] = (Delivery(), Delivery())


MUTATIONS = (
    "entered without a condition",
    "an entry is good for ever",
    "the entry after the call",
    "repeated without looking",
    "no second look after entering",
    "a run looks before it enters the list",
    "a claim that is renewed loses its place",
    "a wave's claim goes when it was sent",
    "a wave's claim goes as soon as it is logged",
)
KINDS = {
    "two messages": "mm",
    "a message and a run": "mr",
    "two runs": "rr",
    "a message and a wave": "mw",
    "a run and a wave": "rw",
    "two waves": "ww",
}


def model(kinds: str, mutation: str = "") -> Model[State]:
    """The protocol for deliveries of these kinds, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.now < LAST and all(one.at == "idle" for one in s.two):
            yield "time passes", s._replace(now=s.now + 1)
        for d in (0, 1):
            me = s.two[d]
            if me.end:
                yield from after(s, d, me)
            elif me.at == "idle":
                yield f"{d} begins", put(s, d, begin(s, d, me))
            else:
                yield f"!{d} crashes at {me.at}", put(s, d, me._replace(at="idle", seen=-1))
                yield from work(s, d, me)

    def after(s: State, d: int, me: Delivery) -> Iterable[tuple[str, State]]:
        """What the job of a wave that has ended does, which may come at any time, and the claim's going."""
        if kinds[d] != "w" or mine(s, d) is None:
            return
        if not me.logged and mutation != MUTATIONS[7]:
            logged = put(s, d, me._replace(logged=True))
            entry = () if me.end == "skipped" else ((d, s.now if me.got is None else me.got),)
            yield f"{d} is logged", logged._replace(log=(*s.log, *entry), log_v=s.log_v + 1)
        elif me.noted is None:
            yield f"{d} is noted", put(s, d, me._replace(noted=s.now))
        elif s.now > me.noted or mutation == MUTATIONS[8]:
            left = tuple(entry for entry in s.list if entry[0] != d)
            yield f"the claim of {d} goes", s._replace(list=left, list_v=s.list_v + 1)

    def begin(s: State, d: int, me: Delivery) -> Delivery:
        fresh = is_run(d) and mine(s, d) == s.now and mutation != MUTATIONS[5]
        if me.open and mutation == MUTATIONS[3]:
            return me._replace(at="call")
        return me._replace(at="again" if fresh else "look")

    def work(s: State, d: int, me: Delivery) -> Iterable[tuple[str, State]]:
        if me.at == "look":
            yield f"{d} looks", look(s, d, me)
        elif me.at == "enter":
            yield f"{d} enters", enter(s, d, me)
        elif me.at == "again":
            yield f"{d} looks again", again(s, d, me)
        elif me.at == "call":
            took = me._replace(at="answer", open=True, got=s.now if me.got is None else me.got)
            yield f"LINE takes {d}", put(s, d, took)
            yield f"!LINE does not hear {d}", put(s, d, me._replace(at="idle", open=True))
        elif me.at == "answer":
            late = mutation == MUTATIONS[2]
            done = put(s, d, me._replace(at="idle", end="accepted"))
            yield f"{d} is answered", entered(done, d) if late else done
            yield f"!the answer to {d} is lost", put(s, d, me._replace(at="idle"))

    def look(s: State, d: int, me: Delivery) -> State:
        if not is_run(d):
            own = mine(s, d)
            if own is not None and (own == s.now or mutation == MUTATIONS[1]):
                return put(s, d, me._replace(at="again"))
            if blocked_by_log(s, d) or blocked_by_list(s, d):
                return stop(s, d, me)
        elif mutation == MUTATIONS[5] and blocked(s, d):
            return stop(s, d, me)
        if mutation == MUTATIONS[2]:
            return put(s, d, me._replace(at="call"))
        return put(s, d, me._replace(at="enter", seen=s.list_v if is_run(d) else s.log_v))

    def enter(s: State, d: int, me: Delivery) -> State:
        version = s.list_v if is_run(d) else s.log_v
        if version != me.seen and mutation != MUTATIONS[0]:
            return put(s, d, me._replace(at="look"))
        skips = mutation in {MUTATIONS[4], MUTATIONS[5]} or (mutation == MUTATIONS[0] and not is_run(d))
        return entered(put(s, d, me._replace(at="call" if skips else "again")), d)

    def entered(s: State, d: int) -> State:
        if is_run(d):
            own = mine(s, d)
            if own is not None and s.now - own < WINDOW and mutation != MUTATIONS[6]:
                renewed = tuple((other, s.now if other == d else at) for other, at in s.list)
            else:
                renewed = (*(entry for entry in s.list if entry[0] != d), (d, s.now))
            return s._replace(list=renewed, list_v=s.list_v + 1)
        kept = tuple(entry for entry in s.log if entry[0] != d)
        return s._replace(log=(*kept, (d, s.now)), log_v=s.log_v + 1)

    def again(s: State, d: int, me: Delivery) -> State:
        if blocked(s, d) if is_run(d) else blocked_by_list(s, d):
            return stop(s, d, me)
        return put(s, d, me._replace(at="call"))

    def stop(s: State, d: int, me: Delivery) -> State:
        """Left out; what LINE may have taken is not tried any more, and what it came to stays unknown."""
        s = put(s, d, me._replace(at="idle", end="unknown" if me.open else "skipped"))
        return s if me.open or is_run(d) else s._replace(log=tuple(e for e in s.log if e[0] != d))

    def blocked(s: State, d: int) -> bool:
        return blocked_by_log(s, d) or blocked_by_list(s, d)

    def blocked_by_log(s: State, d: int) -> bool:
        return any(other != d and s.now - at < WINDOW for other, at in s.log)

    def blocked_by_list(s: State, d: int) -> bool:
        """A claim before one's own, of a run that has not left the friend out."""
        for other, at in s.list:
            if other == d:
                return False
            if s.now - at < WINDOW and s.two[other].end != "skipped":
                return True
        return False

    def mine(s: State, d: int) -> int | None:
        return next((at for other, at in (s.list if is_run(d) else s.log) if other == d), None)

    def is_run(d: int) -> bool:
        return kinds[d] in "rw"

    def invariant(s: State) -> str | None:
        first, second = (one.got for one in s.two)
        if first is not None and second is not None and abs(first - second) < WINDOW:
            return "the friend gets the same twice within the window"
        if kinds == "mm" and all(one.end == "skipped" for one in s.two):
            return "each gives way to the other"
        return None

    def is_done(s: State) -> bool:
        return all(one.end for one in s.two)

    return Model(f"brake {kinds} {mutation}", State(), steps, invariant, is_done)


def put(s: State, d: int, one: Delivery) -> State:
    """The state with one delivery changed."""
    return s._replace(two=(one, s.two[1]) if d == 0 else (s.two[0], one))


@pytest.mark.parametrize("kinds", KINDS.values(), ids=KINDS)
def test_the_protocol_holds(kinds: str) -> None:
    """No crash, lost answer or repetition lets the same content come twice within the window."""
    must_hold(model(kinds), more_than=200)


@pytest.mark.parametrize(
    ("kinds", "mutation"),
    [
        ("mm", MUTATIONS[0]),
        ("mm", MUTATIONS[1]),
        ("mm", MUTATIONS[2]),
        ("mm", MUTATIONS[3]),
        ("mr", MUTATIONS[4]),
        ("rr", MUTATIONS[5]),
        ("mr", MUTATIONS[5]),
        ("rr", MUTATIONS[6]),
        ("mw", MUTATIONS[7]),
        ("mw", MUTATIONS[8]),
    ],
)
def test_each_mutation_is_found(kinds: str, mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(kinds, mutation))
