"""The mirror: a question's answer is exact, whatever is written, compacted and killed while it is asked.

Small scope: one friend, whose sheet has versions 0 to 2; two writers, the second of which registers and
marks by its number; up to two compactions, each of which may be killed anywhere; one question. The clock
ticks 0 to 2 (0 to 1 beside a registered one); a write of the first writer lands at most one tick after its
mark was made (``friends.marks.LONGEST``), one of the second whenever it likes while it is registered. The
snapshot is what it holds of the friend (version, mark), its floor and the lowest number that was open.

Steps and code: ``mark`` and ``land`` are the writer's (``friends.store``), it ``registers`` and ``closes`` in
``friends.writers`` · a compaction reads what is in force and the clock, then the open ``numbers``, asks the
``index`` for marks from its floor and numbers from its lowest on, reads the ``sheet`` where the mark is
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
FREE = 1
Mark = tuple[bool, int, int]
"""Whether by a number; the moment or the number; a word that no other write has."""


class InForce(NamedTuple):
    """The snapshot in force: its number, what it holds of the friend, its floor, the lowest open number."""

    number: int = 0
    version: int = 0
    mark: Mark = (False, -1, 0)
    floor: int = -1
    lowest: int = FREE


class Reader(NamedTuple):
    """A compaction or a question: where it is, what was in force, when it began, and what it found."""

    at: str = "idle"
    in_force: InForce = InForce()
    began: int = 0
    lowest: int = 0
    seen: Mark | None = None
    found: int = -1


class State(NamedTuple):
    """The clock, the sheet, the marks on their way, the second writer's number (0: none) and the next free
    one, what is in force, a compaction and a question.
    """

    now: int = 0
    version: int = 0
    mark: Mark = (False, -1, 0)
    ways: tuple[Mark | None, Mark | None] = (None, None)
    made: int = 0
    open: int = 0
    free: int = FREE
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
    "a writer closes while its write is on its way",
    "the open numbers are read after the sheets",
    "a number is open only once it has marked",
)


def model(mutation: str = "", *, numbered: bool = True) -> Model[State]:
    """The protocol, or one mutation of it: with a registered writer, or with time for two others."""
    last_tick = 1 if numbered else LAST_TICK

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.question.at == "answered":
            return
        slowest = min((way[1] for way in s.ways if way and not way[0]), default=s.now)
        if s.now < last_tick and s.now < slowest + LONGEST:
            yield "tick", s._replace(now=s.now + 1)
        for w, way in enumerate(s.ways):
            if way is not None:
                landed = s._replace(version=s.version + 1, mark=way, ways=put(s.ways, w, None))
                yield f"writer {w} lands", landed
            elif s.made < LAST_VERSION and (not numbered or w == 0 or s.open):
                word = 0 if mutation == MUTATIONS[2] else s.made + 1
                mark = (True, s.open, word) if w and numbered else (False, s.now, word)
                yield f"writer {w} marks", s._replace(ways=put(s.ways, w, mark), made=s.made + 1)
        if numbered and not s.open and s.free <= 2:
            yield "the second writer registers", s._replace(open=s.free, free=s.free + 1)
        elif s.open and (s.ways[1] is None or mutation == MUTATIONS[5]):
            yield "the second writer closes", s._replace(open=0)
        yield from compact(s, s.compaction)
        yield from ask(s, s.question)

    def compact(s: State, me: Reader) -> Iterable[tuple[str, State]]:
        say = f"compaction: {me.at}"
        if me.at == "idle" and s.in_force.number < 2:
            early = s.version if mutation == MUTATIONS[3] else -1
            at = "index" if mutation == MUTATIONS[6] else "numbers"
            yield say, s._replace(compaction=Reader(at, s.in_force, s.now, found=early))
        elif me.at == "numbers":
            after = "publish" if mutation == MUTATIONS[6] else "index"
            yield say, s._replace(compaction=me._replace(at=after, lowest=lowest(s)))
        elif me.at in {"index", "sheet"}:
            after = "numbers" if mutation == MUTATIONS[6] else "publish"
            yield say, s._replace(compaction=look(s, me, after))
        elif me.at == "publish":
            yield say, publish(s, me)._replace(compaction=Reader())
        if me.at != "idle":
            yield "!it is killed", s._replace(compaction=Reader())

    def lowest(s: State) -> int:
        is_open = s.open and (mutation != MUTATIONS[7] or s.ways[1] is not None)
        return s.open if is_open else s.free

    def publish(s: State, me: Reader) -> State:
        began = s.now if mutation == MUTATIONS[1] else me.began
        floor = began if mutation in MUTATIONS[:2] else began - LONGEST
        held = (me.in_force.version, me.in_force.mark) if me.seen is None else (me.found, me.seen)
        return s._replace(in_force=InForce(s.in_force.number + 1, *held, floor, me.lowest))

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
        least = me.in_force.lowest if s.mark[0] else me.in_force.floor
        named = s.mark[1] >= least
        if named and s.mark != me.in_force.mark:
            old = mutation == MUTATIONS[4] and s.mark[1] <= least
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
    must_hold(model(numbered=False), more_than=10_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_what_would_not_be(mutation):
    """Each of these orders answers what no longer stood."""
    must_break(model(mutation, numbered=MUTATIONS.index(mutation) >= 5))
