"""Invariant 10, facts: what a reaction produced ends a wait once, also of the event that enters the wait.

Small scope: one event enters a friend into a scenario of three waits in a row, and produces two facts of
which each ends any wait. So the friend comes to the third wait, and no further. The engine may crash after
each write and is done again; a second delivery of the same event may run at the same time.

Steps and code: ``write`` the sheet with ``pending`` (the facts are in its changes) · ``enter``
``store.enroll``, which notes what of the event entered (``used``) · ``look`` ``moves.follow_moves`` and
``on_friend_event``, which find the event pending · ``go`` one conditional write: the next node, and what has
been used, together · ``record`` the activity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

FACTS = 2
"""Numbers 1 and 2; 0 is the event itself, which enters."""


class Item(NamedTuple):
    """The enrollment: the node (0: none yet; 1, 2, 3 the waits, 4 beyond) and the number used last."""

    node: int = 0
    used: int = -1


class Worker(NamedTuple):
    """Where one delivery of the event stands, and the enrollment as it has read it."""

    step: str = "load"
    read: Item = Item()


class State(NamedTuple):
    """Durable things, then both deliveries."""

    item: Item = Item()
    pending: bool = False
    activity: bool = False
    workers: tuple[Worker, Worker] = (Worker(), Worker())


MUTATIONS = (
    "only the event is heard",
    "what was used is not noted",
    "what was used is noted after the move",
    "facts of the event that enters do not count",
    "the event may end the wait that it enters",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for n in (0, 1):
            worker = s.workers[n]
            if worker.step == "done":
                continue
            yield f"{n}: {worker.step}", act(s, n, worker)
            if worker.step != "load":
                yield f"!{n} crashes, and the event comes again", put(s, n, Worker())

    def put(s: State, n: int, worker: Worker) -> State:
        one, other = s.workers
        return s._replace(workers=(worker, other) if n == 0 else (one, worker))

    def counting(item: Item) -> int | None:
        """The first number that ends the wait at which the friend stands."""
        if item.node == 0 or item.node == 4:
            return None
        first = 0 if mutation == MUTATIONS[4] and item.used <= 0 else max(item.used + 1, 1)
        last = 0 if mutation == MUTATIONS[0] else FACTS
        if mutation == MUTATIONS[3] and item.node == 1:
            return None
        return first if first <= last else None

    def act(s: State, n: int, worker: Worker) -> State:
        step = worker.step
        if step == "load":
            if s.activity:
                return put(s, n, Worker("done"))
            return put(s, n, Worker("enter" if s.pending else "write"))
        if step == "write":
            return put(s._replace(pending=True), n, Worker("enter"))
        if step == "enter":
            item = s.item if s.item.node else Item(1, 0)
            return put(s._replace(item=item), n, Worker("look"))
        if step == "look":
            following = "go" if counting(s.item) is not None else "record"
            return put(s, n, Worker(following, s.item))
        if step == "note":
            number = counting(worker.read)
            assert number is not None
            same = s.item.node == worker.read.node + 1
            item = s.item._replace(used=number) if same else s.item
            return put(s._replace(item=item), n, Worker("look"))
        if step == "go":
            number = counting(worker.read)
            assert number is not None
            if s.item != worker.read:
                return put(s, n, Worker("look"))
            noted = mutation not in MUTATIONS[1:3]
            moved = Item(worker.read.node + 1, number if noted else worker.read.used)
            later = Worker("note", worker.read) if mutation == MUTATIONS[2] else Worker("look")
            return put(s._replace(item=moved), n, later)
        return put(s._replace(activity=True), n, Worker("done"))

    def invariant(s: State) -> str | None:
        if s.item.node > 3:
            return "a fact was used twice"
        over = all(worker.step == "done" for worker in s.workers)
        return "a fact was not heard" if over and s.item.node != 3 else None

    return Model(f"hearing {mutation}", State(), steps, invariant, lambda s: s.item.node == 3)


def test_the_protocol_holds() -> None:
    """Whatever crashes, whichever delivery is faster: each fact ends one wait."""
    must_hold(model(), more_than=50)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives miss a fact or use it twice, and the explorer shows how."""
    must_break(model(mutation))
