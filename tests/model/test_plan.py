"""Invariant 11, Plan: every friend of the audience stands in exactly one slice, and the plan is packed once.

Small scope: a shard with friends 1 and 2 and a shard with friend 3; two planners, each of which may take
either shard; pages of one or two sheets as DynamoDB pleases; friend 2 may leave the segment at any moment;
any number of crashes and of duplicated and lost messages, with the run's watch feeding unfinished shards
again.

Steps and code (``chalicelib/broadcasts``): ``read`` a page from where the last slice ends · ``slice``
put-if-absent; the loser reads the winner's ``next_key`` · ``shard`` says that it is done · ``look`` at all
shards, consistent · ``pack`` put-if-absent, a pure function of the slices.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

SHARDS: tuple[tuple[int, ...], ...] = ((1, 2), (3,))
END = 99


class Slice(NamedTuple):
    """One page, judged: where it begins, where the next begins, whom it sends to and whom it skips."""

    start: int
    following: int
    sends: frozenset[int]
    skips: frozenset[int]


class Planner(NamedTuple):
    """One invocation: its shard, where it reads, the slice it has made."""

    at: str = "idle"
    shard: int = 0
    key: int = 0
    made: Slice | None = None


class State(NamedTuple):
    """Slices per shard in order, shards that are done, the pack, the queue, both planners, the segment."""

    slices: tuple[tuple[Slice, ...], ...] = ((), ())
    done: frozenset[int] = frozenset()
    packed: frozenset[int] | None = None
    queue: frozenset[int] = frozenset({0, 1})
    planners: tuple[Planner, Planner] = (Planner(), Planner())
    two_left: bool = False


IDLE = Planner()
MUTATIONS = (
    "the loser goes on from his own page",
    "slices are overwritten",
    "looks before his shard is done",
    "packs when his own shard is done",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    # The watch would cover this one up: without faults, somebody has to pack by himself.
    calm = mutation == MUTATIONS[2]

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if not s.two_left:
            yield "!friend 2 leaves the segment", s._replace(two_left=True)
        for shard in (0, 1):
            if calm:
                continue
            if shard in s.queue:
                yield f"!the message of shard {shard} is lost", s._replace(queue=s.queue - {shard})
            elif shard not in s.done:
                yield f"the watch feeds shard {shard}", s._replace(queue=s.queue | {shard})
        if s.packed is None and len(s.done) == len(SHARDS) and not calm:
            yield "the watch packs", pack(s)
        for p in (0, 1):
            yield from work(s, p, s.planners[p])

    def work(s: State, p: int, me: Planner) -> Iterable[tuple[str, State]]:
        say = f"planner {p} {me.at} {me.shard}"
        if me.at == "idle":
            for shard in sorted(s.queue):
                got = put(s, p, Planner("find", shard))
                yield f"planner {p} takes shard {shard}", got._replace(queue=s.queue - {shard})
                yield f"!planner {p} takes a copy of shard {shard}", got
            return
        if not calm:
            yield f"!planner {p} crashes", put(s, p, IDLE)
        if me.at == "find":
            mine = s.slices[me.shard]
            yield say, put(s, p, read_on(me, mine[-1].following if mine else SHARDS[me.shard][0]))
        elif me.at == "read":
            for size in (1, 2):
                made = page(s, me, size)
                if size == 1 or len(made.sends | made.skips) == size:
                    yield f"{say}: {size} sheets from {me.key}", put(s, p, me._replace(at="slice", made=made))
        elif me.at == "slice":
            yield say, slice_step(s, p, me)
        elif me.at.startswith("shard"):
            done = s._replace(done=s.done | {me.shard})
            after = "idle" if calm else "look"
            yield say, put(done, p, me._replace(at="pack" if me.at == "shard, then pack" else after))
        elif me.at == "look":
            complete = len(s.done | {me.shard}) == len(SHARDS)
            if calm:
                yield say, put(s, p, me._replace(at="shard, then pack" if complete else "shard"))
            else:
                complete = complete or mutation == MUTATIONS[3]
                yield say, put(s, p, me._replace(at="pack") if complete else IDLE)
        elif me.at == "pack":
            yield say, put(pack(s), p, IDLE)

    def read_on(me: Planner, key: int) -> Planner:
        at = "read" if key != END else ("look" if calm else "shard")
        return me._replace(at=at, key=key, made=None)

    def page(s: State, me: Planner, size: int) -> Slice:
        rest = [friend for friend in SHARDS[me.shard] if friend >= me.key]
        seen = frozenset(rest[:size])
        sends = seen - {2} if s.two_left else seen
        following = rest[size] if len(rest) > size else END
        return Slice(me.key, following, sends, seen - sends)

    def slice_step(s: State, p: int, me: Planner) -> State:
        assert me.made is not None
        mine = s.slices[me.shard]
        stored = next((one for one in mine if one.start == me.key), None)
        after = stored.following if stored else me.made.following
        if mutation == MUTATIONS[0]:
            after = me.made.following
        if mutation == MUTATIONS[1]:
            mine, stored, after = tuple(x for x in mine if x.start != me.key), None, me.made.following
        if stored is None:
            mine = tuple(sorted((*mine, me.made), key=lambda one: one.start))
        slices = tuple(mine if n == me.shard else old for n, old in enumerate(s.slices))
        return put(s._replace(slices=slices), p, read_on(me, after))

    return Model(f"plan {mutation}", State(), steps, invariant, is_done)


def pack(s: State) -> State:
    """The requests: everybody whom the slices send to, put-if-absent."""
    if s.packed is not None:
        return s
    return s._replace(packed=frozenset(f for mine in s.slices for one in mine for f in one.sends))


def put(s: State, p: int, planner: Planner) -> State:
    """The state with one planner changed; planners have no names."""
    planner = IDLE if planner.at == "idle" else planner
    other = s.planners[1 - p]
    return s._replace(planners=tuple(sorted((planner, other), key=repr)))


def invariant(s: State) -> str | None:
    """Nobody in two slices; what is packed is exactly the slices, and they are all there."""
    seen = [f for mine in s.slices for one in mine for f in one.sends | one.skips]
    if len(seen) != len(set(seen)):
        return "a friend stands in two slices"
    if s.packed is None:
        return None
    if len(seen) != sum(map(len, SHARDS)):
        return "packed before everybody was read"
    if s.packed != frozenset(f for mine in s.slices for one in mine for f in one.sends):
        return "the pack is not what the slices say"
    return None


def is_done(s: State) -> bool:
    """Packed, and nobody works any more."""
    return s.packed is not None and s.planners == (IDLE, IDLE)


def test_the_protocol_holds() -> None:
    """No crash, page size, duplicate or change of mind puts a friend in two slices or in none."""
    must_hold(model(), more_than=1_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
