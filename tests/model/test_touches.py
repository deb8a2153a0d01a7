"""Touches: whoever comes by a route gets what it gives once, whatever is heard of first.

Small scope: one person opens two routes, follows, blocks, and follows again, at moments of their own. LINE
tells the follows and the block as late as it likes and in any order; our own page tells the touches, at most
ten minutes late. Each event is folded once (``test_react.py`` proves that), by the very functions of
``routes/touches.py``. For a touch that waits ``route_given_up`` comes, not before ten minutes are over, with
LINE's word of whether they are a friend then. The touches lie before, behind, or out of reach of the follows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest

from chalicelib.routes import touches
from chalicelib.shared.times import iso
from chalicelib.sheets import folds
from chalicelib.sheets.sheet import new_sheet
from tests.model.explorer import Model, must_break, must_hold

NOON = datetime(2026, 11, 22, 3, tzinfo=UTC)
FOLLOW, BLOCK, BACK = 0, 15, 20
ORDERS = ((-5, -3), (-5, 3), (2, 4), (-5, 17), (-14, -2), (18, 19), (4, 30))
"""When the routes are opened, in minutes after the first follow."""


class State(NamedTuple):
    """What is still on its way, the sheet (as text), and what each event brought: (route, who, by which)."""

    coming: frozenset[str]
    sheet: str
    brought: tuple[tuple[str, str, str], ...] = ()


def at(minutes: float) -> str:
    return iso(NOON + timedelta(minutes=minutes))


def fold(sheet: dict[str, Any], name: str, opened: dict[str, int]) -> list[Any]:
    """One event, as the reaction folds it: counted, then what it says."""
    kind = name[0]
    if kind == "t":
        opened_at = at(opened[name])
        facts = folds.route(sheet, name, opened_at)
        return [*facts, *touches.touched(sheet, name, touches.opened_at(opened_at, None), opened_at)]
    if kind == "g":
        minutes = opened["t" + name[1:]]
        later = minutes + 10
        is_friend = FOLLOW <= later < BLOCK or later >= BACK
        facts = touches.given_up(sheet, at(minutes), is_friend=is_friend)
        if facts:
            folds.contact(sheet, at(later))
        return facts
    minutes = {"f": FOLLOW, "b": BLOCK, "r": BACK}[kind]
    fact = sheet["facts"].setdefault("unfollowed" if kind == "b" else "followed", {})
    fact["last_at"] = max(at(minutes), fact.get("last_at", ""))
    facts = folds.status(sheet, follows=kind != "b", at=at(minutes))
    return facts if kind == "b" else facts + touches.followed(sheet, at(minutes), is_unblocked=kind == "r")


def touching(opened: tuple[int, int], mutated: Callable[..., list[Any]] | None = None) -> Model[State]:
    minutes = {"t1": opened[0], "t2": opened[1]}

    happens = {**minutes, "f": FOLLOW, "b": BLOCK, "r": BACK, "g1": opened[0] + 10, "g2": opened[1] + 10}

    def is_early(state: State, name: str) -> bool:
        """A touch that was opened ten minutes before has been told by then."""
        return any(happens[other] + 10 < happens[name] for other in state.coming & {"t1", "t2"})

    def steps(state: State) -> Iterable[tuple[str, State]]:
        for name in sorted(state.coming):
            if is_early(state, name):
                continue
            sheet = json.loads(state.sheet)
            facts = (mutated or fold)(sheet, name, minutes)
            coming = state.coming - {name}
            if name[0] == "t" and touches.waits(sheet, at(minutes[name])):
                coming |= {"g" + name[1:]}
            brought = tuple((props["route"], props["friend"], name) for _, _, props in facts)
            yield name, State(coming, json.dumps(sheet, sort_keys=True), (*state.brought, *brought))

    def invariant(state: State) -> str | None:
        routes = [route for route, _, _ in state.brought]
        if len(set(routes)) < len(routes):
            return "a touch brings something twice"
        comers = [who for _, who, _ in state.brought if who != "present"]
        if len(comers) > 2:
            return "two touches belong to one follow"
        if state.coming:
            return None
        source = json.loads(state.sheet)["source"]
        if (source["first"], source["latest"]) != ("t1", "t2"):
            return "first and latest are not by the moments"
        fits = [n for n in opened if -10 <= n <= 10]
        if fits and not state.brought:
            return "whoever followed by a route is not known to have come by it"
        return None

    start = State(frozenset({"t1", "t2", "f", "b", "r"}), json.dumps(new_sheet("shop", "U1", at(-60))))
    return Model(f"touches at {opened}", start, steps, invariant, lambda state: not state.coming)


@pytest.mark.parametrize("opened", ORDERS)
def test_whoever_comes_by_a_route_has_come_once(opened: tuple[int, int]) -> None:
    """In every order of arrival."""
    must_hold(touching(opened), more_than=20)


def test_a_follow_that_stays_open_is_seen() -> None:
    """The search finds a follow that belongs to two touches, and a touch that stays after it was joined."""

    def forgets(sheet: dict[str, Any], name: str, opened: dict[str, int]) -> list[Any]:
        waiting = sheet["source"].get("touch")
        facts = fold(sheet, name, opened)
        if waiting and facts:
            sheet["source"]["touch"] = waiting
            sheet["source"].pop("joined", None)
        return facts

    must_break(touching((-5, -3), forgets))


def test_a_touch_that_never_waits_is_seen() -> None:
    """The search finds a follow that comes later and is nobody's."""

    def hasty(sheet: dict[str, Any], name: str, opened: dict[str, int]) -> list[Any]:
        facts = fold(sheet, name, opened)
        sheet["source"].pop("touch", None)
        return facts

    must_break(touching((-5, -3), hasty))
