"""The value for which a run is, what it is anchored to, and how it sees the friend's sheet. Pure.

An anchor is the event that entered the run, as it is kept with it: ``{"event", "at", "reported",
"reservation"?, "per"?}`` (its type, its time, when it was reported, of which reservation; the property
whose value the run has). A run that a reservation entered waits for that one, wherever it is moved. A run
for the value of a reservation (``per: reservation_id``) ends when that is cancelled, unless it was entered by
that, or later.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

from chalicelib.enrollments.model import Enrollment
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import RESERVED, FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit, unfit_name
from chalicelib.sheets import reservations
from chalicelib.sheets.reservations import Reservation

LONGEST = 128
"""Characters of a value."""
MOST_RUNS = 100
"""A friend is in a scenario for so many values at once at most."""

Anchor = dict[str, Any]


def value_of(per: str, props: Mapping[str, Any]) -> str | None:
    """The value of an event's property as the name of a run; None: it has none that can be one."""
    found = props.get(per)
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    if not isinstance(found, str):
        return None
    value = unicodedata.normalize("NFC", found.strip())
    is_name = 0 < len(value) <= LONGEST and unfit(value) is None and unfit_name(value) is None
    return value if is_name else None


def named_value(text: str) -> str:
    """A value as somebody writes it. Raises ValueError for what cannot be one."""
    value = value_of("value", {"value": text})
    if value is None:
        raise ValueError(Reason("run_value_unfit", most=LONGEST))
    return value


def of_event(event: FriendEvent, per: str | None, value: str | None) -> Anchor | None:
    """What a run that this event enters is anchored to, for its value if it has one."""
    anchor: Anchor = {"event": event.type, "at": event.at, "reported": event.reported_at}
    if per is not None and value is not None:
        anchor |= {"per": per} | ({"reservation": value} if per == reservations.ID else {})
    if event.type == RESERVED:
        anchor |= {"reservation": reservations.id_of(event)}
    return anchor if anchor.keys() & {"per", "reservation"} else None


def by_hand(per: str, value: str, now: str) -> Anchor:
    """What a run is anchored to that somebody enters without an event."""
    anchor = {"event": "", "reported": now, "per": per}
    return anchor | ({"event": RESERVED, "reservation": value} if per == reservations.ID else {})


def props_of(item: Enrollment) -> dict[str, Any]:
    """What facts about a run say of its value: by itself, and under the property that it is a value of, so
    that what they enter is for the same one.
    """
    if item.value is None:
        return {}
    per = (item.anchor or {}).get("per")
    return ({per: item.value} if per else {}) | {"value": item.value}


def is_for_reservation(item: Enrollment) -> bool:
    """Whether the run is for a reservation, and of no use without it."""
    return item.value is not None and (item.anchor or {}).get("per") == reservations.ID


def is_cancelled(anchor: Mapping[str, Any] | None, sheet: Mapping[str, Any]) -> bool:
    """Whether the reservation was cancelled since it entered the run."""
    found = _reservation(anchor, sheet)
    later = found is not None and found["reported_at"] > str((anchor or {}).get("reported", ""))
    return later and is_off(anchor, sheet)


def is_off(anchor: Mapping[str, Any] | None, sheet: Mapping[str, Any]) -> bool:
    """Whether nobody will come, whenever that was reported."""
    found = _reservation(anchor, sheet)
    return found is not None and found["status"] == reservations.CANCELLED


def ends_cancelled(item: Enrollment, node: Mapping[str, Any] | None, sheet: Mapping[str, Any]) -> bool:
    """Whether there is nothing left to remind of: a run for a reservation wherever it is, another one
    where it waits for it.
    """
    if is_for_reservation(item) and is_cancelled(item.anchor, sheet):
        return True
    waits_for_it = ((node or {}).get("until") or {}).get("event") == RESERVED
    return waits_for_it and is_off(item.anchor, sheet)


def seen_by(item: Enrollment, sheet: Sheet) -> Sheet:
    """The sheet as a run sees it: what it is anchored to, and of reservations its own alone."""
    if item.anchor is None:
        return sheet
    found = _reservation(item.anchor, sheet)
    seen: Sheet = {**sheet, "anchor": item.anchor}
    if found is not None:
        own = {name: found[name] for name in ("at", "status")}
        seen["reservation"] = {**(found.get("props") or {}), **own, "id": item.anchor["reservation"]}
    if is_for_reservation(item):
        seen["reservations"] = {"kept": {} if found is None else {item.value: found}}
    return seen


def timestamp_of(event: str, sheet: Mapping[str, Any], since: str) -> str | None:
    """When the event took place that a wait is relative to, on a sheet as a run sees it; None: it is not
    known to have. ``since``: when the wait began.
    """
    anchor: Mapping[str, Any] = sheet.get("anchor") or {}
    if event == RESERVED and "reservation" in anchor:
        if is_off(anchor, sheet):
            return None
        found: str | None = (sheet.get("reservation") or anchor).get("at")
        return found
    if event == RESERVED and reservations.of_sheet(sheet):
        return min((one["at"] for one in reservations.upcoming(sheet, since)), default=None)
    if "per" in anchor and anchor["event"] == event:
        return str(anchor["at"])
    fact = (sheet.get("facts") or {}).get(event)
    return str(fact["last_at"]) if fact else None


def _reservation(anchor: Mapping[str, Any] | None, sheet: Mapping[str, Any]) -> Reservation | None:
    """The reservation as the sheet has it; None: it is of none, or so long ago that nothing is kept of it."""
    name = (anchor or {}).get("reservation")
    return reservations.of_sheet(sheet).get(name) if name else None
