"""[Rich menus](docs/rich-menus.md): whatever moves a friend, in the end LINE shows what the sheet says under
the publication in force.

Small scope: one friend, whose sheet changes once (0 to 1) and whose menu under publication ``g`` with sheet
``s`` is ``(g, s)``: every publication has menus of its own, as when its documents changed. LINE takes the
links of a walk some time after it has said yes, whatever came in between. A second publication may follow the
first while that one walks. Steps and code:

- publisher: ``note`` ``store.begin_walk`` · ``commit`` ``catalog.save`` · ``feed`` ``moving.start``
- walker of a publication: ``snapshot``, ``read``, ``ask`` ``moving._page`` (LINE applies it at ``line``),
  ``check`` the publication is looked at again · ``end`` ``moving.settle``, long after
  (the last to end walks once more if two were on at once: LINE may have applied their links in any order)
- reaction: ``read`` the publication, when its batch begins · ``sheet`` the decision's write · ``flag``
  ``following.follow`` looks whether a walk is on · ``link`` ``following._settle`` · ``look`` reads sheet and
  publication again, and links once more or leaves another look for later, if a walk was on · ``later``
  ``following.look``, which comes when whatever a walk had in hand is over.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

Menu = tuple[int, int]


class Walk(NamedTuple):
    """A publication's walk: where it stands, what it has read, what LINE has still to apply."""

    at: str = "note"
    seen: Menu = (0, 0)
    asked: Menu | None = None


class State(NamedTuple):
    """``line``: what LINE shows; ``walks``: noted and not settled. ``pc``: the reaction; ``known``: what its
    worker takes for published and for the sheet.
    """

    sheet: int = 0
    generation: int = 0
    line: Menu = (0, 0)
    walks: frozenset[int] = frozenset()
    again: bool = False
    one: Walk = Walk()
    two: Walk = Walk()
    pc: str = "read"
    known: Menu = (0, 0)
    flag: bool = False
    later: bool = False


LATE_NOTE = "the walk is noted when it has read"
NO_FLAG = "nobody looks again while a walk is on"
NO_LOOK = "the reaction does not look after it has linked"
FLAG_FIRST = "the flag is looked at before the sheet is written"
FLAG_LAST = "the flag is looked at after the link"
TOO_EARLY = "the second look comes while a walk has the friend in hand"
NO_AGAIN = "two walks at once are left at that"
TOO_SOON_OVER = "a walk is over when it has asked"
MUTATIONS = (LATE_NOTE, NO_FLAG, NO_LOOK, FLAG_FIRST, FLAG_LAST, TOO_EARLY, TOO_SOON_OVER, NO_AGAIN)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for number, name in ((1, "one"), (2, "two")):
            yield from walk(s, number, name)
        yield from reaction(s)

    def walk(s: State, number: int, name: str) -> Iterable[tuple[str, State]]:
        w: Walk = getattr(s, name)

        def to(at: str, **fields: Any) -> State:
            return s._replace(**{name: w._replace(at=at), **fields})

        noted = s.walks | {number}
        if w.at == "note":
            yield f"{name}: note", to("commit", walks=s.walks if mutation == LATE_NOTE else noted)
        elif w.at == "commit" and s.generation == number - 1:
            yield f"{name}: commit", to("feed", generation=number)
        elif w.at == "feed":
            again = s.again or (len(noted) > 1 and mutation != NO_AGAIN)
            yield f"{name}: feed", to("read", walks=s.walks if mutation == LATE_NOTE else noted, again=again)
        elif w.at == "read":
            yield f"{name}: read", s._replace(**{name: w._replace(at="ask", seen=(s.generation, s.sheet))})
        elif w.at == "ask":
            asked = s._replace(**{name: w._replace(at="check", asked=w.seen)})
            yield f"{name}: ask", asked._replace(walks=noted)
        elif w.at == "check":
            is_current = w.seen[0] == s.generation
            yield f"{name}: check", to("end" if is_current else "read")
        elif w.at == "end" and (w.asked is None or mutation == TOO_SOON_OVER):
            left = s.walks - {number}
            if s.again and not left:
                yield f"{name}: end, and again", to("read", again=False)
            else:
                yield f"{name}: end", to("over", walks=left)
        if w.asked is not None:
            applied = {"line": w.asked, name: w._replace(asked=None)}
            yield f"{name}: LINE applies", s._replace(**applied)
        if w.at in {"ask", "check"}:
            yield f"!{name} crashes, and is done again", to("read")

    def reaction(s: State) -> Iterable[tuple[str, State]]:
        if s.pc == "read":
            on = bool(s.walks) and mutation == FLAG_FIRST
            yield "reaction: read", s._replace(pc="sheet", known=(s.generation, s.sheet), flag=on)
        elif s.pc == "sheet":
            yield "reaction: sheet", s._replace(sheet=1, pc="flag", known=(s.known[0], 1))
        elif s.pc == "flag":
            kept = mutation == FLAG_FIRST
            yield "reaction: flag", s._replace(pc="link", flag=s.flag if kept else flag(s))
        elif s.pc == "link":
            yield "reaction: link", s._replace(line=s.known, pc="look")
        elif s.pc == "look":
            yield "reaction: look", look(s)
        elif s.later and (is_clear(s) or mutation == TOO_EARLY):
            yield "later: link and look", s._replace(line=(s.generation, s.sheet), later=False)
        if s.pc in {"link", "look"}:
            yield "!the reaction crashes, and is done again", s._replace(pc="flag")

    def flag(s: State) -> bool:
        return bool(s.walks) and mutation not in {NO_FLAG, FLAG_LAST}

    def look(s: State) -> State:
        fresh = (s.generation, s.sheet)
        if fresh != s.known and mutation != NO_LOOK:
            return s._replace(known=fresh, pc="link")
        late = mutation == FLAG_LAST and bool(s.walks)
        return s._replace(pc="done", later=s.flag or late)

    def is_clear(s: State) -> bool:
        """Nothing that a walk has read before is under way."""
        return all(w.at not in {"ask", "check"} and w.asked is None for w in (s.one, s.two))

    def is_over(s: State) -> bool:
        return s.pc == "done" and not s.later and s.one.at == s.two.at == "over"

    def invariant(s: State) -> str | None:
        quiet = s.one.asked is None and s.two.asked is None
        if is_over(s) and quiet and s.line != (s.generation, s.sheet):
            return "LINE shows another menu than the sheet says"
        return None

    def is_done(s: State) -> bool:
        return is_over(s) and s.line == (s.generation, s.sheet)

    return Model(f"rich menus {mutation}", State(), steps, invariant, is_done)


def test_the_protocol_holds() -> None:
    """Whatever crashes, whoever is faster: LINE shows what the sheet says."""
    must_hold(model(), more_than=1_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives leave a friend on another menu, and the explorer shows how."""
    must_break(model(mutation))
