"""The shape of a fact sheet and of the small things in it."""

from __future__ import annotations

from typing import Literal, TypeAlias, cast

from chalicelib.events import kinds
from chalicelib.events.kinds import type_of
from chalicelib.events.sheet import Sheet

Fact: TypeAlias = kinds.Fact

Status = Literal["following", "blocked", "unknown", "erased"]

BUDGET_BYTES = 32 * 1024
HARD_BYTES = 100 * 1024
DAYS_KEPT = 92
KEYS_PER_TYPE = 200
CLICKED_RUNS_KEPT = 10
"""Of a delivery, so many runs in which the friend has clicked; a click in an older one counts anew."""

PARENTS = (
    "source",
    "tags",
    "untagged",
    "scores",
    "attributes",
    "attributes_at",
    "facts",
    "purchases",
    "forms",
    "clicked",
    "scenarios",
    "received",
    "limits",
    "pending",
)
"""Maps that exist from the first write on, so that anybody may set a path below them."""

TIME_PASSED = "time_passed"
"""The event by which something happens to a friend by time alone."""

BY_FRIEND_SOURCES = frozenset({"line", "link", "site", "form"})
"""Where what comes is the friend's own act, whatever it is."""


def new_sheet(account: str, user: str, at: str) -> Sheet:
    """An empty sheet of a friend first heard of at ``at``; not yet known to follow."""
    sheet: Sheet = {
        "account": account,
        "user_id": user,
        "status": "unknown",
        "status_at": None,
        "followed_at": None,
        "blocked_at": None,
        "display_name": None,
        "language": None,
        "member_id": None,
        "created_at": at,
        "last_active_at": None,
        "rev": 0,
    }
    empty = cast("Sheet", {parent: {} for parent in PARENTS})
    return {**sheet, **empty, "purchases": {"count": 0, "total": 0, "categories": {}, "products": {}}}


def erased_at(sheet: Sheet | None) -> str:
    """The moment up to which everything about the friend was erased, also of one who came back since; empty:
    never. An event of that time or an earlier one is nobody's.
    """
    if sheet is None:
        return ""
    known = sheet.get("erased_at") or (sheet["status"] == "erased" and sheet.get("status_at"))
    return str(known or "")


def shows_friendship(event_type: str, source: str) -> bool:
    """Whether an event shows that who did it was a friend then, with no follow to be seen."""
    return source == "line" and type_of(event_type).shows_friendship


def is_by_friend(event_type: str, source: str) -> bool:
    """Whether an event is something that the friend did (it makes the friend active)."""
    kind = type_of(event_type)
    return kind.counts and (source in BY_FRIEND_SOURCES or kind.is_by_friend)
