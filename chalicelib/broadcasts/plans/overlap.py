"""Whom of a broadcast's friends others tell something within a day, before or after. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from chalicelib.broadcasts import store
from chalicelib.broadcasts.model import Head
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.shared.times import iso, parse_iso

WITHIN = timedelta(days=1)
MOST = 20
"""So many scheduled broadcasts are compared, the next ones."""


@dataclass
class Overlap:
    """Counts while a preview walks through the friends. ``needs``: what it reads of their sheets."""

    now: datetime
    others: list[tuple[Head, Callable[[dict[str, Any]], bool]]]
    needs: frozenset[str]
    received: int = 0
    meant: Counter[str] = field(default_factory=Counter)

    def look(self, sheet: dict[str, Any]) -> None:
        """Count a friend of the audience."""
        since = iso(self.now - WITHIN)
        got = (one["at"] for one in (sheet.get("received") or {}).values())
        self.received += any(at > since for at in got)
        self.meant.update(head.id for head, is_meant in self.others if is_meant(sheet))

    def shown(self, scaled: Callable[[int], int]) -> dict[str, Any]:
        """``{"received": n, "scheduled": [{"broadcast", "at", "friends"}]}``."""
        scheduled = [
            {"broadcast": head.id, "at": head.at, "friends": scaled(self.meant[head.id])}
            for head, _ in self.others
        ]
        return {"received": scaled(self.received), "scheduled": scheduled}


def of(head: Head, context: Context, now: datetime) -> Overlap:
    """Nothing counted yet: the broadcasts that are scheduled within a day, and their audiences."""
    soon = [
        other
        for other in store.all_heads(head.account)
        if other.id != head.id and other.status == "scheduled" and other.at
        if now <= parse_iso(other.at) <= now + WITHIN
    ]
    soon = sorted(soon, key=lambda other: (str(other.at), other.id))[:MOST]
    asked = [part for other in soon for part in _conditions(other)]
    needs = frozenset({"received"}).union(*(language.needs(part, context.snapshot) for part in asked))
    return Overlap(now, [(other, _meant(other, context, now)) for other in soon], needs)


def _conditions(head: Head) -> list[dict[str, Any]]:
    return [part for part in (head.body["audience"], head.body.get("exclude")) if part]


def _meant(head: Head, context: Context, now: datetime) -> Callable[[dict[str, Any]], bool]:
    included = language.compile_audience(head.body["audience"], context)
    excluded = language.compile(head.body["exclude"], context) if head.body.get("exclude") else None
    return lambda sheet: included(sheet, now) and not (excluded and excluded(sheet, now))
