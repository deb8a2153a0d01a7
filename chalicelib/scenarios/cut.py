"""How many friends one chunk holds: as many as LINE takes at once and an item of the ledger holds. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.deliveries import service as deliveries
from chalicelib.friends.trim import size_of

CHUNK_BYTES = 250_000
"""A chunk stays well below an item's 400 KB."""


def pieces(users: Iterable[str], payloads: Mapping[str, Sequence[Any]]) -> list[list[str]]:
    """Friends in order, cut into what one chunk holds each. Without payloads the message is one for all."""
    most = deliveries.PUSH_MAX if payloads else deliveries.MULTICAST_MAX
    found: list[list[str]] = []
    size = 0
    for user in users:
        weight = 2 * len(user.encode()) + (size_of(payloads[user]) if payloads else 0)
        if not found or len(found[-1]) >= most or size + weight > CHUNK_BYTES:
            found.append([])
            size = 0
        found[-1].append(user)
        size += weight
    return found
