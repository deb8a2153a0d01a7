"""Whom the timers wake here: friends whose switch ends, and accounts where a menu's period begins or ends."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.timers.model import DueKind, Entry, Woken


def _has_ended(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.richmenus import following

    return following.has_ended(entries)


def _end(entries: Sequence[Woken]) -> None:
    from chalicelib.richmenus import following

    following.end(entries)


def _is_past(entries: Sequence[Entry]) -> list[bool]:
    from chalicelib.richmenus import showing

    return showing.is_past(entries)


def _look(entries: Sequence[Woken]) -> None:
    from chalicelib.richmenus import showing

    for entry in entries:
        showing.look(entry["account"])


DUE: dict[str, DueKind] = {
    "rich_menu_end": DueKind("bulk", _has_ended, _end, pack=100),
    "rich_menus": DueKind("bulk", _is_past, _look),
}
