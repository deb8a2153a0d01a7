"""Reservations: of what is said of one the newest word counts, however late the others come, and its run
follows: armed for the last date, ended when it was cancelled after it was entered, and only then.

Small scope: three events of one reservation (booked, moved, then moved again or cancelled), each reacted to
in any order; one of them enters a run for the reservation. Everybody may crash after any write and is done
again, with the effects that the first write has noted.

Steps and code: ``write`` the sheet (``sheets.reservations.fold``) with ``pending``; ``enter``
``store.enroll`` with the date of the sheet read before · ``mirror`` ``follow_ups.mirror``, which grows
``rev`` · ``item``, ``sheet``, ``act`` ``moves.follow_date``, ``moves.cancel``: the enrollment, then the
sheet, then one conditional write (park, or exit as ``cancelled``). An event whose sheet showed no run has
nobody to look after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

BOOKED, MOVED, LAST = 0, 1, 2
"""The events, in the order in which they were said. Each says another date, its own number."""


class Sheet(NamedTuple):
    """``word``: the word that counts (-1: none yet). ``seen``: of each event that was folded, whether the
    sheet showed a run then."""

    rev: int = 0
    word: int = -1
    mirror: bool = False
    seen: tuple[bool | None, bool | None, bool | None] = (None, None, None)


class Item(NamedTuple):
    """The run: which word entered it, for which date it is armed, whether it was ended."""

    entered: int
    due: int
    ended: bool = False


class Worker(NamedTuple):
    """Where one reaction stands, and what it has read."""

    step: str = "load"
    sheet: Sheet = Sheet()
    item: Item | None = None


class State(NamedTuple):
    """Durable things, then the reactions."""

    sheet: Sheet = Sheet()
    item: Item | None = None
    workers: tuple[Worker, ...] = (Worker(), Worker(), Worker())


MUTATIONS = (
    "the last to arrive counts",
    "the mirror does not grow rev",
    "nobody looks after the mirror",
    "the sheet is read before the enrollment",
    "parked whatever was armed meanwhile",
    "any cancellation ends a run",
)


def model(*, cancels: bool, enters: int = BOOKED, mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it. ``cancels``: the last word is that nobody comes."""
    first, second = ("sheet", "item") if mutation == MUTATIONS[3] else ("item", "sheet")

    def is_void(word: int, entered: int) -> bool:
        later = word > entered or mutation == MUTATIONS[5]
        return cancels and word == LAST and later

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for n, worker in enumerate(s.workers):
            if worker.step != "done":
                yield f"{n}: {worker.step}", act(s, n, worker)
                if worker.step != "load":
                    yield f"!{n} crashes, and is done again", put(s, n, Worker())

    def put(s: State, n: int, worker: Worker) -> State:
        return s._replace(workers=(*s.workers[:n], worker, *s.workers[n + 1 :]))

    def onwards(n: int, sheet: Sheet) -> Worker:
        """What an event leaves to do, as its record tells it."""
        if n == enters:
            return Worker("enter", sheet)
        return Worker(first if sheet.seen[n] else "done")

    def act(s: State, n: int, worker: Worker) -> State:
        if worker.step == "load":
            known = s.sheet.seen[n] is not None
            return put(s, n, onwards(n, s.sheet) if known else Worker("write", s.sheet))
        if worker.step == "write":
            return write(s, n, worker.sheet)
        if worker.step == "enter":
            return enter(s, n, worker.sheet)
        if worker.step == "mirror":
            grown = s.sheet.rev + (not s.sheet.mirror and mutation != MUTATIONS[1])
            after = "done" if mutation == MUTATIONS[2] else first
            return put(s._replace(sheet=s.sheet._replace(rev=grown, mirror=True)), n, Worker(after))
        return follow(s, n, worker)

    def write(s: State, n: int, read: Sheet) -> State:
        if read.rev != s.sheet.rev:
            return put(s, n, Worker())
        seen = (*read.seen[:n], read.mirror, *read.seen[n + 1 :])
        word = n if mutation == MUTATIONS[0] else max(n, read.word)
        sheet = s.sheet._replace(rev=read.rev + 1, word=word, seen=seen)
        return put(s._replace(sheet=sheet), n, onwards(n, sheet))

    def enter(s: State, n: int, read: Sheet) -> State:
        if s.item is not None:
            return put(s, n, Worker("mirror"))
        if is_void(read.word, n):
            return put(s, n, Worker("done"))
        return put(s._replace(item=Item(n, read.word)), n, Worker("mirror"))

    def follow(s: State, n: int, worker: Worker) -> State:
        if worker.step in {"item", "sheet"}:
            read = worker._replace(item=s.item) if worker.step == "item" else worker._replace(sheet=s.sheet)
            return put(s, n, read._replace(step=second if worker.step == first else "act"))
        item, word = worker.item, worker.sheet.word
        if item is None or item.ended or s.item is None:
            return put(s, n, Worker("done"))
        if is_void(word, item.entered):
            return put(s._replace(item=s.item._replace(ended=True)), n, Worker("done"))
        if item.due == word:
            return put(s, n, Worker("done"))
        if s.item != item and mutation != MUTATIONS[4]:
            return put(s, n, Worker(first))
        return put(s._replace(item=s.item._replace(due=word)), n, Worker("done"))

    def invariant(s: State) -> str | None:
        if not is_over(s):
            return None
        runs = s.item is not None and not s.item.ended
        if cancels and enters != LAST:
            return "a run of what was cancelled goes on" if runs else None
        if not runs:
            return "a run was ended that nobody cancelled"
        return None if s.item is not None and s.item.due == LAST else "armed for a date of before"

    def is_over(s: State) -> bool:
        return all(worker.step == "done" for worker in s.workers)

    name = f"reservations, {'cancelled' if cancels else 'moved'}, entered by {enters} {mutation}"
    return Model(name, State(), steps, invariant, is_over)


@pytest.mark.parametrize(
    ("cancels", "enters"), [(False, BOOKED), (False, MOVED), (True, BOOKED), (True, MOVED), (True, LAST)]
)
def test_the_protocol_holds(cancels: bool, enters: int) -> None:
    """Whatever crashes, in whichever order it comes: the last word counts."""
    must_hold(model(cancels=cancels, enters=enters), more_than=300)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives remind of an old date, or of nothing, and the explorer shows how."""
    ends_all = mutation == MUTATIONS[5]
    must_break(model(cancels=ends_all, enters=LAST if ends_all else BOOKED, mutation=mutation))
