"""A narrowcast reaches nobody twice and is not lost, whatever dies, is lost or is cancelled.

Two workers, LINE with its memory of keys, a person who cancels. What is explored is the order of the
mark, the call, the answer and the cancellation; quiet hours, quota and approval only decide when ``mark``
may come.

Steps and code (``broadcasts/narrowcasts``): ``mark`` (``state.marked``, over what was read) · ``call``
with the one key · ``note`` (``state.after_answer``) · ``cancel`` (``steps.cancel``: over what was read
while nobody has tried) · ``expire``: LINE has forgotten the key, and nobody asks any more
(``is_expired``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

ENDS = ("refused", "unknown", "cancelled", "accepted")


class Item(NamedTuple):
    """What is kept of the run."""

    rev: int = 0
    attempts: int = 0
    is_open: bool = False
    state: str = ""


class Worker(NamedTuple):
    """Where it is, what it has read, whether an attempt was open then, what LINE said."""

    at: str = "idle"
    read: Item = Item()
    was_open: bool = False
    answer: str = ""


class State(NamedTuple):
    """The item, how often LINE has sent, whether it still knows the key, and what may still go wrong."""

    item: Item = Item()
    sent: int = 0
    knows: bool = True
    cancelled: bool = False
    faults: int = 3
    workers: tuple[Worker, Worker] = (Worker(), Worker())


MUTATIONS = (
    "a call before its mark",
    "a refusal always ends it",
    "asks when the key is forgotten",
    "cancels blindly",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def put(s: State, number: int, worker: Worker) -> State:
        workers = (worker, s.workers[1]) if number == 0 else (s.workers[0], worker)
        return s._replace(workers=workers)

    def written(s: State, number: int, me: Worker, item: Item, at: str) -> State:
        if s.item.rev != me.read.rev:
            return put(s, number, Worker())
        item = item._replace(rev=s.item.rev + 1)
        return put(s, number, me._replace(at=at, read=item))._replace(item=item)

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if not s.cancelled and s.item.state == "":
            yield "!a person cancels", s._replace(cancelled=True)
        if s.knows and s.item.is_open and all(w.at == "idle" for w in s.workers):
            yield "!a day passes", s._replace(knows=False)
        for number, me in enumerate(s.workers):
            yield from work(s, number, me)

    def work(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.at == "idle":
            if s.item.state == "" and s.item.attempts < 4:
                yield f"{number} reads", put(s, number, Worker("look", s.item, s.item.is_open))
            return
        if s.faults:
            yield f"!{number} dies", put(s, number, Worker())._replace(faults=s.faults - 1)
        if me.at == "look":
            yield from look(s, number, me)
        elif me.at == "call":
            yield from call(s, number, me)
        else:
            yield from note(s, number, me)

    def look(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.was_open and not s.knows and mutation != MUTATIONS[2]:
            yield f"{number} gives up", written(s, number, me, me.read._replace(state="unknown"), "idle")
        elif s.cancelled and mutation == MUTATIONS[3]:
            ended = s.item._replace(state="cancelled", rev=s.item.rev + 1)
            yield f"{number} cancels", put(s, number, Worker())._replace(item=ended)
        elif s.cancelled and not me.was_open:
            yield f"{number} cancels", written(s, number, me, me.read._replace(state="cancelled"), "idle")
        else:
            marked = me.read._replace(attempts=me.read.attempts + 1, is_open=True)
            if mutation == MUTATIONS[0]:
                yield f"{number} calls", put(s, number, me._replace(at="call"))
            else:
                yield f"{number} marks", written(s, number, me, marked, "call")

    def call(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        called = s if s.sent and s.knows else s._replace(sent=s.sent + 1, knows=True)
        yield f"{number} is accepted", put(called, number, me._replace(at="note", answer="accepted"))
        if s.faults:
            fewer = called._replace(faults=s.faults - 1)
            yield (
                f"!{number} is accepted and hears nothing",
                put(fewer, number, me._replace(at="note", answer="")),
            )
            less = s._replace(faults=s.faults - 1)
            yield f"!{number} is not heard", put(less, number, me._replace(at="note", answer=""))
            if not (s.sent and s.knows):
                yield f"!{number} is refused", put(less, number, me._replace(at="note", answer="refused"))
            else:
                yield f"!{number} meets a wall", put(less, number, me._replace(at="note", answer="refused"))

    def note(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        item = me.read
        if me.answer == "accepted":
            item = item._replace(state="accepted", is_open=False)
        elif me.answer == "refused" and (not me.was_open or mutation == MUTATIONS[1]):
            item = item._replace(state="refused", is_open=False)
        yield (
            f"{number} notes {me.answer or 'nothing'}",
            put(written(s, number, me, item, "idle"), number, Worker()),
        )

    def invariant(s: State) -> str | None:
        if s.sent > 1:
            return "it was sent twice"
        if s.item.state in {"refused", "cancelled"} and s.sent:
            return f"it was sent, and is said to be {s.item.state}"
        return None

    def is_done(s: State) -> bool:
        return s.item.state in ENDS or s.item.attempts >= 4

    return Model(mutation or "narrowcasts", State(), steps, invariant, is_done)


def test_it_is_sent_once() -> None:
    """In every order of two workers, deaths, lost answers, refusals and a cancellation."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_is_caught(mutation: str) -> None:
    """Another order of the steps sends twice, or says what is not so."""
    must_break(model(mutation))
