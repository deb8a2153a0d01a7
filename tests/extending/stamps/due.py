"""Whom the timers wake: cards that expire."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken

EXPIRED: list[str] = []


def _is_gone(entries: Sequence[Entry]) -> list[bool]:
    return [entry.id in EXPIRED for entry in entries]


def _expire(entries: Sequence[Woken]) -> None:
    EXPIRED.extend(entry["id"] for entry in entries)


DUE: dict[str, DueKind] = {"card_expiry": DueKind("bulk", _is_gone, _expire, pack=100)}
