"""Rights follow effects, Beginning: what a broadcast that goes out uses is changed by no editor.

Small scope: a message that an editor changes; a broadcast's draft that another editor edits twice, so that it
names the message and so that it does not; two publishers, of whom each acts once: a draft is scheduled, a
scheduled one is edited so that it names the message. Anybody may crash anywhere.

Steps and code: the editor ``count`` and ``look`` at broadcasts (``catalog.service.save``, and the check it is
given, ``api/rights.py``), then ``move`` the catalog's pointer · a publisher ``read`` the broadcast, ``claim``
for it what it will use, ``begin`` (the count on the pointer), ``commit`` (``broadcasts/lifecycle.py``).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from tests.model.explorer import Model, must_break, must_hold


class Publisher(NamedTuple):
    """``left``: acts it may still begin; what it has read of the broadcast."""

    left: int = 1
    at: str = "idle"
    status: str = ""
    revision: int = 0
    uses: bool = False


class State(NamedTuple):
    """The pointer (changed, begun), the broadcast, the editor, both publishers."""

    changed: bool = False
    begun: int = 0
    status: str = "draft"
    uses: bool = False
    revision: int = 0
    claim: int = 0
    claimed: bool = False
    edits: int = 2
    editor: str = "idle"
    counted: int = 0
    publishers: tuple[Publisher, Publisher] = (Publisher(), Publisher())
    broken: bool = False


MUTATIONS = (
    "the pointer moves whatever has begun meanwhile",
    "the editor counts after looking",
    "counted before the claim",
    "counted after the commit",
    "claims are not looked at",
    "whoever commits asks for no claim",
    "an edit leaves the claim",
)


def model(mutation: str = "") -> Model[State]:
    """The protocol, or one mutation of it."""
    order = {
        MUTATIONS[2]: ("read", "begin", "claim", "commit"),
        MUTATIONS[3]: ("read", "claim", "commit", "begin"),
    }.get(mutation, ("read", "claim", "begin", "commit"))
    editing = ("look", "count", "move") if mutation == MUTATIONS[1] else ("count", "look", "move")

    def steps(s: State) -> Iterable[tuple[str, State]]:
        if s.edits and s.status == "draft":
            claim = s.claim if mutation == MUTATIONS[6] else 0
            edited = s._replace(uses=not s.uses, revision=s.revision + 1, edits=s.edits - 1, claim=claim)
            yield "!somebody edits the draft", edited
        if s.editor == "idle" and not s.changed:
            yield "!the editor begins", s._replace(editor=editing[0])
        if s.editor != "idle":
            yield "!the editor crashes", s._replace(editor="idle", counted=0)
            yield f"the editor: {s.editor}", edit(s)
        for n, me in enumerate(s.publishers):
            if me.at == "idle" and me.left:
                yield f"!publisher {n} begins", put(s, n, me._replace(left=0, at=order[0]))
            if me.at != "idle":
                yield f"!publisher {n} crashes", put(s, n, Publisher(0))
                yield f"publisher {n}: {me.at}", act(s, n, me)

    def edit(s: State) -> State:
        if s.editor == "count":
            return s._replace(counted=s.begun, editor=editing[editing.index("count") + 1])
        if s.editor == "look":
            seen = (s.status == "scheduled" and s.uses) or (
                s.claim != 0 and s.claimed and mutation != MUTATIONS[4]
            )
            following = "idle" if seen else editing[editing.index("look") + 1]
            return s._replace(editor=following, counted=0 if seen else s.counted)
        moved = s._replace(editor="idle", counted=0)
        if s.counted != s.begun and mutation != MUTATIONS[0]:
            return moved._replace(editor=editing[0])
        return moved._replace(changed=True, broken=s.status == "scheduled" and s.uses)

    def act(s: State, n: int, me: Publisher) -> State:
        here = order.index(me.at)
        onward = me._replace(at=order[here + 1]) if here + 1 < len(order) else Publisher(0)
        if me.at == "read":
            uses = s.uses or s.status == "scheduled"
            return put(s, n, onward._replace(status=s.status, revision=s.revision, uses=uses))
        if me.at == "claim":
            if (s.status, s.revision) != (me.status, me.revision):
                return put(s, n, Publisher(0))
            return put(s._replace(claim=n + 1, claimed=me.uses), n, onward)
        if me.at == "begin":
            return put(s._replace(begun=s.begun + 1), n, onward)
        own = s.claim == n + 1 or mutation == MUTATIONS[5]
        if not own or s.status != me.status:
            return put(s, n, Publisher(0))
        uses = me.uses if me.status == "scheduled" else s.uses
        s = s._replace(status="scheduled", uses=uses, revision=s.revision + 1, claim=0, claimed=False)
        return put(s, n, onward)

    def invariant(s: State) -> str | None:
        return "an editor has changed what is scheduled" if s.broken else None

    def is_done(s: State) -> bool:
        return s.editor == "idle" and all(me.at == "idle" for me in s.publishers)

    return Model(f"beginning {mutation}", State(), steps, invariant, is_done)


def put(s: State, n: int, publisher: Publisher) -> State:
    """The state with one publisher changed."""
    one, other = s.publishers
    return s._replace(publishers=(publisher, other) if n == 0 else (one, publisher))


def test_the_protocol_holds() -> None:
    """No order of steps lets an editor change what a broadcast that goes out uses."""
    must_hold(model(), more_than=1_000)


@pytest.mark.parametrize("mutation", MUTATIONS)
def test_each_mutation_is_found(mutation: str) -> None:
    """The obvious alternatives break, and the explorer shows how."""
    must_break(model(mutation))
