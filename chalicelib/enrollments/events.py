"""What happens in scenarios: friends enter and leave them, messages are passed, action nodes are reached."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.events.kinds import EventType
from chalicelib.shared.events import FriendEvent


def _is_done(_decision: Any, _event: FriendEvent) -> Iterator[dict[str, Any]]:
    yield {"action": "scenario_action_done"}


def _node(props: Mapping[str, Any]) -> str:
    return f"scenario:{props.get('scenario')}:{props.get('node')}"


_OF_SCENARIO = {"scenario": "scenarios"}

EVENTS: dict[str, EventType] = {
    "scenario_entered": EventType("scenarios", documents=_OF_SCENARIO, in_reports="entered"),
    "scenario_finished": EventType("scenarios", documents=_OF_SCENARIO, in_reports="finished"),
    "scenario_exited": EventType("scenarios", documents=_OF_SCENARIO, in_reports="exited"),
    "scenario_skipped": EventType("scenarios", counts=False, is_trigger=False, in_reports="passed"),
    "scenario_action": EventType(
        "scenarios",
        acts_as=_node,
        counts=False,
        is_trigger=False,
        is_command=True,
        follow_up=_is_done,
        kept_elsewhere="then",
    ),
}
