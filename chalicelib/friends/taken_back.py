"""Messages that a friend took back: which ones the sheet remembers, and what of one may be kept. Pure.

LINE may bring the taking back before the message, whose delivery it repeats, or a message may wait for long
among the dead letters: the sheet knows by then that its text is not to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chalicelib.friends.model import Sheet
from chalicelib.shared.times import iso, parse_iso

REMEMBERED = 100
LIFE = timedelta(days=30)
"""Longer than any queue keeps a message, dead letters (14 days) and their redrive included."""
_KEPT = ("message_type", "message_id", "standby")


def fold(sheet: Sheet, message_id: Any, at: str) -> None:
    """Remember a message as taken back: the newest ones, for a while."""
    if not isinstance(message_id, str) or not message_id:
        return
    known = {**(sheet.get("unsent") or {}), message_id: at}
    oldest = iso(parse_iso(max(known.values())) - LIFE)
    newest = sorted(known.items(), key=lambda entry: entry[1])[-REMEMBERED:]
    sheet["unsent"] = {name: moment for name, moment in newest if moment >= oldest}


def taken_back_at(sheet: Sheet | None, props: Mapping[str, Any]) -> str | None:
    """When the message with these props was taken back; None: it was not, as far as the sheet remembers."""
    message_id = props.get("message_id")
    unsent: dict[str, str] = (sheet or {}).get("unsent") or {}
    return unsent.get(message_id) if isinstance(message_id, str) else None


def without_content(props: Mapping[str, Any], at: str) -> dict[str, Any]:
    """What may be kept of a message's props: that there was one."""
    return {name: props[name] for name in _KEPT if name in props} | {"unsent_at": at}
