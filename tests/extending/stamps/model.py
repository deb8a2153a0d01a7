"""What the fact sheet holds of stamp cards."""

from __future__ import annotations

from typing import cast

from chalicelib.events.sheet import Sheet


class StampedSheet(Sheet, total=False):
    """A fact sheet with the stamps of each card."""

    stamps: dict[str, int]


def stamps_of(sheet: Sheet) -> dict[str, int]:
    """How many stamps of each card a friend has."""
    return cast("StampedSheet", sheet).get("stamps") or {}
