"""Whom the timers wake here: chunks whose attempt is not known to have ended, and chunks on hold."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken


def _chunk_done(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.deliveries import service

    return service.chunk_done(entries)


def _hold_over(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.deliveries import service

    return service.hold_over(entries)


def _watched(entries: Sequence[Woken]) -> None:
    from chalicelib.deliveries import service

    for entry in entries:
        place = entry["body"]
        service.watched(entry["account"], place["run"], place["chunk"], int(entry["version"]))


def _hold_ended(entries: Sequence[Woken]) -> None:
    from chalicelib.deliveries import service

    for entry in entries:
        service.send_now(entry["account"], entry["body"]["run"], entry["body"]["chunk"])


DUE: dict[str, DueKind] = {
    "chunk": DueKind("sends", _chunk_done, _watched, is_watch=True),
    "chunk_hold": DueKind("sends", _hold_over, _hold_ended),
}
