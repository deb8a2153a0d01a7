"""What acting on many friends puts in the inbox: one event per friend, whose actions the reaction takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.events.kinds import EventType


def _by(props: Mapping[str, Any]) -> str:
    return str(props["by"])


EVENTS: dict[str, EventType] = {
    "bulk_action": EventType(
        "bulk_actions", acts_as=_by, counts=False, is_trigger=False, is_command=True, kept_elsewhere="then"
    ),
}
