"""Rollups of reports: one that no mark is on says what its lines say, whoever writes late and whatever dies.

Small scope: one hour that is over, two lines that come late (or are deleted), two workers that fold. Who
writes puts a ``mark`` with its moment, then its ``line`` (``journal.note``, ``forget``). Who folds looks for
the mark (``look``), reads the lines (``read``), keeps the rollup (``keep``: not over one whose lines were
read later) and takes the mark away if it is still the one that was seen (``clear``; ``folding._marked``).

Time: a mark is settled when no invocation that began before it, or set it, runs any more (Lambda ends each
in half of that time). So the step ``settles`` needs those who are on their way to be done or dead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Folder(NamedTuple):
    """Where it stands, the mark that it saw, the lines that it read and when."""

    at: str = "idle"
    saw: int = 0
    lines: frozenset[int] = frozenset()
    read_at: int = 0


class State(NamedTuple):
    """Lines, the rollup with the time of its reading, the mark (0: none) and whether it is settled."""

    lines: frozenset[int] = frozenset()
    rollup: frozenset[int] = frozenset()
    rolled_at: int = 0
    mark: int = 0
    settled: bool = False
    now: int = 1
    writers: tuple[str, str] = ("todo", "todo")
    folders: tuple[Folder, Folder] = (Folder(), Folder())


MOST = 5
"""So often a mark is put or the lines are read, before all that began goes to its end."""
MUTATIONS = (
    "the line before its mark",
    "no mark",
    "marks are folded before they are settled",
    "the mark is taken away before the rollup is kept",
    "a mark is taken away whosever it is",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    writing = ("mark", "line")
    if mutation == MUTATIONS[0]:
        writing = ("line", "mark")
    elif mutation == MUTATIONS[1]:
        writing = ("line",)
    folding = ("read", "clear", "keep") if mutation == MUTATIONS[3] else ("read", "keep", "clear")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for n, at in enumerate(s.writers):
            if at == "todo" and s.now < MOST:
                yield f"!writer {n} comes", writer(s, n, writing[0])
            elif at in writing:
                yield f"writer {n}: {at}", written(s, n, at)
                yield f"!writer {n} crashes", writer(s, n, "todo")  # the event comes again
        for n, me in enumerate(s.folders):
            if me.at == "idle" and s.mark and (s.settled or mutation == MUTATIONS[2]) and s.now < MOST:
                yield f"folder {n} looks", folder(s, n, Folder("read", s.mark))
            elif me.at != "idle":
                yield f"folder {n}: {me.at}", folded(s, n, me)
                yield f"!folder {n} crashes", folder(s, n, Folder())
        if s.mark and not s.settled and at_rest(s):
            yield "the mark settles", s._replace(settled=True)

    def written(s: State, n: int, at: str) -> State:
        after = writing[writing.index(at) + 1] if at != writing[-1] else "done"
        if at == "line":
            return writer(s._replace(lines=s.lines | {n}), n, after)
        return writer(s._replace(mark=s.now, now=s.now + 1, settled=False), n, after)

    def folded(s: State, n: int, me: Folder) -> State:
        after = folding[folding.index(me.at) + 1] if me.at != folding[-1] else "idle"
        if me.at == "read":
            return folder(s._replace(now=s.now + 1), n, Folder(after, me.saw, s.lines, s.now))
        kept = s
        if me.at == "keep" and s.rolled_at <= me.read_at:
            kept = s._replace(rollup=me.lines, rolled_at=me.read_at)
        if me.at == "clear" and (s.mark == me.saw or mutation == MUTATIONS[4]):
            kept = s._replace(mark=0, settled=False)
        return folder(kept, n, me._replace(at=after) if after != "idle" else Folder())

    def invariant(s: State) -> str | None:
        wrong = not s.mark and s.rollup != s.lines
        return "a report reads a rollup that is not what its lines are" if wrong else None

    def is_done(s: State) -> bool:
        return at_rest(s) and (not s.mark or s.now >= MOST)

    return Model(f"rollups {mutation}", State(), steps, invariant, is_done)


def at_rest(s: State) -> bool:
    """Nobody is on the way."""
    return all(me.at == "idle" for me in s.folders) and all(at in {"todo", "done"} for at in s.writers)


def writer(s: State, n: int, at: str) -> State:
    """The state with where a writer stands."""
    return s._replace(writers=(at, s.writers[1]) if n == 0 else (s.writers[0], at))


def folder(s: State, n: int, me: Folder) -> State:
    """The state with what a folder knows."""
    return s._replace(folders=(me, s.folders[1]) if n == 0 else (s.folders[0], me))


def test_the_protocol_holds() -> None:
    """At every moment a rollup without a mark says what its lines say, and every mark goes in the end."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
