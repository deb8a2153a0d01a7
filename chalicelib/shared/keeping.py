"""The table of places that keep something of friends: what an erasure has to reach."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chalicelib.shared.tables import Table


@dataclass(frozen=True)
class Keeper:
    """Places that keep something of friends, as their owner declares them.

    ``places``: what docs/privacy.md calls them. ``forget(account, user id, until)`` leaves nothing there of
    the friend that is from up to that time; safe to repeat, and to call when there is nothing.
    """

    places: tuple[str, ...]
    forget: Callable[[Any, str, str], None]


KEEPERS = Table("keepers", Keeper)
"""Everybody whom an erasure asks, besides the sheet and the timeline themselves (``privacy/erasure.py``)."""
