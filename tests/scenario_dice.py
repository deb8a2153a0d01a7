"""Scenarios, policies, events and what they refer to, drawn by chance."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from random import Random
from typing import Any

from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.reaction_builders import a_rule
from tests.scenario_world import SHOP, START, message, wait

SPAN = timedelta(days=2)
USERS = ("u1", "u2")
RULES = {
    "wrote": a_rule("messaged", [{"add_tag": "wrote"}, {"add_score": {"score": "interest", "points": 1}}]),
    "books": a_rule("custom:books", [{"set_attribute": {"attribute": "visit", "value": "{{ event.day }}"}}]),
    "stops": a_rule("custom:stops", [{"exit_scenario": "welcome"}]),
    "again": a_rule(
        "scenario_finished", [{"add_tag": "through"}, {"enter_scenario": "welcome"}], limit={"cooldown": "1h"}
    ),
    "thanks": a_rule("tag_added", [{"send": {"message": "m3"}}], match={"tag": "vip"}),
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "tags": {tag: {"name": tag} for tag in ("wrote", "vip", "through")},
    "scores": {"interest": {"name": "interest", "half_life": "1d", "thresholds": [2]}},
    "attributes": {"visit": {"name": "visit", "type": "date"}},
    "messages": {
        "m1": {"name": "m1", "messages": [{"type": "text", "text": "m1"}]},
        "m2": {"name": "m2", "messages": [{"type": "text", "text": "m2 {{ attribute.visit }}"}]},
        "m3": {"name": "m3", "messages": [{"type": "text", "text": "m3"}], "category": "transactional"},
    },
    "rules": RULES,
}
POLICIES: list[dict[str, Any]] = [
    {},
    {"quiet_hours": {"from": "16:00", "to": "09:00", "then": "defer"}},
    {"quiet_hours": {"from": "16:00", "to": "09:00", "then": "skip"}},
    {"caps": [{"category": "marketing", "max": 1, "per": "day"}]},
    {
        "quiet_hours": {"from": "16:00", "to": "19:00", "then": "skip"},
        "caps": [{"category": "marketing", "max": 2, "per": "week"}],
    },
    {
        "quiet_hours": {"from": "15:30", "to": "16:00"},
        "caps": [{"category": "marketing", "max": 2, "per": "week"}],
    },
]
CONDITIONS: list[dict[str, Any]] = [
    {"tag": "wrote"},
    {"tag": "vip"},
    {"score": {"id": "interest", "gte": 2}},
    {"attribute": {"id": "visit", "exists": True}},
    {"delivery": {"id": "welcome", "received": True}},
    {"event": {"type": "messaged", "count": {"gte": 2}}},
    {"scenario": {"id": "welcome", "state": "active", "node": "n0"}},
    {"random": {"salt": "s", "from": 0, "to": 50}},
]
Way = Callable[[], str | None]


def a_definition(dice: Random) -> dict[str, Any]:
    """A graph whose ways lead onwards, or back to a wait of some length."""
    size = dice.randint(2, 9)
    kinds = dice.choices([*NODES, "message", "wait"], k=size)
    waits = [f"n{index}" for index, kind in enumerate(kinds) if kind == "wait"]

    def way(index: int) -> str | None:
        onwards = [f"n{later}" for later in range(index + 1, size)]
        return dice.choice([*onwards[:1] * 5, *onwards[1:3], *waits[:1], None])

    return {
        "start": "n0",
        "nodes": {f"n{index}": NODES[kind](dice, lambda i=index: way(i)) for index, kind in enumerate(kinds)},
        "entry": {
            "re_entry": dice.choice(["never", "after_exit", "restart"]),
            "on_block": dice.choice(["exit", "keep"]),
        },
        "goals": [{"if": dice.choice(CONDITIONS[:3])}] if dice.random() < 0.2 else [],
    }


def _message(dice: Random, way: Way) -> dict[str, Any]:
    late = dice.choice([None, {"max": "1m", "then": "skip"}, {"max": "1m", "then": "exit"}])
    return message(dice.choice(["m1", "m1", "m2", "m3"]), way(), **({"late": late} if late else {}))


def _until(dice: Random, way: Way) -> dict[str, Any]:
    until = dice.choice(
        [
            {"attribute": "visit", "offset": "-1d", "time": "18:00"},
            {"attribute": "visit", "offset": "2h"},
            {"event": "messaged", "offset": "90m"},
        ]
    )
    past = way() if dice.random() < 0.7 else None
    return {"type": "wait", "until": until, "next": way(), **({"on_past": past} if past else {})}


def _wait_for(dice: Random, way: Way) -> dict[str, Any]:
    event = dice.choice(
        [
            "messaged",
            "messaged",
            "custom:books",
            "scenario_entered",
            "tag_added",
            "score_changed",
            "tag_removed",
        ]
    )
    timeout = dice.choice(["0s", "5h", "20h"])
    return {"type": "wait_for", "event": event, "timeout": timeout, "next": way(), "on_timeout": way()}


ACTIONS: list[dict[str, Any]] = [
    {"add_tag": "vip"},
    {"remove_tag": "vip"},
    {"add_score": {"score": "interest", "points": 2}},
    {"set_attribute": {"attribute": "visit", "value": "2026-11-24"}},
    {"send": {"message": "m1"}},
    {"send": {"message": "m2"}},
    {"exit_scenario": "welcome"},
    {"enter_scenario": "welcome"},
]
NODES: dict[str, Callable[[Random, Way], dict[str, Any]]] = {
    "message": _message,
    "wait": lambda dice, way: wait(dice.choice(["45m", "3h", "9h"]), way()),
    "short": lambda dice, way: wait(dice.choice(["1s", "70s"]), way()),
    "wait_at": lambda dice, way: {
        "type": "wait",
        "at": {"day": dice.randint(0, 1), "time": dice.choice(["09:00", "16:30"])},
        "next": way(),
    },
    "until": _until,
    "wait_for": _wait_for,
    "branch": lambda dice, way: {
        "type": "branch",
        "cases": [{"if": case, "next": way()} for case in dice.sample(CONDITIONS, dice.randint(1, 2))],
        "else": way(),
    },
    "split": lambda dice, way: {
        "type": "split",
        "arms": [{"weight": 1, "next": way()}, {"weight": 2, "next": way()}],
    },
    "action": lambda dice, way: {
        "type": "action",
        "then": dice.sample(ACTIONS, dice.randint(1, 2)),
        "next": way(),
    },
    "exit": lambda dice, way: {"type": "exit"},
}
EVENTS: list[tuple[str, dict[str, Any]]] = [
    ("messaged", {"message_type": "text", "text": "hi"}),
    ("messaged", {"message_type": "text", "text": "hi"}),
    ("custom:books", {"day": "2026-11-23"}),
    ("custom:books", {"day": "2026-11-25"}),
    ("custom:stops", {}),
    ("unfollowed", {}),
    ("followed", {"is_unblocked": True}),
]


def some_events(dice: Random) -> list[FriendEvent]:
    """What the friends do within the time, each at a second of its own."""
    seconds = dice.sample(range(int(SPAN.total_seconds()) - 10), dice.randint(0, 6))
    return [an_event(n, dice.choice(USERS), second, *dice.choice(EVENTS)) for n, second in enumerate(seconds)]


def an_event(number: int, user: str, second: int, kind: str, props: dict[str, Any]) -> FriendEvent:
    at = iso(START + timedelta(seconds=second))
    return FriendEvent(f"rehearsal:{number}", SHOP, user, kind, at, props=props)
