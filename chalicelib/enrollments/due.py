"""Whom the timers wake here: friends whose next step is due."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry


def _advanced(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.enrollments import service

    return service.advanced(entries)


DUE: dict[str, DueKind] = {
    # As many as LINE takes in one multicast travel together (some 120 KB). The queue's worker puts several
    # messages together once more, so it wakes them itself.
    "step": DueKind("due", _advanced, pack=500, is_asked_when_drained=False),
}
