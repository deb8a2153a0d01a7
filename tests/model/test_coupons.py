"""[Coupons](docs/coupons.md): one coupon for a document, whatever dies between LINE's yes and our note.

Small scope: one document, published by a message that is delivered twice, so that two workers may be at it;
each may die anywhere and is delivered again when its lease is over. LINE makes what it is asked to at once,
and its answer may be lost. Steps and code (``coupons/publishing.py``):

- ``begin`` ``store.begin``: the note, under a lease; whoever finds one (of the same wish) looks before asking
- ``look`` ``_made_before``: what LINE has of this and no document does · ``ask`` ``at_line.create``
- ``commit`` ``catalog.save(_next)`` · ``end`` ``store.end``
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Worker(NamedTuple):
    """Where one stands, and which coupon it has in hand (0: none)."""

    at: str = "begin"
    has: int = 0


class State(NamedTuple):
    """``made``: how many coupons LINE has; ``kept``: the one that the document has become (0: none);
    ``note``: LINE may have been asked; ``leased``: by which worker (0: by nobody).
    """

    made: int = 0
    kept: int = 0
    note: bool = False
    leased: int = 0
    one: Worker = Worker()
    two: Worker = Worker()
    deaths: int = 0


NO_NOTE = "LINE is asked before that is noted"
NO_LOOK = "nobody looks what LINE has made before"
NO_LEASE = "two workers may be at it at once"
END_FIRST = "the note goes before the commit"
MUTATIONS = (NO_NOTE, NO_LOOK, NO_LEASE, END_FIRST)
MOST_DEATHS = 3


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for number, name in ((1, "one"), (2, "two")):
            yield from work(s, number, name)

    def work(s: State, number: int, name: str) -> Iterable[tuple[str, State]]:
        w: Worker = getattr(s, name)

        def to(at: str, has: int = w.has, **fields: object) -> State:
            return s._replace(**{name: Worker(at, has), **fields})

        if w.at == "begin" and s.kept:
            yield f"{name}: is published", to("done", note=False)
        elif w.at == "begin" and (s.leased in {0, number} or mutation == NO_LEASE):
            following = "look" if s.note and mutation != NO_LOOK else "ask"
            yield f"{name}: begin", to(following, note=mutation != NO_NOTE, leased=number)
        elif w.at == "look":
            found = s.made if s.made and not s.kept else 0
            yield f"{name}: look", to("commit" if found else "ask", found)
        elif w.at == "ask":
            after = "end" if mutation == END_FIRST else "commit"
            yield f"{name}: ask", to(after, s.made + 1, made=s.made + 1)
            yield f"!{name}: ask, and the answer is lost", to("begin", 0, made=s.made + 1, leased=0)
        elif w.at == "commit":
            after = "begin" if mutation == END_FIRST else "end"
            yield f"{name}: commit", to(after, kept=s.kept or w.has)
        elif w.at == "end":
            after = "commit" if mutation == END_FIRST else "done"
            yield f"{name}: end", to(after, note=False, leased=0)
        if w.at not in {"begin", "done"} and s.deaths < MOST_DEATHS:
            yield f"!{name} dies, and its lease is over", to("begin", 0, leased=0, deaths=s.deaths + 1)

    def invariant(s: State) -> str | None:
        return "there are two coupons at LINE" if s.made > 1 else None

    def is_done(s: State) -> bool:
        return s.one.at == s.two.at == "done" and s.kept == s.made == 1

    return Model(f"coupons {mutation}", State(), steps, invariant, is_done)


def test_the_protocol_holds() -> None:
    """One coupon, and the document names it."""
    must_hold(model(), more_than=70)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives make two coupons, and the explorer shows how."""
    must_break(model(mutation))
