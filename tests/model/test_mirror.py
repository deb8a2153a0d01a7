"""The mirror: a question's answer is exact, whatever is written, compacted and killed while it is asked.

Small scope: one friend, whose sheet has versions 0 to 2; two writers; up to two compactions, each
of which may be killed anywhere; one question. The clock ticks 0 to 2; a write lands at most
one tick after its mark was made (``friends.marks.LONGEST``). The snapshot is what it holds of the friend
(version, mark) and its floor.

Steps and code: ``mark`` and ``land`` are the writer's (``friends.store``) · a compaction reads what is in
force and the clock, asks the ``index`` for marks from its floor on, reads the ``sheet`` where the mark is
another than the snapshot's, and ``publish``es if still the same is in force
(``mirror.compaction``) · a question reads it, asks the ``index``, reads the ``sheet`` where the
mark is another, else takes the snapshot's row (``mirror.reader``).

Exact means: the answer is of no version older than the one that stood when the question began. Which of two
snapshots is in force does not matter for it: each goes with its own floor. (That an older one never takes the
place of a newer one is for erasing: the older one still knows whom the newer one forgot.)
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

LAST_TICK, LAST_VERSION, LONGEST = 2, 2, 1
Mark = tuple[int, int]
"""A moment, and a word that no other write has."""


class InForce(NamedTuple):
    """The snapshot in force: its number, what it holds of the friend, its floor."""

    number: int = 0
    version: int = 0
    mark: Mark = (-1, 0)
    floor: int = -1


class Reader(NamedTuple):
    """A compaction or a question: where it is, what was in force, when it began, and what it found."""

    at: str = "idle"
    in_force: InForce = InForce()
    began: int = 0
    seen: Mark | None = None
    found: int = -1


class State(NamedTuple):
    """The clock, the sheet, the marks on their way, what is in force, a compaction and a question."""

    now: int = 0
    version: int = 0
    mark: Mark = (-1, 0)
    ways: tuple[Mark | None, Mark | None] = (None, None)
    made: int = 0
    in_force: InForce = InForce()
    compaction: Reader = Reader()
    question: Reader = Reader()
    at_least: int = 0


MUTATIONS = (
    "the floor is the moment of the compaction itself",
    "the floor is the moment of its end",
    "a mark is only a moment",
    "a compaction reads the sheet before the index",
    "the row's mark is not looked at: what is old is taken as unchanged",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.question.at == "answered":
            return
        slowest = min((way[0] for way in s.ways if way), default=s.now)
        if s.now < LAST_TICK and s.now < slowest + LONGEST:
            yield "tick", s._replace(now=s.now + 1)
        for w, way in enumerate(s.ways):
            if way is not None:
                landed = s._replace(version=s.version + 1, mark=way, ways=put(s.ways, w, None))
                yield f"writer {w} lands", landed
            elif s.made < LAST_VERSION:
                word = 0 if mutation == MUTATIONS[2] else s.made + 1
                made = s._replace(ways=put(s.ways, w, (s.now, word)), made=s.made + 1)
                yield f"writer {w} marks", made
        yield from compact(s, s.compaction)
        yield from ask(s, s.question)

    def compact(s: State, me: Reader) -> Iterable[tuple[str, State]]:
        say = f"compaction: {me.at}"
        if me.at == "idle" and s.in_force.number < 2:
            early = s.version if mutation == MUTATIONS[3] else -1
            yield say, s._replace(compaction=Reader("index", s.in_force, s.now, found=early))
        elif me.at in {"index", "sheet"}:
            yield say, s._replace(compaction=look(s, me, "publish"))
        elif me.at == "publish":
            yield say, publish(s, me)._replace(compaction=Reader())
        if me.at != "idle":
            yield "!it is killed", s._replace(compaction=Reader())

    def publish(s: State, me: Reader) -> State:
        began = s.now if mutation == MUTATIONS[1] else me.began
        floor = began if mutation in MUTATIONS[:2] else began - LONGEST
        held = (me.in_force.version, me.in_force.mark) if me.seen is None else (me.found, me.seen)
        return s._replace(in_force=InForce(s.in_force.number + 1, *held, floor))

    def ask(s: State, me: Reader) -> Iterable[tuple[str, State]]:
        say = f"question {me.at}"
        if me.at == "idle":
            yield say, s._replace(question=Reader("index", s.in_force), at_least=s.version)
        elif me.at in {"index", "sheet"}:
            yield say, s._replace(question=look(s, me, "answered"))

    def look(s: State, me: Reader, after: str) -> Reader:
        """Ask the index; then read the sheet, if the index names another version than the snapshot."""
        if me.at == "sheet":
            found = me.found if mutation == MUTATIONS[3] and me.found >= 0 else s.version
            return me._replace(at=after, found=found)
        named = s.mark[0] >= me.in_force.floor
        if named and s.mark != me.in_force.mark:
            old = mutation == MUTATIONS[4] and s.mark[0] <= me.in_force.floor
            if not old:
                return me._replace(at="sheet", seen=s.mark)
        return me._replace(at=after, found=me.in_force.version)

    def invariant(s: State) -> str | None:
        if s.question.at == "answered" and s.question.found < s.at_least:
            return f"answered version {s.question.found}, {s.at_least} stood when it was asked"
        return None

    def is_done(s: State) -> bool:
        return s.question.at == "answered"

    return Model(mutation or "mirror", State(), steps, invariant, is_done)


def put(values, index, value):
    return tuple(value if n == index else old for n, old in enumerate(values))


def test_an_answer_is_exact():
    """Whatever the order of writes, compactions, kills and the question."""
    must_hold(model(), more_than=10_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_would_not_be(mutation):
    """Each of these orders answers what no longer stood."""
    must_break(model(mutation))
