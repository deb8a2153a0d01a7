"""Whom of a broadcast's friends others send something within a day, before or after. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.broadcasts import store
from chalicelib.broadcasts.model import Broadcast
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import iso, parse_iso

WITHIN = timedelta(days=1)
MOST = 20
"""So many scheduled broadcasts are compared, the next ones."""


@dataclass
class Overlap:
    """Counts while a preview walks through the friends. ``needs``: what it reads of their sheets."""

    now: datetime
    others: list[tuple[Broadcast, Callable[[Sheet], bool]]]
    needs: frozenset[str]
    received: int = 0
    meant: Counter[str] = field(default_factory=Counter)

    def look(self, sheet: Sheet) -> None:
        """Count a friend of the audience."""
        since = iso(self.now - WITHIN)
        got = (one["at"] for one in (sheet.get("received") or {}).values())
        self.received += any(at > since for at in got)
        self.meant.update(broadcast.id for broadcast, is_meant in self.others if is_meant(sheet))

    def shown(self, scaled: Callable[[int], int]) -> dict[str, Any]:
        """``{"received": n, "scheduled": [{"broadcast", "at", "friends"}]}``."""
        scheduled = [
            {"broadcast": broadcast.id, "at": broadcast.at, "friends": scaled(self.meant[broadcast.id])}
            for broadcast, _ in self.others
        ]
        return {"received": scaled(self.received), "scheduled": scheduled}


def of(broadcast: Broadcast, context: Context, now: datetime) -> Overlap:
    """Nothing counted yet: the broadcasts that are scheduled within a day, and their audiences."""
    soon = [
        other
        for other in store.all_broadcasts(broadcast.account)
        if other.id != broadcast.id and other.status == "scheduled" and other.at
        if other.body.get("audience") is not None  # LINE chooses for the others
        if now <= parse_iso(other.at) <= now + WITHIN
    ]
    soon = sorted(soon, key=lambda other: (str(other.at), other.id))[:MOST]
    asked = [part for other in soon for part in _conditions(other)]
    needs = frozenset({"received"}).union(*(language.needs(part, context.snapshot) for part in asked))
    return Overlap(now, [(other, _meant(other, context, now)) for other in soon], needs)


def _conditions(broadcast: Broadcast) -> list[dict[str, Any]]:
    return [part for part in (broadcast.body["audience"], broadcast.body.get("exclude")) if part]


def _meant(broadcast: Broadcast, context: Context, now: datetime) -> Callable[[Sheet], bool]:
    included = language.compile_audience(broadcast.body["audience"], context)
    excluded = language.compile(broadcast.body["exclude"], context) if broadcast.body.get("exclude") else None
    return lambda sheet: included(sheet, now) and not (excluded and excluded(sheet, now))
