"""Whom the timers wake here: audiences of which something is due."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken


def _is_over(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.audiences import service

    return [service.is_done_with(entry.account, entry.id, entry.due_at) for entry in entries]


def _come(entries: Sequence[Woken]) -> None:
    from chalicelib.audiences import service

    for entry in entries:
        service.look_at(entry["account"], entry["id"])


DUE: dict[str, DueKind] = {"line_audience": DueKind("bulk", _is_over, _come)}
