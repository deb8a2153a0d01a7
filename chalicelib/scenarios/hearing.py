"""What an event means for a friend who is in a scenario. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from chalicelib.scenarios import decide
from chalicelib.scenarios.model import Enrollment
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso


def meaning(
    program: decide.Program | None, item: Enrollment, sheet: Mapping[str, Any], event: FriendEvent
) -> Literal["exit", "go_on"] | datetime | None:
    """``exit`` (a block), ``go_on`` (what is waited for has come), the moment at which the friend is due
    since the date waited for has moved, or None. ``sheet`` is the one after the event.
    """
    blocked = event.type == "unfollowed" and sheet.get("status") == "blocked"
    if blocked and (program is None or decide.on_block(program) == "exit"):
        return "exit"
    if program is None or item.state != "active":
        return None
    if decide.is_awaited(program, item, {"type": event.type, "at": event.at, "props": event.props}):
        return "go_on"
    return _moved_date(program, item, sheet)


def _moved_date(program: decide.Program, item: Enrollment, sheet: Mapping[str, Any]) -> datetime | None:
    node = program.node(item.node)
    if node is None or item.claim or not node.get("until"):
        return None
    due = decide.due_at(program, item.node, parse_iso(item.node_at), sheet)
    return None if item.due_at == iso(due) else due
