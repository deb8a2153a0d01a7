"""Invariant 2, React: one event changes the fact sheet once and its effects run, whatever happens.

Small scope: one friend, two events in one FIFO group, two workers (the visibility of a message may run out
while its worker lives), any number of crashes, one duplicate beyond SQS's de-duplication or one message
that goes to the dead letters and is redriven behind the others, an import that takes a ``rev``, and the
scenario room writing its mirror on the same item by path.

Steps and code (``chalicelib/reaction``): ``friend``/``activity`` the two consistent reads · ``clean`` finish
the pending ids whose activity is missing · ``update`` the one conditional UpdateItem · ``effects`` ·
``record`` the complete activity, put-if-absent · ``ack``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

EVENTS = (0, 1)


class Friend(NamedTuple):
    """The fact sheet: how often each event was counted, what is pending, and the mirror of another room."""

    rev: int = 0
    counted: tuple[int, int] = (0, 0)
    pending: frozenset[int] = frozenset()
    mirror: bool = False


class Worker(NamedTuple):
    """One invocation: where it is, and what it has read."""

    at: str = "idle"
    event: int = -1
    seen: Friend | None = None
    absent: bool = False
    known: frozenset[int] = frozenset()
    todo: tuple[int, ...] = ()


class State(NamedTuple):
    """Everything durable, and both workers."""

    queue: tuple[tuple[int, int | None], ...] = ((0, None), (1, None))
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    friend: Friend = Friend()
    activities: frozenset[int] = frozenset()
    effects: frozenset[int] = frozenset()
    twisted: bool = False
    dead: int | None = None
    mirrored: bool = False
    imported: bool = False


IDLE = Worker()
MUTATIONS = (
    "activity read before the friend",
    "whole-item save",
    "pending cleaned without knowing",
    "activity before the effects",
    "no rev in the condition",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    first, second = ("activity", "friend") if mutation == MUTATIONS[0] else ("friend", "activity")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for w in (0, 1):
            yield from work(s, w)
            if s.workers[w].at != "idle":
                yield f"!worker {w} crashes", put(released(s, w), w, IDLE)
                if s.queue and s.queue[0][1] == w:
                    yield f"!visibility runs out for worker {w}", released(s, w)
        if not s.twisted:
            for event in EVENTS:
                again = s._replace(queue=(*s.queue, (event, None)), twisted=True)
                yield f"!event {event} is delivered again", again
            if s.queue and s.queue[0][1] is None:
                buried = s._replace(queue=s.queue[1:], dead=s.queue[0][0], twisted=True)
                yield "!dead letter", buried
        if s.dead is not None:
            yield "redrive", s._replace(queue=(*s.queue, (s.dead, None)), dead=None)
        if not s.mirrored:
            yield "!scenario mirror", s._replace(friend=s.friend._replace(mirror=True), mirrored=True)
        if not s.imported:
            yield "!import", s._replace(friend=s.friend._replace(rev=s.friend.rev + 1), imported=True)

    def work(s: State, w: int) -> Iterable[tuple[str, State]]:
        me = s.workers[w]
        say = f"worker {w} {me.at} {me.event}"
        if me.at == "idle":
            if s.queue and s.queue[0][1] is None:
                event = s.queue[0][0]
                taken = s._replace(queue=((event, w), *s.queue[1:]))
                yield f"worker {w} takes {event}", put(taken, w, Worker(first, event))
        elif me.at == "friend":
            read = me._replace(seen=s.friend)
            yield say, put(s, w, read._replace(at=second) if first == "friend" else judged(read))
        elif me.at == "activity":
            absent = me.event not in s.activities
            read = me._replace(absent=absent)
            yield say, put(s, w, read._replace(at=second) if first == "activity" else judged(read))
        elif me.at == "clean":
            yield say, clean(s, w)
        elif me.at == "finish":
            pending = me.todo[0]
            done = s._replace(activities=s.activities | {pending})
            yield say, put(done, w, me._replace(at="clean"))
        elif me.at == "update":
            yield say, update(s, w)
        elif me.at == "effects":
            after = "ack" if mutation == MUTATIONS[3] else "record"
            yield say, put(s._replace(effects=s.effects | {me.event}), w, me._replace(at=after))
        elif me.at == "record":
            after = "effects" if mutation == MUTATIONS[3] else "ack"
            recorded = s._replace(activities=s.activities | {me.event})
            yield say, put(recorded, w, me._replace(at=after))
        elif me.at == "ack":
            held = bool(s.queue) and s.queue[0] == (me.event, w)
            yield say, put(s._replace(queue=s.queue[1:]) if held else s, w, IDLE)

    def judged(me: Worker) -> Worker:
        """After both reads: acknowledge, repeat the effects, or decide."""
        assert me.seen is not None
        if not me.absent:
            return me._replace(at="ack")
        if me.event in me.seen.pending:
            return me._replace(at="record" if mutation == MUTATIONS[3] else "effects")
        return me._replace(at="clean", todo=tuple(sorted(me.seen.pending)), known=frozenset())

    def clean(s: State, w: int) -> State:
        me = s.workers[w]
        if not me.todo:
            return put(s, w, me._replace(at="update"))
        pending = me.todo[0]
        if pending in s.activities or mutation == MUTATIONS[2]:
            return put(s, w, me._replace(todo=me.todo[1:], known=me.known | {pending}))
        return put(s._replace(effects=s.effects | {pending}), w, me._replace(at="finish"))

    def update(s: State, w: int) -> State:
        me = s.workers[w]
        assert me.seen is not None
        if s.friend.rev != me.seen.rev and mutation != MUTATIONS[4]:
            return put(s, w, Worker(first, me.event))
        base = me.seen if mutation == MUTATIONS[1] else s.friend
        counted = tuple(n + (e == me.event) for e, n in enumerate(base.counted))
        pending = (base.pending - me.known) | {me.event}
        friend = base._replace(rev=base.rev + 1, counted=counted, pending=pending)
        return put(s._replace(friend=friend), w, me._replace(at=judged_after_update()))

    def judged_after_update() -> str:
        return "record" if mutation == MUTATIONS[3] else "effects"

    return Model(f"react {mutation}", State(), steps, invariant, is_done)


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(worker, s.workers[1]) if w == 0 else (s.workers[0], worker))


def released(s: State, w: int) -> State:
    """The state with the message that ``w`` holds visible again."""
    if s.queue and s.queue[0][1] == w:
        return s._replace(queue=((s.queue[0][0], None), *s.queue[1:]))
    return s


def invariant(s: State) -> str | None:
    """Counted at most once; an activity is only written of what was counted and done; the mirror stands."""
    if max(s.friend.counted) > 1:
        return "an event is counted twice"
    if any(not s.friend.counted[event] for event in s.activities):
        return "an activity stands for an event that is not on the sheet"
    if s.mirrored and not s.friend.mirror:
        return "the mirror is overwritten"
    if not s.activities <= s.effects:
        return "an activity is complete although its effects have not run"
    return None


def is_done(s: State) -> bool:
    """Everything counted, done, recorded and acknowledged."""
    return (
        not s.queue
        and s.dead is None
        and s.workers == (IDLE, IDLE)
        and s.friend.counted == (1, 1)
        and s.activities == s.effects == frozenset(EVENTS)
    )


def test_the_protocol_holds() -> None:
    """No order of steps, crashes and duplicates breaks it or leaves it stuck."""
    must_hold(model(), more_than=1_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
