"""Members: whoever is linked gets everything of their member, once, whatever races and crashes.

Small scope: one friend, the members A and B, and three of these at once, each of which may die anywhere:

- ``link A``, ``link B`` (with ``replace``), ``unlink``: read the ``link`` · ``place`` the friend with the
  member under the number that the link will have · ``claim`` the link if it is still the one that was read ·
  settle. (``members.service``)
- ``change``: write A's next version · look at its ``friends`` · settle those.
- ``report``: keep an event of A · look at its ``friends`` · bring it to them. (``intake``)

Settling drops stale places, reads the link, then the member, and sends a message that holds both versions;
then it brings what is kept of the member. Whoever dies leaves a job, which takes from them what they might
still claim (the link gets the number of the place) and settles. Messages come in any order and any number of
times; the sheet takes what is newer by (version of the link, version of the member).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

NOBODY, A, B = 0, 1, 2
Report = tuple[int, int, int]
"""Of the link and of its member the versions, and who that is."""


class Link(NamedTuple):
    """Who the friend's member is, the version of that, and the number of the friend's place."""

    v: int = 0
    member: int = NOBODY
    place: int = 0


class Worker(NamedTuple):
    """What somebody does, how far they are, and what they have read."""

    does: str
    at: str
    seen: Link = Link()
    version: int = 0


class State(NamedTuple):
    """The friend's link, the places with A and B, A's version, what is kept and what came, the sheet
    and the newest it has been."""

    workers: tuple[Worker, ...]
    link: Link = Link()
    places: tuple[int, int] = (0, 0)
    version: int = 1
    is_kept: bool = False
    has_come: bool = False
    reports: frozenset[Report] = frozenset()
    sheet: Report = (0, 0, NOBODY)
    newest: tuple[int, int] = (0, 0)


MUTATIONS = (
    "the link is claimed before there is a place",
    "a place is dropped whatever its number is",
    "the sheet looks at the version of the link alone",
    "the sheet takes what comes last",
    "who reports looks at the friends first",
    "whoever dies leaves nothing to do",
)
RACES = (
    ("link A", "link B"),
    ("link A", "unlink", "link A"),
    ("link A", "unlink", "change"),
    ("link A", "unlink", "report"),
    ("link A", "link A", "report"),
)
IDLE = Worker("", "idle")


def model(race: tuple[str, ...], mutation: str = "") -> Model[State]:
    """The protocol, or a mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        for one in s.reports:
            is_newer = one[:2] > s.sheet[:2]
            if mutation == MUTATIONS[2]:
                is_newer = one[0] > s.sheet[0]
            if is_newer or (mutation == MUTATIONS[3] and one != s.sheet):
                newest = max(s.newest, one[:2])
                yield f"the sheet takes {one}", s._replace(sheet=one, newest=newest)
        for w, me in enumerate(s.workers):
            if me.at == "idle":
                continue
            yield f"{w}: {me.does} {me.at}", act(s, w, me)
            left = IDLE if mutation == MUTATIONS[5] else Worker("settle", "end")
            if me.does != "settle" and not is_unanswered(me):
                yield f"!{w}: {me.does} dies at {me.at}", put(s, w, left)

    def is_unanswered(me: Worker) -> bool:
        # Whoever reports and dies was never answered, and reports again.
        return me.does == "report"

    def act(s: State, w: int, me: Worker) -> State:
        does, at = me.does, me.at
        if does == "change":
            return put(s._replace(version=2), w, Worker("settle", "friends"))
        if does == "report":
            return report(s, w, me)
        if does == "settle":
            return settle(s, w, me)
        wanted = {"link A": A, "link B": B, "unlink": NOBODY}[does]
        if at == "read":
            if s.link.member == wanted:
                return put(s, w, Worker("settle", "drop"))
            first = "claim" if not wanted or mutation == MUTATIONS[0] else "place"
            return put(s, w, me._replace(at=first, seen=s.link))
        number = me.seen.v + 1
        if at == "place":
            there = s.places[wanted - 1]
            if there > number:
                return put(s, w, me._replace(at="read"))
            return put(placed(s, wanted, number), w, me._replace(at="claim"))
        if at == "late place":
            return put(placed(s, wanted, number), w, Worker("settle", "drop"))
        if s.link.v != me.seen.v:
            return put(s, w, me._replace(at="read"))
        s = s._replace(link=Link(number, wanted, number if wanted else 0))
        if mutation == MUTATIONS[0] and wanted:
            return put(s, w, me._replace(at="late place"))
        return put(s, w, Worker("settle", "drop"))

    def settle(s: State, w: int, me: Worker) -> State:
        if me.at == "friends":
            nobody = not s.places[A - 1]
            return put(s, w, IDLE if nobody else me._replace(at="read"))
        if me.at == "end":
            # What whoever died was about to claim cannot be claimed any more.
            link = s.link._replace(v=max(s.link.v, *s.places))
            return put(s._replace(link=link), w, me._replace(at="drop"))
        if me.at == "drop":
            # One member after the other; both reads are one step, since numbers are never used again.
            return put(s, w, me._replace(at="drop A", seen=s.link))
        if me.at in {"drop A", "drop B"}:
            member = A if me.at == "drop A" else B
            there = s.places[member - 1]
            is_stale = there <= me.seen.v and (me.seen.member, me.seen.place) != (member, there)
            if mutation == MUTATIONS[1]:
                is_stale = me.seen.member != member
            s = placed(s, member, 0) if there and is_stale else s
            return put(s, w, me._replace(at="drop B" if member == A else "read"))
        if me.at == "read":
            return put(s, w, me._replace(at="member", seen=s.link))
        if me.at == "member":
            return put(s, w, me._replace(at="update", version=s.version))
        if me.at == "update":
            version = me.version if me.seen.member == A else int(me.seen.member == B)
            more = s.reports | {(me.seen.v, version, me.seen.member)} if me.seen.v else s.reports
            return put(s._replace(reports=more), w, me._replace(at="catch up"))
        come = s.has_come or (s.is_kept and me.seen.member == A)
        return put(s._replace(has_come=come), w, IDLE)

    def report(s: State, w: int, me: Worker) -> State:
        order = ["keep", "friends", "bring"]
        if mutation == MUTATIONS[4]:
            order = ["friends", "keep", "bring"]
        here = order.index(me.at) if me.at in order else -1
        if me.at == "keep":
            s = s._replace(is_kept=True)
        elif me.at == "friends":
            me = me._replace(seen=s.link)
        elif me.at == "bring":
            return put(s._replace(has_come=s.has_come or me.seen.member == A), w, IDLE)
        return put(s, w, me._replace(at=order[here + 1]))

    def invariant(s: State) -> str | None:
        if s.link.member and s.places[s.link.member - 1] != s.link.place and mutation != MUTATIONS[0]:
            return "a friend is linked and has no place"
        if s.sheet[:2] < s.newest:
            return "the sheet goes back"
        return None

    def is_done(s: State) -> bool:
        if any(me.at != "idle" for me in s.workers):
            return False
        version = {NOBODY: 0, A: s.version, B: 1}[s.link.member]
        is_reported = s.sheet == (s.link.v, version, s.link.member) or (s.link.v == 0 and s.sheet[0] == 0)
        tidy = all(
            not there or (s.link.member, s.link.place) == (member, there)
            for member, there in zip((A, B), s.places, strict=True)
        )
        return is_reported and tidy and (s.has_come or not (s.is_kept and s.link.member == A))

    begin = {"change": "write", "report": "friends" if mutation == MUTATIONS[4] else "keep"}
    workers = tuple(Worker(does, begin.get(does, "read")) for does in race)
    return Model(f"members {race} {mutation}", State(workers), steps, invariant, is_done)


def placed(s: State, member: int, number: int) -> State:
    """The state with another place of the friend with a member."""
    a, b = s.places
    return s._replace(places=(number, b) if member == A else (a, number))


def put(s: State, w: int, worker: Worker) -> State:
    """The state with one worker changed."""
    return s._replace(workers=(*s.workers[:w], worker, *s.workers[w + 1 :]))


@pytest.mark.parametrize("race", RACES)
def test_the_protocol_holds(race: tuple[str, ...]) -> None:
    """The sheet ends as the link and the member are, no place is left over, and what was reported came."""
    must_hold(model(race), more_than=100)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, in one race at least, and the explorer shows how."""
    races = {
        MUTATIONS[0]: RACES[2],
        MUTATIONS[1]: RACES[1],
        MUTATIONS[2]: RACES[2],
        MUTATIONS[3]: RACES[2],
        MUTATIONS[4]: RACES[3],
        MUTATIONS[5]: RACES[0],
    }
    must_break(model(races[mutation], mutation))
