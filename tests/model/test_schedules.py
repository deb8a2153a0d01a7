"""Schedules: every occurrence that was in force is run, each once, and the next one stands armed.

Small scope: a schedule whose occurrences come at the ticks 1 and 2; two looks at it, woken by an entry that
its owner has not moved past, each of which may crash after any write; an author who gives it another name, or
takes it out of force and puts it back. There is no heartbeat here: entries alone have to carry it.

Steps and code (``schedules.service.look_at``): ``read`` the document, the place, the document's history ·
``decide`` ``store.decide``, put if absent · ``start`` ``occurrences.start``, a job named by the occurrence ·
``arm`` the next entry · ``note`` ``store.put_place``. Entries are fed until ``is_over``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold

TICKS = 2


class Document(NamedTuple):
    """``since``: the tick after which it is as it is, as its history tells; ``saved``: of the last save."""

    version: int = 0
    enabled: bool = True
    since: int = 0
    saved: int = 0


class Place(NamedTuple):
    """What ``store.Place`` says."""

    through: int = 0
    armed: int = 1
    version: int = 0


class Look(NamedTuple):
    """Where one look stands, and what it has read and decided."""

    step: str = "idle"
    now: int = 0
    through: int = 0
    version: int = 0


class State(NamedTuple):
    """Durable things, then the looks. ``reached``: the events of a friend, by occurrence and job."""

    now: int = 0
    document: Document = Document()
    place: Place = Place()
    decided: frozenset[int] = frozenset()
    jobs: frozenset[tuple[int, int]] = frozenset()
    entries: frozenset[int] = frozenset({1})
    off: frozenset[int] = frozenset()
    looks: tuple[Look, ...] = (Look(), Look())
    acts: int = 0


MUTATIONS = (
    "the place before the job",
    "the place before the entry",
    "a job of its own each time",
    "after the place, whatever was out of force since",
    "after the last save",
    "an entry is over when its occurrence is decided",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""

    def over(s: State, at: int) -> bool:
        if mutation == MUTATIONS[5] and at in s.decided:
            return True
        return not s.document.enabled or (s.place.version == s.document.version and s.place.armed > at)

    def due(s: State) -> bool:
        return any(at <= s.now and not over(s, at) for at in s.entries)

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.now < TICKS:
            gone = {s.now + 1} if not s.document.enabled else set()
            yield "tick", s._replace(now=s.now + 1, off=s.off | gone)
        yield from author(s)
        for n, look in enumerate(s.looks):
            if look.step == "idle":
                if due(s) and s.document.enabled:
                    yield f"{n}: read", put(s, n, read(s))
            else:
                yield f"{n}: {look.step}", act(s, n, look)
                yield f"!{n} crashes", put(s, n, Look())

    def author(s: State) -> Iterable[tuple[str, State]]:
        """Saves, and the look that follows on each of them when its process lives."""
        if s.acts >= 2:
            return
        d = s.document
        renamed = Document(d.version + 1, d.enabled, d.since, s.now)
        toggled = Document(d.version + 1, not d.enabled, s.now, s.now)
        for name, saved in (("rename", renamed), ("toggle", toggled)):
            after = s._replace(document=saved, acts=s.acts + 1)
            yield f"{name}, and its process dies", hidden(after)
            if saved.enabled and s.looks[1].step == "idle":
                yield name, put(after, 1, read(after))

    def hidden(s: State) -> State:
        # Whoever comes back into force unseen has the heartbeat; here an entry stands for it.
        return s._replace(entries=s.entries | {s.now}) if s.document.enabled else s

    def read(s: State) -> Look:
        p, d = s.place, s.document
        since = p.through if p.version == d.version else max(p.through, d.since)
        if mutation == MUTATIONS[3]:
            since = p.through
        if mutation == MUTATIONS[4] and p.version != d.version:
            since = max(p.through, d.saved)
        return Look("decide", s.now, since, d.version)

    def put(s: State, n: int, look: Look) -> State:
        return s._replace(looks=(*s.looks[:n], look, *s.looks[n + 1 :]))

    def act(s: State, n: int, look: Look) -> State:
        step, at = look.step, look.through + 1
        if step == "decide":
            if at > look.now:
                following = "note" if mutation == MUTATIONS[1] else "arm"
                return put(s, n, look._replace(step=following))
            s = s._replace(decided=s.decided | {at})
            if mutation == MUTATIONS[0]:
                s = s._replace(place=Place(at, s.place.armed, look.version))
            return put(s, n, look._replace(step="start"))
        if step == "start":
            number = sum(1 for known, _ in s.jobs if known == at) if mutation == MUTATIONS[2] else 0
            s = s._replace(jobs=s.jobs | {(at, number)})
            return put(s, n, look._replace(step="decide", through=at))
        if step == "arm":
            s = s._replace(entries=s.entries | {at})
            return put(s, n, look._replace(step="idle" if mutation == MUTATIONS[1] else "note"))
        s = s._replace(place=Place(look.through, at, look.version))
        return put(s, n, look._replace(step="arm") if mutation == MUTATIONS[1] else Look())

    def invariant(s: State) -> str | None:
        if any(number for _, number in s.jobs):
            return "an occurrence was run twice"
        if s.off & {at for at, _ in s.jobs}:
            return "an occurrence was run that came while it was out of force"
        if (
            s.now < TICKS
            or s.acts < 2
            or not s.document.enabled
            or due(s)
            or any(k.step != "idle" for k in s.looks)
        ):
            return None
        if set(range(s.document.since + 1, TICKS + 1)) - {at for at, _ in s.jobs}:
            return "an occurrence was lost"
        return None if TICKS + 1 in s.entries else "nothing is armed"

    def final(s: State) -> bool:
        return s.now == TICKS and s.acts == 2 and not due(s) and all(look.step == "idle" for look in s.looks)

    return Model(f"schedules {mutation}", State(), steps, invariant, final)


def test_the_protocol_holds() -> None:
    """Whatever crashes and whoever is slower: what was in force is run, once, and what was not is not."""
    must_hold(model(), more_than=500)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives lose an occurrence, run one twice, or run one that was taken out of force."""
    must_break(model(mutation))
