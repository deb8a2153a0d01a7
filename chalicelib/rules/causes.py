"""Rules as what is behind deliveries."""

from __future__ import annotations

from chalicelib.deliveries.model import Cause


def _pause(account: str, rule: str) -> bool:
    from chalicelib.catalog import stops

    return stops.pause(account, "rules", rule, "brake", "runaway")


CAUSES: dict[str, Cause] = {"rules": Cause(_pause)}
