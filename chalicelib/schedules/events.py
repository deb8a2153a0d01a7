"""What a schedule does to each friend: an event that brings the schedule's actions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.events.kinds import EventType


def _name(props: Mapping[str, Any]) -> str:
    return f"schedule:{props['schedule']}"


def _limit(props: Mapping[str, Any]) -> Any:
    from chalicelib.schedules.occurrences import limit

    return limit(props.get("once_per"))


EVENTS: dict[str, EventType] = {
    "scheduled": EventType(
        "schedules",
        key="schedule",
        props=frozenset({"schedule"}),
        documents={"schedule": "schedules"},
        acts_as=_name,
        limit=_limit,
        is_command=True,
        kept_elsewhere="then",
    ),
}
