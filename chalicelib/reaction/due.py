"""Whom the timers wake here: friends to whom something happens by time alone, and pushes on hold."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken


def _is_past(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.reaction import due_times

    return due_times.over(list(entries))


def _wake(entries: Sequence[Woken]) -> None:
    from chalicelib.reaction import due_times

    due_times.come(entries)


def _hold_over(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.reaction.effects import held

    return held.over(entries)


def _hold_ended(entries: Sequence[Woken]) -> None:
    from chalicelib.reaction.effects import held

    held.come(entries)


DUE: dict[str, DueKind] = {
    "sheet_due": DueKind("bulk", _is_past, _wake, pack=100),
    "rule_hold": DueKind("bulk", _hold_over, _hold_ended, pack=100),
}
