"""Invariant 10, Advance: each friend leaves a node once, and gets its message once.

Small scope: friends 0 and 1 wait at one message node (version 0), their pointers packed together; two
workers; any number of crashes, duplicates and losses; the timers' verify feeds again whoever has not
advanced, in any packing. Friend 0 may leave by an event instead (the node is a ``wait_for`` with a message
on timeout). After the message each friend has one more pointer (version 1), to the end (version 2); it may
arrive before its item has moved. What happens to a chunk once its manifest exists is the model of chunks.

Steps and code (``chalicelib/enrollments/advance.py``): ``load`` a round · ``close`` a claim that stands: its
manifest, put by whoever comes first · ``claim`` per friend (condition: version, and no claim or the one
that left him out) · ``manifest`` put-if-absent, read back · ``feed`` status, watch, queue · ``due`` the
next pointers · ``move`` version+1 without claim. The event path is ``on_friend_event``, the pointer of
version 1 ``triage``. Chunks are numbered by the smallest number that nobody uses or has used.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

Friends = frozenset[int]

BOTH: Friends = frozenset({0, 1})
BATCHES: tuple[Friends, ...] = (BOTH, frozenset({0}), frozenset({1}))


class Item(NamedTuple):
    """An enrollment: version, the chunk that claims it, how it left the node."""

    version: int = 0
    claim: int | None = None
    left: str = ""


class Worker(NamedTuple):
    """One invocation.

    ``claimed`` are the claims to honour (chunk, friends), ``wants`` the friends to claim (friend, the claim
    that is seen), ``holds`` those claimed by ``chunk``, ``moving`` those to move on.
    """

    at: str = "idle"
    batch: Friends = frozenset()
    claimed: tuple[tuple[int, Friends], ...] = ()
    wants: tuple[tuple[int, int | None], ...] = ()
    chunk: int = -1
    holds: Friends = frozenset()
    moving: Friends = frozenset()


class State(NamedTuple):
    """Enrollments, manifests, fed chunks, due entries of version 1, one message, both workers."""

    items: tuple[Item, Item] = (Item(), Item())
    manifests: tuple[tuple[int, Friends], ...] = ()
    fed: Friends = frozenset()
    next_due: Friends = frozenset()
    queue: Friends | None = BOTH
    workers: tuple[Worker, Worker] = (Worker(), Worker())


IDLE = Worker()
MUTATIONS = (
    "drop-on-newer",
    "overwrite of a foreign claim",
    "wait_for without 'no claim'",
    "moved before it is fed",
    "moved before the next pointer is armed",
    "the own list is trusted over the manifest",
)


def model(mutation: str = "", *, workers: int = 2) -> Model[State]:
    """The protocol, or one mutation of it, with so many workers."""
    order = ("feed", "due", "move")
    if mutation == MUTATIONS[3]:
        order = ("due", "move", "feed")
    elif mutation == MUTATIONS[4]:
        order = ("feed", "move", "due")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        return ((step, canonical(following)) for step, following in every_step(s))

    def every_step(s: State) -> Iterable[tuple[str, State]]:
        for w in range(2 - workers, 2):
            yield from work(s, w, s.workers[w])
        if s.queue is not None:
            yield "!the message is lost", s._replace(queue=None)
        else:
            waiting = {f for f in (0, 1) if s.items[f].version == 0}
            for batch in BATCHES:
                if batch <= waiting:
                    yield f"verify feeds {sorted(batch)}", s._replace(queue=batch)
        for f in sorted(s.next_due):
            yield f"the pointer of {f} at 1 arrives", last_step(s, f)
        if s.items[0].version == 0 and (s.items[0].claim is None or mutation == MUTATIONS[2]):
            yield "!friend 0 leaves by the event", set_item(s, 0, Item(2, None, "event"))

    def last_step(s: State, f: int) -> State:
        item, passed = s.items[f], s._replace(next_due=s.next_due - {f})
        if item.version == 1:
            return set_item(passed, f, item._replace(version=2))
        if item.version == 0 and mutation != MUTATIONS[0]:
            return s  # a fresh copy in 5 seconds
        return passed

    def work(s: State, w: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.at == "idle":
            if s.queue is not None:
                got = put(s, w, Worker("load", s.queue))
                yield f"worker {w} takes {sorted(s.queue)}", got._replace(queue=None)
                yield f"!worker {w} takes a copy of {sorted(s.queue)}", got
            return
        yield f"!worker {w} crashes at {me.at}", put(s, w, IDLE)
        say = f"worker {w} {me.at}"
        if me.at == "load":
            yield say, put(s, w, load(s, me))
        elif me.at == "close":
            (chunk, members), *others = me.claimed
            closing = me._replace(chunk=chunk, holds=members, claimed=tuple(others))
            yield f"{say} chunk {chunk}", manifest(s, w, closing)
        elif me.at == "claim":
            yield f"{say} {me.wants[0][0]} for chunk {me.chunk}", claim(s, w, me)
        elif me.at == "manifest":
            yield f"{say} of chunk {me.chunk}", manifest(s, w, me)
        else:
            yield f"{say} {sorted(me.moving)}", settle(s, w, me)

    def load(s: State, me: Worker) -> Worker:
        claimed: dict[int, Friends] = {}
        wants: list[tuple[int, int | None]] = []
        for f in sorted(me.batch):
            item = s.items[f]
            if item.version == 0 and item.claim is not None and mutation != MUTATIONS[1]:
                claimed[item.claim] = claimed.get(item.claim, frozenset()) | {f}
            elif item.version == 0:
                wants.append((f, item.claim))
        loaded = Worker("", me.batch, tuple(sorted(claimed.items())), tuple(wants))
        return turn(loaded) if claimed or wants else IDLE

    def turn(me: Worker) -> Worker:
        """What comes next in a round: claims that stand, then new claims, then another look."""
        if me.claimed:
            return me._replace(at="close")
        return me._replace(at="claim") if me.wants else Worker("load", me.batch)

    def claim(s: State, w: int, me: Worker) -> State:
        (f, seen), *others = me.wants
        chunk = fresh(s) if me.chunk < 0 else me.chunk
        item, me = s.items[f], me._replace(wants=tuple(others), chunk=chunk)
        if item.version == 0 and item.claim == seen:
            s = set_item(s, f, item._replace(claim=me.chunk))
            me = me._replace(holds=me.holds | {f})
        if others:
            return put(s, w, me)
        return put(s, w, me._replace(at="manifest") if me.holds else Worker("load", me.batch))

    def manifest(s: State, w: int, me: Worker) -> State:
        """Put if absent, and what stands is what counts."""
        listed = dict(s.manifests).get(me.chunk)
        if listed is None:
            listed = me.holds
            s = s._replace(manifests=tuple(sorted((*s.manifests, (me.chunk, listed)), key=_by_friends)))
        if mutation == MUTATIONS[5]:
            listed = me.holds
        left_out = tuple((f, me.chunk) for f in sorted(me.holds - listed))
        me = me._replace(holds=frozenset(), moving=listed & me.holds, wants=(*me.wants, *left_out))
        if not me.moving:
            return put(s, w, turn(me._replace(chunk=-1)))
        return put(s, w, me._replace(at=order[0]))

    def settle(s: State, w: int, me: Worker) -> State:
        if me.at == "feed":
            s = s._replace(fed=s.fed | {me.chunk})
        elif me.at == "due":
            s = s._replace(next_due=s.next_due | me.moving)
        else:
            for f in sorted(me.moving):
                if s.items[f].version == 0 and s.items[f].claim == me.chunk:
                    return put(set_item(s, f, Item(1, None, "message")), w, me)
        here = order.index(me.at)
        if here + 1 < len(order):
            return put(s, w, me._replace(at=order[here + 1]))
        return put(s, w, turn(me._replace(moving=frozenset(), chunk=-1)))

    return Model(f"advance {mutation}", State(), steps, invariant, is_done)


def _by_friends(manifest: tuple[int, Friends]) -> list[int]:
    return sorted(manifest[1])


def fresh(s: State) -> int:
    """A chunk that nobody knows."""
    used = {chunk for chunk, _ in s.manifests} | {item.claim for item in s.items} | s.fed
    for worker in s.workers:
        used |= {worker.chunk, *(chunk for chunk, _ in worker.claimed), *(seen for _, seen in worker.wants)}
    return next(chunk for chunk in range(20) if chunk not in used)


def canonical(s: State) -> State:
    """Of states that only differ in the names of workers and chunks, always the same one."""
    one, two = s.workers
    if _order(two) < _order(one):
        s = s._replace(workers=(two, one))
    names: dict[int | None, int] = {}
    for chunk in (s.items[0].claim, s.items[1].claim, *(chunk for chunk, _ in s.manifests)):
        if chunk is not None:
            names.setdefault(chunk, len(names))
    for worker in s.workers:
        for chunk in (worker.chunk, *(c for c, _ in worker.claimed), *(c for _, c in worker.wants)):
            if chunk is not None and chunk >= 0:
                names.setdefault(chunk, len(names))
    return s if all(old == new for old, new in names.items()) else renamed(s, names)


@functools.cache
def _order(worker: Worker) -> str:
    return repr(worker)


def renamed(s: State, names: dict[int | None, int]) -> State:
    """The state with chunks called otherwise."""

    def item(old: Item) -> Item:
        return old if old.claim is None else old._replace(claim=names[old.claim])

    def worker(old: Worker) -> Worker:
        return old._replace(
            chunk=names.get(old.chunk, -1),
            claimed=tuple((names[c], friends) for c, friends in old.claimed),
            wants=tuple((f, None if c is None else names[c]) for f, c in old.wants),
        )

    return s._replace(
        items=(item(s.items[0]), item(s.items[1])),
        manifests=tuple((names[c], listed) for c, listed in s.manifests),
        fed=frozenset(names[c] for c in s.fed),
        workers=(worker(s.workers[0]), worker(s.workers[1])),
    )


def set_item(s: State, f: int, item: Item) -> State:
    """The state with one enrollment changed."""
    return s._replace(items=(item, s.items[1]) if f == 0 else (s.items[0], item))


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(worker, s.workers[1]) if w == 0 else (s.workers[0], worker))


def invariant(s: State) -> str | None:
    """At most one chunk lists a friend, and none lists one who left by the event."""
    for f, item in enumerate(s.items):
        times = sum(f in listed for _, listed in s.manifests)
        if times > 1:
            return f"friend {f} is in two chunks"
        if item.left == "event" and times:
            return f"friend {f} left by the event and gets the message of the timeout too"
        if item.left == "message" and not times:
            return f"friend {f} went on without the message"
    return None


def is_done(s: State) -> bool:
    """Both have reached the end, and every chunk was fed."""
    ended = all(item.version == 2 for item in s.items)
    return ended and {chunk for chunk, _ in s.manifests} == s.fed and s.workers == (IDLE, IDLE)


def test_the_protocol_holds() -> None:
    """No packing, crash, loss or race sends twice, leaves somebody out, or strands somebody."""
    must_hold(model(), more_than=5_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how; one worker is enough to be stranded."""
    stranded = mutation in {MUTATIONS[0], MUTATIONS[3], MUTATIONS[4]}
    must_break(model(mutation, workers=1 if stranded else 2))
