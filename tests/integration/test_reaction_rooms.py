"""The walk of a follow event through the house: who touches the outside on its way, and by whom asked."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import groupby
from typing import Any

from chalicelib.gateways import seam
from tests.reaction_builders import an_event
from tests.reaction_world import RULES, World, author, batch, world

__all__ = ["world"]

MECHANISMS = {"gateways", "shared"}
"""Rooms that are passed by whoever passes any door."""
MOST_ROOMS, MOST_RETURNS = 7, 1
"""With the webhook's room eight; into one of them a call may come back."""


def rooms_on_the_way() -> list[str]:
    """From the outermost call to the innermost, each room as often as it is entered anew."""
    found, frame = [], sys._getframe()
    while frame is not None:
        parts = str(frame.f_globals.get("__name__", "")).split(".")
        if parts[0] == "chalicelib" and len(parts) > 1 and parts[1] not in MECHANISMS:
            found.append(parts[1])
        frame = frame.f_back  # type: ignore[assignment]
    return [room for room, _ in groupby(reversed(found))]


def test_a_follow_passes_few_rooms_and_comes_back_to_none(world: World) -> None:
    """The reaction asks each room, and is answered: no room calls back into one that is waiting for it."""
    walks: list[list[str]] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if not name.startswith("clock:"):
            walks.append(rooms_on_the_way())
        return world(name, detail, call)

    author(RULES)
    batch(an_event("followed", user="U0", id="e0", is_unblocked=False))
    with seam.guarded(guard):
        batch(an_event("followed", is_unblocked=False))
    passed = {room for walk in walks for room in walk}
    assert {"reaction", "friends", "timeline", "deliveries"} <= passed
    assert len(passed) <= MOST_ROOMS, passed
    returns = sum(count - 1 for walk in walks for count in Counter(walk).values())
    assert returns <= MOST_RETURNS, walks
