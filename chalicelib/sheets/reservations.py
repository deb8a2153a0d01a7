"""Reservations on the sheet, each by its id. Pure: the sheet is changed in place.

``{"kept": {id: {"at", "status", "reported_at", "props"?}}, "forgotten"?: n}``: ``at`` is when it takes place,
``reported_at`` when the newest word about it was given (the event's ``updated_at``). An older one changes
nothing, in whatever order they arrive (``tests/model/test_reservations.py``). The 100 that matter most are
kept: what is to come before what is over, and of that the latest; ``forgotten`` counts the others.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import REPORTED_AT, FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.sheets.model import Fact

ID, STATUS, REPORTED, KEEPS_TIME = "reservation_id", "status", REPORTED_AT, "keeps_time"
"""The properties of such an event that are ours: which reservation, its status, when that was reported, and
that it says nothing of when it takes place."""
BOOKED, MOVED, CANCELLED, DONE, NO_SHOW = "booked", "moved", "cancelled", "done", "no_show"
STATUSES = (BOOKED, MOVED, CANCELLED, DONE, NO_SHOW)
OPEN = frozenset({BOOKED, MOVED})
"""Who has this still means to come."""
KEPT = 100
_MOST_PROPS, _MOST_PROPS_BYTES, _LONGEST = 20, 500, 200
_AROUND = 6
"""Bytes around a name and its value."""
_OURS = frozenset({ID, STATUS, REPORTED, KEEPS_TIME, "event_id"})

Reservation: TypeAlias = dict[str, Any]


def id_of(event: FriendEvent) -> str:
    """Which reservation an event is about."""
    name = event.props.get(ID)
    return composed_name(name) if isinstance(name, str) and name.strip() else event.event_id


def composed_name(text: str) -> str:
    """An id as it is kept: what looks alike is the same one."""
    return unicodedata.normalize("NFC", text.strip())


def of_sheet(sheet: Mapping[str, Any]) -> Mapping[str, Reservation]:
    """What is known of a friend's reservations, by id."""
    found: Mapping[str, Reservation] = (sheet.get("reservations") or {}).get("kept") or {}
    return found


def count(sheet: Mapping[str, Any]) -> int:
    """How many there have been."""
    return len(of_sheet(sheet)) + int((sheet.get("reservations") or {}).get("forgotten", 0))


def is_outdated(sheet: Mapping[str, Any], event: FriendEvent) -> bool:
    """Whether something newer is known of an event's reservation."""
    known = of_sheet(sheet).get(id_of(event))
    return known is not None and str(event.props.get(REPORTED) or "") < known["reported_at"]


def outdated(sheet: Mapping[str, Any], event: FriendEvent) -> Reason | None:
    """Why an event is no news. That somebody has booked is, however late it comes."""
    if not is_outdated(sheet, event) or (event.props.get(STATUS) or BOOKED) == BOOKED:
        return None
    return Reason("reservation_outdated", at=of_sheet(sheet)[id_of(event)]["reported_at"])


def fold(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    """Keep what an event says of a reservation, unless something newer was reported."""
    if is_outdated(sheet, event):
        return []
    held = sheet.setdefault("reservations", {"kept": {}})
    held["kept"][id_of(event)] = reported_by(event, of_sheet(sheet).get(id_of(event)))
    _forget_surplus(held, str(event.props.get(REPORTED) or ""))
    return []


def reported_by(event: FriendEvent, known: Mapping[str, Any] | None) -> Reservation:
    """A reservation as it is after an event; ``known``: as it was."""
    keeps_time = known is not None and bool(event.props.get(KEEPS_TIME))
    found: Reservation = {
        "at": known["at"] if known is not None and keeps_time else event.at,
        "status": event.props.get(STATUS) or BOOKED,
        "reported_at": str(event.props.get(REPORTED) or ""),
    }
    props = dict(_bounded({**((known or {}).get("props") or {}), **_props(event.props)}))
    return found | ({"props": props} if props else {})


def upcoming(sheet: Mapping[str, Any], after: str) -> Iterator[Reservation]:
    """The reservations that are still to take place after a moment."""
    return (one for one in of_sheet(sheet).values() if one["status"] in OPEN and one["at"] > after)


def _props(props: Mapping[str, Any]) -> dict[str, Any]:
    """What messages may say of a reservation: its own plain properties."""
    return {name: value for name, value in props.items() if name not in _OURS and not _is_deep(value)}


def _is_deep(value: Any) -> bool:
    return isinstance(value, dict | list)


def _bounded(props: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """As many as there is room for, in their order; what is null is gone."""
    room = _MOST_PROPS_BYTES
    for name, value in list(props.items())[:_MOST_PROPS]:
        text = value[:_LONGEST] if isinstance(value, str) else value
        room -= len(f"{name}{text}".encode()) + _AROUND
        if text is not None and room >= 0:
            yield name, text


def _forget_surplus(held: dict[str, Any], now: str) -> None:
    kept: dict[str, Reservation] = held["kept"]

    def weight(id_: str) -> tuple[bool, str, str]:
        one = kept[id_]
        return one["status"] in OPEN and one["at"] >= now, one["at"], id_

    for id_ in sorted(kept, key=weight)[: max(0, len(kept) - KEPT)]:
        del kept[id_]
        held["forgotten"] = held.get("forgotten", 0) + 1
