"""Due times: what time alone does to a friend is reported once, whoever is late, lost or quicker.

Small scope: one score, whose first points take it below its threshold at time 1; more points put that off to
time 2; other events of the friend come at any time; messages get lost, the reaction crashes after its write
and is done again. Nothing may depend on what the friend does: those steps are unfair. In ``State``,
``crossing`` is when the score crosses, ``reported`` how often that was reported, ``due_at`` and ``pending``
(an entry still to be armed) are the sheet's, ``entries`` are the timers', ``inbox`` has due times that came.

Steps and code: ``react`` ``reaction.decide`` with ``due_times.fold`` and ``due_times.plan``, and its one
write · ``arm`` the effect ``arm_due_time`` · ``feed`` drain and verify, which ask ``due_times.over``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

END = 3


class State(NamedTuple):
    """Durable things; ``working`` is an event between its write and its effect."""

    time: int = 0
    crossing: int = 0
    reported: int = 0
    due_at: int = 0
    pending: int = 0
    entries: frozenset[int] = frozenset()
    inbox: frozenset[int] = frozenset()
    working: bool = False
    points: bool = False
    more: bool = False


MUTATIONS = (
    "the next event drops a due time that has passed",
    "a crash forgets to arm",
    "over once its time has passed",
    "nobody remembers what was reported",
    "an entry that came too early arms nothing",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.working:
            yield "the reaction arms", armed(s)
            forgets = mutation == MUTATIONS[1]
            yield "!the reaction crashes, and is done again", armed(s, 0 if forgets else s.pending)
            return
        if not s.points and s.time == 0:
            yield "!points", react(s._replace(points=True), s.time, gives=1)
        if s.points and not s.more and s.time < 2:
            yield "!more points", react(s._replace(more=True), s.time, gives=2)
        if s.points:
            yield "!another event", react(s, s.time)
        for t in sorted(s.inbox):
            yield f"due time {t} is heard", react(s._replace(inbox=s.inbox - {t}), t, by_time=True)
            yield f"!due time {t} is lost", s._replace(inbox=s.inbox - {t})
        for t in sorted(s.entries - s.inbox):
            if s.time >= t and not over(s, t):
                yield f"due time {t} is fed", s._replace(inbox=s.inbox | {t})
        if s.time < END:
            yield "time goes on", s._replace(time=s.time + 1)

    def over(s: State, t: int) -> bool:
        return s.due_at != t or (mutation == MUTATIONS[2] and s.time > t)

    def react(s: State, at: int, gives: int = 0, *, by_time: bool = False) -> State:
        looks = by_time or mutation != MUTATIONS[0]
        if looks and 0 < s.crossing <= at and (not s.reported or mutation == MUTATIONS[3]):
            s = s._replace(reported=s.reported + 1)
        if gives:
            s = s._replace(crossing=gives, reported=0)
        wanted = s.crossing if s.crossing and not s.reported else 0
        if mutation == MUTATIONS[0] and wanted <= at:
            wanted = 0
        came_too_early = s.due_at and s.due_at <= at and mutation != MUTATIONS[4]
        due_at = s.due_at
        if not wanted:
            due_at = 0
        elif not s.due_at or wanted < s.due_at or came_too_early:
            due_at = wanted
        pending = due_at if due_at != s.due_at else 0
        return s._replace(due_at=due_at, pending=pending, working=True)

    def armed(s: State, which: int = -1) -> State:
        which = s.pending if which < 0 else which
        entries = s.entries | {which} if which else s.entries
        return s._replace(entries=entries, pending=0, working=False)

    def invariant(s: State) -> str | None:
        return "the same crossing is told twice" if s.reported > 1 else None

    def is_done(s: State) -> bool:
        return s.time == END and not s.working and not s.due_at and (not s.crossing or bool(s.reported))

    return Model(f"moments {mutation}", State(), steps, invariant, is_done)


def test_the_protocol_holds() -> None:
    """Whatever is lost, late or cut off: every crossing is told, and told once."""
    must_hold(model(), more_than=50)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives lose it or tell it twice, and the explorer shows how."""
    must_break(model(mutation))
