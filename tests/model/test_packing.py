"""Invariant 11, Pack: a run that is judged is cut into the same chunks, whoever cuts which part how far.

Small scope: shard 0 with a slice of recipients 0 and 1 and a slice of recipient 2, shard 1 with a slice of
recipients 3 and 4; chunks of two, so one begins in shard 0 and ends in shard 1; each shard is a part of its
own; two packers, each of which may take either part, and may have no more time before any slice; any number
of crashes and of duplicated and lost messages, with the run's watch asking for the parts again.

Steps and code (``broadcasts/plans/packing.py``): ``read`` the next slice from the position on · ``put``
a chunk if absent (``_pack_part``) · ``save`` the position and ask again · ``part`` stands · ``look`` at all
parts, consistent · ``pack`` put-if-absent (``_pack``) · ``empty`` a part's slices (``_empty``): who meets an
emptied slice stops.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, explore

SLICES: tuple[tuple[int, ...], ...] = ((0, 1), (2,), (3, 4))
"""All slices in their order; the first two are shard 0's, the last one is shard 1's."""
PARTS = (range(2), range(2, 3))
ALL = 5
TWO = 2


class Packer(NamedTuple):
    """One invocation: its part, the slice it reads next, the chunk it fills, chunks it is about to put, and
    the number before which every chunk stands.
    """

    at: str = "idle"
    part: int = 0
    slice: int = 0
    filling: tuple[int, ...] = ()
    due: tuple[tuple[int, ...], ...] = ()
    following: int = 0
    moved: bool = False


class State(NamedTuple):
    """Chunks that stand, positions and marks of parts, the pack, emptied slices, the queue, both packers."""

    chunks: frozenset[tuple[int, ...]] = frozenset()
    positions: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (2, 4))
    parts: frozenset[int] = frozenset()
    packed: bool = False
    emptied: frozenset[int] = frozenset()
    queue: frozenset[int] = frozenset({0, 1})
    packers: tuple[Packer, Packer] = (Packer(), Packer())


IDLE = Packer()
MUTATIONS = (
    "each part numbers its recipients anew",
    "the position is where it reads, not where its chunk began",
    "a part stands before its last chunk",
    "emptied when its own part is packed",
    "goes on behind an emptied slice",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for part in (0, 1):
            if part in s.queue:
                yield f"!the message of part {part} is lost", s._replace(queue=s.queue - {part})
            elif not s.packed:
                yield f"the watch asks for part {part}", s._replace(queue=s.queue | {part})
        for p in (0, 1):
            yield from work(s, p, s.packers[p])

    def work(s: State, p: int, me: Packer) -> Iterable[tuple[str, State]]:
        say = f"packer {p} {me.at} {me.part}"
        if me.at == "idle":
            for part in sorted(s.queue):
                got = put(s, p, take(s, part))
                yield f"packer {p} takes part {part}", got._replace(queue=s.queue - {part})
                yield f"!packer {p} takes a copy of part {part}", got
            return
        yield f"!packer {p} crashes", put(s, p, IDLE)
        if me.at == "read":
            if me.moved and not complete(me):
                yield f"{say}: no time", save(s, p, me)
            yield say, read(s, p, me)
        elif me.at == "put":
            chunks = s.chunks | {me.due[0]}
            after = me._replace(due=me.due[1:], following=me.due[0][-1] + 1, moved=True)
            yield say, put(s._replace(chunks=chunks), p, after._replace(at="put" if after.due else "read"))
        elif me.at == "part":
            yield say, put(s._replace(parts=s.parts | {me.part}), p, me._replace(at="look"))
        elif me.at == "look":
            whole = len(s.parts) == len(PARTS)
            at = "pack" if whole else "empty" if mutation == MUTATIONS[3] else "idle"
            yield say, put(s, p, me._replace(at=at))
        elif me.at == "pack":
            yield say, put(s._replace(packed=True), p, me._replace(at="empty"))
        elif me.at == "empty":
            yield say, put(s._replace(emptied=s.emptied | {*PARTS[me.part]}), p, IDLE)

    def take(s: State, part: int) -> Packer:
        if s.packed:
            return Packer("empty", part)
        if part in s.parts:
            return Packer("look", part)
        where, following = s.positions[part]
        return Packer("read", part, where, following=following)

    def read(s: State, p: int, me: Packer) -> State:
        if complete(me):
            return put(s, p, me._replace(at="part"))
        if me.slice in s.emptied:
            return put(s, p, me._replace(slice=me.slice + 1) if mutation == MUTATIONS[4] else IDLE)
        filling, due = me.filling, list[tuple[int, ...]]()
        for number in SLICES[me.slice] if me.slice < len(SLICES) else ():
            cell = number - number % TWO
            if mutation == MUTATIONS[0]:
                cell = number - (number - first_of(me.part)) % TWO
            if number < me.following or not first_of(me.part) <= cell < first_of(me.part + 1):
                continue
            filling = (*filling, number)
            if number == cell + TWO - 1 or number == ALL - 1:
                due.append(filling)
                filling = ()
        if me.slice >= len(SLICES):  # only a mutation comes here with something in its hands
            due, filling = ([filling] if filling else []), ()
            return put(s, p, me._replace(at="put" if due else "part", due=tuple(due), filling=()))
        early = mutation == MUTATIONS[2] and due and due[-1][-1] + 1 >= end_of(me.part)
        s = s._replace(parts=s.parts | {me.part}) if early else s
        at = "put" if due else "read"
        return put(s, p, me._replace(at=at, slice=me.slice + 1, filling=filling, due=tuple(due)))

    def save(s: State, p: int, me: Packer) -> State:
        where = me.slice
        if me.filling and mutation != MUTATIONS[1]:
            where = next(n for n, users in enumerate(SLICES) if me.filling[0] in users)
        mine = max((where, me.following), s.positions[me.part])
        positions = (mine, s.positions[1]) if me.part == 0 else (s.positions[0], mine)
        return put(s._replace(positions=positions, queue=s.queue | {me.part}), p, IDLE)

    anew = ((0, 0), (2, first_of(1)))
    initial = State(positions=anew) if mutation == MUTATIONS[0] else State()
    return Model(f"pack {mutation}", initial, steps, invariant, is_done)


def first_of(part: int) -> int:
    """The number of a part's first recipient."""
    return SLICES[PARTS[part].start][0] if part < len(PARTS) else ALL


def end_of(part: int) -> int:
    """The number behind the last chunk that begins in a part."""
    last = first_of(part + 1)
    return min(ALL, last + last % TWO)


def complete(me: Packer) -> bool:
    """Whether every chunk that begins in its part has been put."""
    return me.following >= end_of(me.part)


def put(s: State, p: int, packer: Packer) -> State:
    """The state with one packer changed; packers have no names."""
    packer = IDLE if packer.at == "idle" else packer
    return s._replace(packers=tuple(sorted((packer, s.packers[1 - p]), key=repr)))


def invariant(s: State) -> str | None:
    """Nobody in two chunks; what is packed is everybody, in as few chunks as there can be."""
    seen = [user for chunk in s.chunks for user in chunk]
    if len(seen) != len(set(seen)):
        return "a friend stands in two chunks"
    if s.packed and s.chunks != frozenset({(0, 1), (2, 3), (4,)}):
        return "the chunks are not those of the slices"
    return None


def is_done(s: State) -> bool:
    """Packed, and nobody works any more."""
    return s.packed and s.packers == (IDLE, IDLE)


def test_the_protocol_holds() -> None:
    """No crash, duplicate or end of time puts a friend in two chunks or in none."""
    result = explore(model())
    assert result.problem is None, str(result)
    assert result.states > 1_000


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    result = explore(model(mutation))
    assert result.problem is not None, f"nothing wrong with {mutation!r}?"
    print(result)
