"""What reports keep of an event: one line, the same whenever it is made from the same event. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.events.kinds import type_of
from chalicelib.shared.ids import digest

Props = Mapping[str, Any]

FOLLOWED = "followed"
UNBLOCKED = "unblocked"
UNFOLLOWED = "unfollowed"
CLICKED = "clicked"
PURCHASED = "purchased"
REFUNDED = "refunded"
CONVERTED = "converted"
ENTERED = "entered"
FINISHED = "finished"
EXITED = "exited"
PASSED = "passed"
TOUCHED = "touched"
SUBMITTED = "submitted"
SENT_BY_EFFECTS = "sent"
"""The kinds of lines, as types of events name them (``in_reports``); a follow after a block is UNBLOCKED.
SUBMITTED (a form was answered to its end) is derived from an event as questions are (``questions/lines.py``),
SENT_BY_EFFECTS (a reaction sent something) as its effects are (``delivered/effect_lines.py``).
"""

_KEPT = frozenset(
    {"link", "delivery", "run", "variant", "order_id", "refund_of", "amount"}
    | {"scenario", "value", "node", "reason", "route", "author"}
)
"""The properties that a line keeps of its event."""
_LONGEST = 300


@dataclass(frozen=True)
class Line:
    """Something that a friend did, or that happened to one: ``kind`` at ``at``. ``name`` is the event's."""

    at: str
    user: str
    name: str
    kind: str
    props: Props = field(default_factory=dict)


def line_of(event: Mapping[str, Any]) -> Line | None:
    """The line of an event, given as its activity (``user_id, event_id, type, at, props``); None: none."""
    kind = type_of(event["type"]).in_reports
    if kind is None or event.get("state") == "failed":
        return None
    given = event.get("props") or {}
    kind = UNBLOCKED if kind == FOLLOWED and given.get("is_unblocked") else kind
    kept: dict[str, Any] = {
        name: value for name, value in given.items() if name in _KEPT and _is_plain(value)
    }
    if isinstance(nodes := given.get("nodes"), list):
        kept["nodes"] = {str(one.get("node")): code_of(one.get("why")) for one in nodes}
    return Line(event["at"], event["user_id"], digest(event["event_id"])[:16], kind, kept)


def delivery_of(props: Props) -> str | None:
    """What was clicked: the broadcast, the scenario, or who else sent it (``rule:hello``); None: unknown."""
    return props.get("delivery") or props.get("author")


def code_of(why: Any) -> str:
    """The code of a reason as it is stored (``Reason.kept``)."""
    return str(why[0] if isinstance(why, list) and why else why or "unnamed")


def _is_plain(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value) <= _LONGEST
    return isinstance(value, int | float) and not isinstance(value, bool)
