"""Whether an event is news. What is history is counted like everything else, and wakes nothing. Pure.

History is what is reported as such (``fire: false``: no rule looks at it), and what happened longer ago
than the account's ``react_within`` (only rules with ``also_late`` look at it), whatever made it late:
orders loaded from an old system, a webhook that LINE could not deliver for days, an event put back from
the dead letters. So is what something newer has outdated (``reservation_outdated``).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from chalicelib.events.kinds import type_of
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Kept, Reason
from chalicelib.shared.times import duration_text, parse_iso

History: TypeAlias = Kept
"""Why it is history (``fire_false``, ``happened_late``), as the activity keeps it."""


def history(event: FriendEvent, react_within: timedelta, now: datetime, sheet: Sheet) -> History | None:
    """Why the event is history, by what the sheet knew before; None: it is news."""
    if not event.fire:
        return Reason("fire_false").kept()
    outdated = type_of(event.type).outdated(sheet, event)
    if outdated is not None:
        return outdated.kept()
    if type_of(event.type).is_command:
        return None
    return late(event.at, react_within, now)


def late(at: str, react_within: timedelta, now: datetime) -> History | None:
    """Why what happened at that moment is history by now."""
    age = now - parse_iso(at)
    if age <= react_within:
        return None
    return Reason("happened_late", age=_age_text(age), within=duration_text(react_within)).kept()


def fact_at(event: FriendEvent, kind: str, props: Mapping[str, Any]) -> str:
    """When a fact that an event produced took place: tags of an import have times of their own."""
    if event.type == "imported" and kind == "tag_added":
        for tag, at in event.props.get("row", {}).get("tags", ()):
            if tag == props.get("tag") and at:
                return min(str(at), event.at)
    return event.at


def hides(history: History | None, *, also_late: bool) -> Reason | None:
    """Why a rule does not look at what is history; None when it does."""
    why = None if history is None else Reason.of(history)
    if why is None or (also_late and why.code == "happened_late"):
        return None
    return Reason("history", why=why)


def _age_text(age: timedelta) -> str:
    days, hours = age.days, age.seconds // 3600
    return f"{days} d" if days > 1 else f"{24 * days + hours} h" if age >= timedelta(hours=1) else "minutes"
