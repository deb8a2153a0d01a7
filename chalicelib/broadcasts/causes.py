"""Broadcasts as what is behind deliveries. A run of one is paused by whoever sends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.deliveries.model import Cause


def _run_is_paused(_account: str, _broadcast: str) -> bool:
    return False


def _chunks(account: str, broadcast: str, run: str, users: Sequence[str]) -> Mapping[str, str]:
    from chalicelib.broadcasts.plans import lookup

    return lookup.chunks_of(account, broadcast, run, users)


CAUSES: dict[str, Cause] = {"broadcasts": Cause(_run_is_paused, _chunks)}
