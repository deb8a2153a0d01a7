"""A salon on real stores: reservations are told in any order, and remind under a simulated clock."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.reaction import service as reaction
from chalicelib.reservations import model
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso
from tests.reaction_builders import a_rule
from tests.scenario_world import SHOP, START, World, a_world, message, publish, put_friends, put_messages

REMINDS: dict[str, Any] = {
    "entry": {"per": "reservation_id"},
    "start": "before",
    "nodes": {
        "before": {
            "type": "wait",
            "until": {"event": "reserved", "offset": "-1d", "time": "18:00"},
            "next": "evening",
            "on_past": "soon",
        },
        "evening": message("evening", "soon"),
        "soon": {
            "type": "wait",
            "until": {"event": "reserved", "offset": "-2h"},
            "next": "hours",
            "on_past": "over",
        },
        "hours": message("hours"),
        "over": {"type": "exit", "reason": "over"},
    },
}
"""The evening before at 18:00 of the shop's clock, and two hours before."""
ENTERS = a_rule("reserved", [{"enter_scenario": "remind"}])


def put(documents: dict[str, dict[str, Any]]) -> None:
    """Documents, as they are."""
    writes = [Write(kind, name, body) for kind, docs in documents.items() for name, body in docs.items()]
    catalog.save(SHOP, writes, lambda _: None, "test")


@contextmanager
def a_salon(*users: str, **definition: Any) -> Iterator[World]:
    """A world in which every word about a reservation may enter its reminders."""
    with a_world(timers_shards=1) as world:
        words = '{{ reservation.id }} {{ reservation.at | date("%-m/%-d %H:%M") }}'
        put_messages(evening=f"evening {words}", hours=f"hours {words}", plain="see you")
        publish("remind", **{**REMINDS, **definition})
        put({"rules": {"enters": ENTERS}})
        put_friends(*users)
        plain = world.handle

        def handle(queue: str, body: dict[str, Any], received: int = 1) -> None:
            if queue == "inbox":
                reaction.react(FriendEvent.from_message(body))
            else:
                plain(queue, body, received)

        world.handle = handle  # type: ignore[method-assign]
        yield world


def word(
    event_id: str,
    reservation: str,
    at: datetime | timedelta | None,
    status: str = "booked",
    *,
    reported_at: datetime,
    user: str = "u1",
    **more: Any,
) -> FriendEvent:
    """What is told of a reservation, as the door hands it on; ``at``: a moment, or after the start."""
    takes_place = START + at if isinstance(at, timedelta) else at
    given = {"reservation_id": reservation, "status": status, **more}
    props = model.props(event_id, given, reported_at, has_time=takes_place is not None)
    return FriendEvent(
        event_id, SHOP, user, "reserved", iso(takes_place or reported_at), props=props, source="api"
    )


def says(world: World, event_id: str, reservation: str, at: Any, status: str = "booked", **more: Any) -> None:
    """It is told now, and reacted to a second later."""
    event = word(event_id, reservation, at, status, reported_at=more.pop("reported_at", world.now), **more)
    world.now += timedelta(seconds=1)
    reaction.react(event)
