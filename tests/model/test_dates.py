"""Invariant 10, ``until``: a friend who waits until a date is armed for the date that the sheet has last.

Small scope: one friend enters a wait until a date; two others (the engine, an import) each move the date
once, by a conditional write of the sheet; everybody may crash after any write and is done again.

Steps and code: ``item`` ``store.enroll`` with the date of the sheet read before · ``mirror``
``follow.mirror`` · ``look``, ``sheet``, ``park`` ``moves.follow_date``: the enrollment, then the sheet, then
one write if the enrollment is due as it was read. A writer's ``write`` is the sheet's (if nobody wrote
meanwhile); it looks if that sheet showed the friend in the scenario, and also when it finds its date there
already, because it may have died before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Sheet(NamedTuple):
    """The date is the number of the writer that set it last; ``by`` has who has written."""

    rev: int = 0
    date: int = 0
    mirror: bool = False
    by: frozenset[int] = frozenset()


class Worker(NamedTuple):
    """Where one process stands, and what it has read. Number 0 enters the friend, 1 and 2 move the date."""

    step: str = "load"
    read: Sheet = Sheet()
    due: int | None = None
    wanted: int | None = None


class State(NamedTuple):
    """Durable things (``due`` None: not entered yet), then the processes."""

    sheet: Sheet = Sheet()
    due: int | None = None
    workers: tuple[Worker, ...] = (Worker(), Worker(), Worker())


MUTATIONS = (
    "the mirror does not grow rev",
    "nobody looks after the mirror",
    "written whatever was armed meanwhile",
    "the sheet is read before the enrollment",
    "looked only after a write of one's own",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    first, second = ("sheet", "look") if mutation == MUTATIONS[3] else ("look", "sheet")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for n, worker in enumerate(s.workers):
            if worker.step != "done":
                yield f"{n}: {worker.step}", act(s, n, worker)
                if worker.step != "load":
                    yield f"!{n} crashes, and is done again", put(s, n, Worker())

    def put(s: State, n: int, worker: Worker) -> State:
        return s._replace(workers=(*s.workers[:n], worker, *s.workers[n + 1 :]))

    def act(s: State, n: int, worker: Worker) -> State:
        if worker.step == "load":
            return put(s, n, Worker("item" if n == 0 else "write", s.sheet))
        if worker.step == "item":
            return put(s._replace(due=worker.read.date if s.due is None else s.due), n, Worker("mirror"))
        if worker.step == "mirror":
            grown = s.sheet.rev + (not s.sheet.mirror and mutation != MUTATIONS[0])
            after = "done" if mutation == MUTATIONS[1] else first
            return put(s._replace(sheet=s.sheet._replace(rev=grown, mirror=True)), n, Worker(after))
        if worker.step == "write":
            return write(s, n, worker.read)
        return follow(s, n, worker)

    def write(s: State, n: int, read: Sheet) -> State:
        if n in read.by:
            again = read.mirror and mutation != MUTATIONS[4]
            return put(s, n, Worker(first if again else "done"))
        if read.rev != s.sheet.rev:
            return put(s, n, Worker())
        # What this writer does not write it leaves as it is now: the mirror is a path of its own.
        sheet = s.sheet._replace(rev=s.sheet.rev + 1, date=n, by=s.sheet.by | {n})
        return put(s._replace(sheet=sheet), n, Worker(first if read.mirror else "done"))

    def follow(s: State, n: int, worker: Worker) -> State:
        if worker.step in {"look", "sheet"}:
            seen = (
                worker._replace(due=s.due) if worker.step == "look" else worker._replace(wanted=s.sheet.date)
            )
            return put(s, n, seen._replace(step=second if worker.step == first else "park"))
        if worker.due == worker.wanted:
            return put(s, n, Worker("done"))
        if s.due != worker.due and mutation != MUTATIONS[2]:
            return put(s, n, Worker(first))
        return put(s._replace(due=worker.wanted), n, Worker("done"))

    def invariant(s: State) -> str | None:
        over = all(worker.step == "done" for worker in s.workers)
        return "armed for a date of before" if over and s.due != s.sheet.date else None

    return Model(
        f"dates {mutation}", State(), steps, invariant, lambda s: all(w.step == "done" for w in s.workers)
    )


def test_the_protocol_holds() -> None:
    """Whatever crashes, whoever is faster: the last date counts."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives leave an old date armed, and the explorer shows how."""
    must_break(model(mutation))
