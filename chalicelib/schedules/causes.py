"""Schedules as what is behind deliveries."""

from __future__ import annotations

from chalicelib.deliveries.model import Cause


def _pause(account: str, schedule: str) -> bool:
    from chalicelib.catalog import stops

    return stops.pause(account, "schedules", schedule, "brake", "runaway")


CAUSES: dict[str, Cause] = {"schedules": Cause(_pause)}
