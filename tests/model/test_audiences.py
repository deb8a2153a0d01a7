"""Making an audience at LINE: in the end there is one that is named, with everybody in it, whatever happens.

Small scope: two parts of friends. Two workers (a message and its copy), crashes at every step, answers of
LINE that are lost.

Steps and code (``audiences/uploading.py``): ``note`` that LINE is asked (``_make``, ``tried``) ·
``create`` at LINE, perhaps without hearing of it · ``find`` the marked one when it was asked before ·
``add`` a part · ``keep`` the number and the place, over what was read (``store.write``) · ``end``: the
new one is named.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

PARTS = 2
Group = frozenset[int]


class Item(NamedTuple):
    """What is kept of it. ``group``: the place of the audience in LINE's list; -1: not known."""

    rev: int = 0
    tried: bool = False
    group: int = -1
    place: int = 0
    named: int = -1


class Worker(NamedTuple):
    """One invocation: what it has read, where it is, the number that it has heard."""

    at: str = "idle"
    read: Item = Item()
    heard: int = -1


class State(NamedTuple):
    """The item, LINE's audiences in the order of their making, messages, workers, crashes left."""

    item: Item = Item()
    line: tuple[Group, ...] = ()
    messages: int = 1
    workers: tuple[Worker, Worker] = (Worker(), Worker())
    faults: int = 2


MUTATIONS = ("creates again", "keeps the place before the call", "keeps each field by itself")


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def put(s: State, number: int, worker: Worker) -> State:
        workers = (worker, s.workers[1]) if number == 0 else (s.workers[0], worker)
        return s._replace(workers=workers)

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if not s.messages and s.item.named < 0 and all(w.at == "idle" for w in s.workers):
            yield "the timers feed it", s._replace(messages=1)
        for number, me in enumerate(s.workers):
            yield from work(s, number, me)

    def work(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.at == "idle":
            if s.messages:
                taken = put(s, number, Worker("look", s.item))
                yield f"{number} takes", taken._replace(messages=s.messages - 1)
                if s.faults:
                    yield f"!{number} takes a copy", taken._replace(faults=s.faults - 1)
            return
        if s.faults:
            lost = put(s, number, Worker())._replace(faults=s.faults - 1)
            yield f"!{number} dies", lost._replace(messages=1)
            yield f"!{number} dies, and its message is lost", lost
        yield from {"look": look, "ask": ask, "find": find, "add": add, "keep": keep}[me.at](s, number, me)

    def written(s: State, number: int, me: Worker, item: Item, at: str) -> State:
        """Over what was read, or not at all."""
        if s.item.rev != me.read.rev and mutation != MUTATIONS[2]:
            return put(s, number, Worker())
        item = item._replace(rev=s.item.rev + 1)
        return put(s, number, Worker(at, item, me.heard))._replace(item=item)

    def look(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        if me.read.named >= 0:
            yield f"{number} finds it done", put(s, number, Worker())
        elif mutation == MUTATIONS[1] and me.read.group >= 0 and me.heard < 0:
            ahead = me.read._replace(place=me.read.place + 1)
            yield f"{number} keeps ahead", written(s, number, me, ahead, "add")
        elif me.read.group >= 0:
            yield f"{number} adds on", put(s, number, me._replace(at="add", heard=me.read.group))
        elif me.read.tried and mutation != MUTATIONS[0]:
            yield f"{number} looks for it", put(s, number, me._replace(at="find"))
        else:
            yield f"{number} notes", written(s, number, me, me.read._replace(tried=True), "ask")

    def ask(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        made = s._replace(line=(*s.line, frozenset({me.read.place})))
        yield f"{number} creates", put(made, number, me._replace(at="keep", heard=len(s.line)))
        if s.faults:
            gone = put(made, number, Worker())._replace(messages=1, faults=s.faults - 1)
            yield f"!{number} creates, and hears nothing", gone

    def find(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        if s.line:
            yield f"{number} finds it", put(s, number, me._replace(at="add", heard=0))
        else:
            yield f"{number} finds none", put(s, number, me._replace(at="ask"))

    def add(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        group = me.heard if me.heard >= 0 else me.read.group
        part = me.read.place - (1 if mutation == MUTATIONS[1] and me.heard < 0 else 0)
        line = tuple(g | {part} if n == group else g for n, g in enumerate(s.line))
        yield f"{number} adds", put(s._replace(line=line), number, me._replace(at="keep", heard=group))

    def keep(s: State, number: int, me: Worker) -> Iterable[tuple[str, State]]:
        ahead = mutation == MUTATIONS[1] and me.read.group >= 0
        place = me.read.place if ahead else me.read.place + 1
        item = me.read._replace(group=me.heard, place=place)
        if mutation == MUTATIONS[2]:
            item = s.item._replace(group=me.heard, place=max(place, s.item.place))
            place = item.place
        if place >= PARTS:
            item = item._replace(named=me.heard)
        after = written(s, number, me, item, "idle")
        goes_on = after.workers[number] != Worker() and place < PARTS
        yield f"{number} keeps", put(after, number, Worker())._replace(messages=1 if goes_on else s.messages)

    def invariant(s: State) -> str | None:
        if s.item.named >= 0 and s.line[s.item.named] != frozenset(range(PARTS)):
            return f"what is named has {set(s.line[s.item.named])}"
        if mutation == MUTATIONS[0] and len(s.line) > 2:
            return "one audience after the other is made"
        return None

    return Model(mutation or "audiences", State(), steps, invariant, lambda s: s.item.named >= 0)


def test_an_audience_is_whole_before_it_is_named() -> None:
    """In every order of two workers, deaths, copies and lost answers."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_a_mutation_is_caught(mutation: str) -> None:
    """Another order of the steps names a part of it, or makes one after the other."""
    must_break(model(mutation))
