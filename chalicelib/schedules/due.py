"""Whom the timers wake here: schedules whose due time has come."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken


def _is_over(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.schedules import service

    return [service.is_over(entry) for entry in entries]


def _come(entries: Sequence[Woken]) -> None:
    from chalicelib.schedules import service

    for entry in entries:
        service.look_at(entry["account"], entry["id"])


DUE: dict[str, DueKind] = {"schedule": DueKind("bulk", _is_over, _come)}
