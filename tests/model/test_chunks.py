"""Invariants 6 and 8, Chunks: every recipient of a chunk gets it once, and the ledger tells the truth.

Small scope: a planner that may crash and start again; two workers; any number of crashes, duplicates and
losses of queue messages. LINE may accept and lose the answer, refuse (a 4xx), ask to slow down (429), or
take a request long after its worker gave up. The run may be cancelled at any moment. Searched twice: once
with hours that pass (LINE remembers retry keys until time 2; time 1 is more than 20 hours after the first
attempt, time 2 more than 24; no request and no invocation lives as long as from 1 to 2), and once with a
parent to A and B that LINE may refuse naming B, and its child to A.

Steps and code (``chalicelib/deliveries``): planner (after the manifest) ``status``, ``watch``, ``feed`` ·
worker ``read`` the status and the run's control · ``mark`` attempts+1, sending, lease, first attempt ·
``call`` · ``answer`` closes the attempt it answers · ``child``, ``close`` split · ``sweep`` cancel_pending.
``open`` stands for attempts without an answer besides the one that runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, explore, must_break, must_hold

PARENT, CHILD = 0, 1
DEAD = 9
FINAL = frozenset({"accepted", "failed", "skipped", "unknown", "replaced"})


class Chunk(NamedTuple):
    """One chunk: its stored status, and what LINE did with its retry key."""

    status: str = "absent"
    lease: int | None = None
    open: bool = False
    first: int | None = None
    watched: bool = False
    late: bool = False
    delivered: int = 0
    key_known: bool = False


class Worker(NamedTuple):
    """One invocation."""

    at: str = "idle"
    chunk: int = 0
    answer: str = ""


class State(NamedTuple):
    """The ledger, the queue (which chunks it names), both workers, the planner, the run's control, time."""

    chunks: tuple[Chunk, Chunk] = (Chunk(), Chunk())
    queue: frozenset[int] = frozenset()
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    planner: str = "status"
    cancelled: bool = False
    time: int = 0


IDLE = Worker()
MUTATIONS = (
    "no mark before the call",
    "a refusal taken as final",
    "parent closed before the child",
    "not watched",
    "no limit of 20 hours",
    "cancel takes what is sending",
    "an answer closes other attempts too",
)


def model(mutation: str = "", *, splits: bool) -> Model[State]:
    """The protocol, or one mutation of it; with a split, or with passing hours."""
    order = ("status", "watch", "feed", "done")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        return ((step, canonical(following)) for step, following in every_step(s))

    def every_step(s: State) -> Iterable[tuple[str, State]]:
        yield from plan(s)
        for w in (0, 1):
            yield from work(s, w, s.workers[w])
        for c in (PARENT, CHILD):
            yield from around(s, c, s.chunks[c])
        if not s.cancelled:
            yield "!cancel", s._replace(cancelled=True)
        if splits:
            return
        if s.time == 0 or (s.time == 1 and quiet(s)):
            yield "!hours pass", later(s)

    def plan(s: State) -> Iterable[tuple[str, State]]:
        if s.planner == "done":
            return
        yield "!the planner crashes", s._replace(planner="status")
        following = s._replace(planner=order[order.index(s.planner) + 1])
        parent = s.chunks[PARENT]
        if s.planner == "status" and parent.status == "absent":
            following = set_chunk(following, PARENT, parent._replace(status="pending"))
        elif s.planner == "watch":
            following = set_chunk(following, PARENT, parent._replace(watched=mutation != MUTATIONS[3]))
        elif s.planner == "feed":
            following = following._replace(queue=following.queue | {PARENT})
        yield f"planner: {s.planner}", following

    def around(s: State, c: int, chunk: Chunk) -> Iterable[tuple[str, State]]:
        if c in s.queue:
            yield f"!the message of {c} is lost", s._replace(queue=s.queue - {c})
        if chunk.watched and chunk.status not in FINAL and c not in s.queue:
            yield f"the watch of {c} feeds again", s._replace(queue=s.queue | {c})
        if chunk.lease == DEAD:
            yield f"the lease of {c} runs out", set_chunk(s, c, chunk._replace(lease=None))
        takes = {"pending", "sending"} if mutation == MUTATIONS[5] else {"pending"}
        if s.cancelled and chunk.status in takes:
            yield f"cancel sweeps {c}", set_chunk(s, c, chunk._replace(status="skipped"))
        if chunk.late:
            gone = chunk._replace(late=False)
            yield f"!the late request of {c} is lost", set_chunk(s, c, gone)
            yield f"!LINE takes the late request of {c}", set_chunk(s, c, accepted(gone))

    def work(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        say, c = f"worker {w} {me.at} {me.chunk}", me.chunk
        chunk = s.chunks[c]
        if me.at == "idle":
            for one in sorted(s.queue):
                got = put(s, w, Worker("read", one))
                yield f"worker {w} takes {one}", got._replace(queue=s.queue - {one})
                yield f"!worker {w} takes a copy of {one}", got
            return
        yield f"!worker {w} crashes", crash(s, w, me)
        if me.at == "read":
            yield say, put(s, w, judged(s, c))
        elif me.at == "expire":
            free = chunk.status in {"pending", "sending"} and chunk.lease is None
            yield say, put(set_chunk(s, c, chunk._replace(status="unknown")) if free else s, w, IDLE)
        elif me.at == "mark":
            free = chunk.status in {"pending", "sending"} and chunk.lease is None
            first = s.time if chunk.first is None else chunk.first
            marked = set_chunk(s, c, chunk._replace(status="sending", lease=w, first=first))
            yield say, put(marked, w, Worker("call", c)) if free else put(s, w, IDLE)
        elif me.at == "call":
            yield say, put(s, w, Worker("sent", c))
        elif me.at == "sent":
            yield from line(s, w, me)
        elif me.at == "answer":
            yield f"{say} {me.answer}", after_answer(s, w, me)
        else:
            yield say, split(s, w, me)

    def judged(s: State, c: int) -> Worker:
        chunk = s.chunks[c]
        if chunk.status == "split":
            return Worker("close" if mutation == MUTATIONS[2] else "child", c)
        if chunk.status in FINAL or chunk.status == "absent" or (s.cancelled and chunk.status == "pending"):
            return IDLE
        if chunk.first is not None and s.time > chunk.first and mutation != MUTATIONS[4]:
            return Worker("expire", c)
        return Worker("call" if mutation == MUTATIONS[0] else "mark", c)

    def line(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        c, chunk = me.chunk, s.chunks[me.chunk]

        def answered(answer: str, after: Chunk) -> State:
            return put(set_chunk(s, c, after), w, Worker("answer", c, answer))

        yield f"LINE takes {c} of worker {w}", answered("200", accepted(chunk))
        yield f"!LINE takes {c} of worker {w}, the answer is lost", answered("timeout", accepted(chunk))
        yield (
            f"!the request of worker {w} is on its way too long",
            answered("timeout", chunk._replace(late=True)),
        )
        if not chunk.key_known:
            yield f"!LINE asks worker {w} to slow down", answered("429", chunk)
            yield f"!LINE refuses {c} of worker {w}", answered("4xx", chunk)
            if splits and c == PARENT:
                yield f"!LINE refuses {c} of worker {w}, naming B", answered("names B", chunk)

    def after_answer(s: State, w: int, me: Worker) -> State:
        c, chunk = me.chunk, s.chunks[me.chunk]
        freed = chunk._replace(lease=None) if chunk.lease == w else chunk
        if me.answer == "200":
            return put(set_chunk(s, c, freed._replace(status="accepted")), w, IDLE)
        if me.answer == "timeout":
            return put(set_chunk(s, c, freed._replace(open=True)), w, IDLE)
        may_close = not chunk.open or mutation == MUTATIONS[1]
        if mutation == MUTATIONS[6] and not may_close:
            freed = freed._replace(open=False)
        if me.answer == "429" or not may_close:
            return put(set_chunk(s, c, freed), w, IDLE)
        if me.answer == "4xx":
            return put(set_chunk(s, c, freed._replace(status="failed")), w, IDLE)
        following = Worker("close" if mutation == MUTATIONS[2] else "child", c)
        return put(set_chunk(s, c, freed._replace(status="split")), w, following)

    def split(s: State, w: int, me: Worker) -> State:
        parent, child = s.chunks
        if me.at == "child":
            if child.status == "absent":
                child = child._replace(status="pending", watched=True)
            following = IDLE if mutation == MUTATIONS[2] else Worker("close", PARENT)
            born = set_chunk(s, CHILD, child)
            return put(born._replace(queue=born.queue | {CHILD}), w, following)
        closed = set_chunk(s, PARENT, parent._replace(status="replaced"))
        return put(closed, w, Worker("child", PARENT) if mutation == MUTATIONS[2] else IDLE)

    return Model(f"chunks {mutation}", State(), steps, invariant, is_done)


def canonical(s: State) -> State:
    """Of two states that only differ in which worker is which, always the same one."""
    if s.workers[0] <= s.workers[1]:
        return s
    other = {0: 1, 1: 0, None: None, DEAD: DEAD}
    one, two = s.chunks
    chunks = (one._replace(lease=other[one.lease]), two._replace(lease=other[two.lease]))
    return s._replace(workers=(s.workers[1], s.workers[0]), chunks=chunks)


def crash(s: State, w: int, me: Worker) -> State:
    """The invocation ends anywhere: its lease outlives it, its request may still arrive."""
    chunk = s.chunks[me.chunk]
    if chunk.lease == w:
        chunk = chunk._replace(lease=DEAD, open=True)
    if me.at == "sent":
        chunk = chunk._replace(late=True)
    return put(set_chunk(s, me.chunk, chunk), w, IDLE)


def accepted(chunk: Chunk) -> Chunk:
    """LINE takes a request, unless it knows the key: then the answer is 409 and nothing is sent."""
    if chunk.key_known:
        return chunk
    return chunk._replace(delivered=chunk.delivered + 1, key_known=True)


def later(s: State) -> State:
    """Hours pass; after 24 LINE forgets the keys."""
    chunks = s.chunks
    if s.time == 1:
        chunks = (chunks[0]._replace(key_known=False), chunks[1]._replace(key_known=False))
    return s._replace(time=s.time + 1, chunks=chunks)


def quiet(s: State) -> bool:
    """Nothing that is bounded by a timeout is under way."""
    return s.workers == (IDLE, IDLE) and not any(c.late or c.lease is not None for c in s.chunks)


def set_chunk(s: State, c: int, chunk: Chunk) -> State:
    """The state with one chunk changed."""
    return s._replace(chunks=(chunk, s.chunks[1]) if c == PARENT else (s.chunks[0], chunk))


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(worker, s.workers[1]) if w == 0 else (s.workers[0], worker))


def invariant(s: State) -> str | None:
    """A gets one message at most; what the ledger calls final is true now and stays true."""
    parent, child = s.chunks
    if parent.delivered + child.delivered > 1:
        return "A gets the message twice"
    if parent.status == "replaced" and child.status == "absent":
        return "the parent is closed and its child does not exist"
    for chunk in s.chunks:
        if chunk.status in {"failed", "skipped", "replaced"} and chunk.delivered:
            return f"the ledger says {chunk.status} of a chunk that LINE took"
        if chunk.status == "accepted" and not chunk.delivered:
            return "the ledger says accepted of a chunk that LINE did not take"
    return None


def is_done(s: State) -> bool:
    """Planned, every chunk that exists is final, nobody works."""
    statuses = {chunk.status for chunk in s.chunks if chunk.status != "absent"}
    planned = s.chunks[PARENT].status != "absent"
    return planned and statuses <= FINAL and s.workers == (IDLE, IDLE) and not s.queue


@pytest.mark.parametrize("splits", [False, True])
def test_the_protocol_holds(splits: bool) -> None:
    """No order of crashes, losses, late requests and refusals sends twice, lies, or ends nowhere."""
    must_hold(model(splits=splits), more_than=10_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation, splits=mutation == MUTATIONS[2]))


def test_a_refusal_taken_as_final_also_breaks_the_split() -> None:
    """A parent with an unanswered attempt must not be split: A would get both."""
    result = explore(model(MUTATIONS[1], splits=True))
    assert result.problem is not None
