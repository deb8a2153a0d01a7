"""Touches of routes, and the follows that belong to them. Pure: the sheet is changed in place.

Whoever opens a route (a touch) and follows within ten minutes has come by it, whichever of the two is heard
of first. A follow belongs to one touch, the latest that it fits; a touch to one follow. Whoever follows
already when they open it is a present friend. Each touch produces the fact ``route_joined`` once at most.

On the sheet, in ``source``: ``touch``, the latest one for which no follow came yet; ``joined``, the moment of
the latest follow that belongs to a touch; ``back``, that of the latest one which LINE called an unblocking.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.events.kinds import Fact
from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import iso, parse_iso

WINDOW = timedelta(minutes=10)
SKEW = timedelta(seconds=30)
"""LINE's clock reports when somebody followed, ours when they opened the route."""

NEW, RETURNED, PRESENT = "new", "returned", "present"
WHO = (NEW, RETURNED, PRESENT)
"""Who came by a route: somebody new, one who had blocked the account, or a friend."""


def opened_at(at: str, scanned: Any) -> str:
    """From when on a follow may belong to a touch: since the address was opened, ten minutes at most.
    ``scanned``: when that was, in seconds, as the address says; anything else is taken for unknown.
    """
    first = parse_iso(at) - WINDOW
    try:
        since = datetime.fromtimestamp(int(scanned), UTC) - SKEW
    except (TypeError, ValueError, OverflowError, OSError):
        return iso(first)
    return iso(max(first, min(since, parse_iso(at))))


def touched(sheet: Sheet, route: str, since: str, at: str) -> list[Fact]:
    """Somebody has opened a route; ``since``: from when on a follow may belong to it."""
    source = sheet["source"]
    follow = _open_follow(sheet)
    if sheet["status"] != "following":
        if at >= source.get("touch", {}).get("at", ""):
            source["touch"] = {"route": route, "since": since, "at": at}
        return []
    if follow is not None and since <= follow <= _until(at):
        source["joined"] = follow
        return [_joined(route, RETURNED if _was_blocked(sheet, follow) else NEW)]
    return [_joined(route, PRESENT)] if (sheet.get("followed_at") or "") <= at else []


def followed(sheet: Sheet, at: str, *, is_unblocked: bool) -> list[Fact]:
    """Somebody follows: by the touch that waits, if it fits."""
    source = sheet["source"]
    if is_unblocked:
        source["back"] = max(at, source.get("back", ""))
    touch = source.get("touch")
    if touch is None or not touch["since"] <= at <= _until(touch["at"]) or at <= source.get("joined", ""):
        return []
    del source["touch"]
    source["joined"] = at
    return [_joined(touch["route"], RETURNED if _was_blocked(sheet, at) else NEW)]


def given_up(sheet: Sheet, at: str, *, is_friend: bool) -> list[Fact]:
    """The touch at ``at`` waits no longer; LINE knows whether who made it is a friend all the same: one
    of before this account was here.
    """
    touch = sheet["source"].get("touch")
    if touch is None or touch["at"] != at:
        return []
    del sheet["source"]["touch"]
    return [_joined(touch["route"], PRESENT)] if is_friend else []


def waits(sheet: Sheet, at: str) -> bool:
    """Whether the touch at this time waits for its follow."""
    return bool(sheet["source"].get("touch", {}).get("at") == at)


def _open_follow(sheet: Sheet) -> str | None:
    """The time of the latest follow, if it belongs to no touch yet."""
    last = sheet["facts"].get("followed", {}).get("last_at")
    return last if last is not None and last != sheet["source"].get("joined") else None


def _was_blocked(sheet: Sheet, follow: str) -> bool:
    """Whether who follows had blocked the account: by what was heard of them, or by LINE's word."""
    return "unfollowed" in sheet["facts"] or sheet["source"].get("back") == follow


def _joined(route: str, who: str) -> Fact:
    return "route_joined", route, {"route": route, "friend": who}


def _until(at: str) -> str:
    return iso(parse_iso(at) + WINDOW)
