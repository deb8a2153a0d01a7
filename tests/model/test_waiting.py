"""Invariant 10, ``wait_for``: an event of a friend who has just begun to wait for it is not missed. (What is
used of an event, and by which node, is searched in ``test_hearing``; dates in ``test_dates``.)

Small scope: one friend enters a scenario whose node is a ``wait_for``; one event that counts is in the inbox
from the start; each side may crash at any time and is done again. A later event may clean up ``pending``.
Without the event the friend would stay until the timeout, which the model leaves out: nothing else moves it.

Steps and code: ``item`` the enrollment · ``mirror`` ``follow.mirror`` · ``sheet``, ``activity`` what
``moves.has_happened`` looks at · ``go`` ``moves.go_on``. The other side is ``reaction.service``: ``load``,
``write`` (if nobody wrote meanwhile; ``scenario_event`` is among the effects if the sheet shows an active
scenario), ``effect`` ``on_friend_event``, ``record`` the activity.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Sheet(NamedTuple):
    """``pending`` is "", or the event's effects: "none" or "report"."""

    rev: int = 0
    mirror: bool = False
    pending: str = ""


class State(NamedTuple):
    """Durable things, then where both sides stand and what the engine has read."""

    item: str = "absent"
    sheet: Sheet = Sheet()
    activity: bool = False
    enter: int = 0
    engine: str = "load"
    read: Sheet = Sheet()


MUTATIONS = (
    "the mirror does not grow rev",
    "looked before the mirror",
    "activities read before the sheet",
)
ORDERS = {
    "": ("item", "mirror", "sheet", "activity"),
    MUTATIONS[0]: ("item", "mirror", "sheet", "activity"),
    MUTATIONS[1]: ("item", "sheet", "activity", "mirror"),
    MUTATIONS[2]: ("item", "mirror", "activity", "sheet"),
}


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    order = ORDERS[mutation]

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.enter < len(order):
            yield f"enter: {order[s.enter]}", enter(s, order[s.enter])
            if s.enter:
                yield "!entering crashes, and is done again", s._replace(enter=0)
        if s.engine != "done":
            yield f"engine: {s.engine}", engine(s)
            if s.engine != "load":
                yield "!the engine crashes, and the event comes again", s._replace(engine="load")
        if s.activity and s.sheet.pending:
            yield "!a later event cleans up", s._replace(sheet=s.sheet._replace(pending=""))

    def enter(s: State, step: str) -> State:
        following = s._replace(enter=s.enter + 1)
        if step == "item":
            return following._replace(item="waiting") if s.item == "absent" else following
        if step == "mirror":
            if s.sheet.mirror:
                return following
            rev = s.sheet.rev + (mutation != MUTATIONS[0])
            return following._replace(sheet=s.sheet._replace(rev=rev, mirror=True))
        happened = s.activity if step == "activity" else bool(s.sheet.pending)
        return following._replace(item="moved") if happened else following

    def engine(s: State) -> State:
        if s.engine == "load":
            if s.activity:
                return s._replace(engine="done")
            return s._replace(engine="effect" if s.sheet.pending else "write", read=s.sheet)
        if s.engine == "write":
            if s.read.rev != s.sheet.rev:
                return s._replace(engine="load")
            sheet = s.sheet._replace(rev=s.sheet.rev + 1, pending="report" if s.read.mirror else "none")
            return s._replace(sheet=sheet, read=sheet, engine="effect")
        if s.engine == "effect":
            is_reported = s.read.pending == "report" and s.item == "waiting"
            return s._replace(item="moved" if is_reported else s.item, engine="record")
        return s._replace(activity=True, engine="done")

    def invariant(s: State) -> str | None:
        over = s.enter == len(order) and s.engine == "done"
        return "the event came, and the friend waits for it" if over and s.item == "waiting" else None

    return Model(f"waiting {mutation}", State(), steps, invariant, lambda s: s.item == "moved")


def test_the_protocol_holds() -> None:
    """Whatever crashes, whoever is faster: the friend goes on."""
    must_hold(model(), more_than=50)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives miss the event, and the explorer shows how."""
    must_break(model(mutation))
