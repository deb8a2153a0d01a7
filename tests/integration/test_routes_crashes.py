"""A touch and its follow, killed at any crossing and heard of twice, in either order: once, and whole."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.shared.events import FriendEvent
from tests.conftest import drain
from tests.reaction_builders import an_event
from tests.reaction_world import Crash, World, author, batch, facts_of, world

__all__ = ["world"]

THEN = [
    {"add_tag": "new"},
    {"add_score": {"score": "interest", "points": 1}},
    {"send": {"message": "hello"}},
    {"reply": {"message": "hello"}},
]


def pair(user: str, first: str) -> list[FriendEvent]:
    """A touch and a follow of the same minutes."""
    touch = an_event("route_entered", 1, user, "touch", route="poster")
    touch = FriendEvent(**{**vars(touch), "source": "route", "reply_token": None})
    follow = an_event("followed", 2 if first == "touch" else 0.5, user, "follow", is_unblocked=False)
    return [touch, follow] if first == "touch" else [follow, touch]


def once(user: str) -> dict[str, Any]:
    facts = facts_of(user)
    return {n: facts[n] for n in ("tags", "scores", "source")} | {
        "counted": {name: fact["count"] for name, fact in facts["facts"].items()}
    }


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("first", ["touch", "follow"])
def test_a_crash_at_any_crossing_changes_nothing_in_the_end(world: World, first: str, before: bool) -> None:
    """The same sheet as without it, one send, one reply at most; and the other order gives the same. (Every
    other crossing before it, the others after it.)
    """
    author({})
    catalog.save("shop", [Write("routes", "poster", {"name": "p", "then": THEN})], lambda _: None, "test")
    world.calls.clear()
    for event in pair("V0", first):
        batch(event)
    total, clean = len(world.calls), once("V0")
    assert (set(clean["tags"]), clean["scores"]["interest"]["value"]) == ({"new"}, 1)
    assert "touch" not in clean["source"]
    assert len(drain("sends")) == 1
    world.line.clear()
    for at in range(int(before), total, 2):
        user = f"V{at + 1}"
        world.calls.clear()
        world.crash_at, world.before = at, before
        for event in pair(user, first):
            try:
                batch(event)
            except Crash:
                world.crash_at = None
                batch(event)
        world.crash_at = None
        for event in reversed(pair(user, first)):
            batch(event)
        assert once(user) == clean, (at, first)
        assert len({body["chunk"] for body in drain("sends")}) == 1, (at, first)
        replies = [name for name, _ in world.line if name == "line:reply"]
        assert len(replies) <= 1
        world.line.clear()
