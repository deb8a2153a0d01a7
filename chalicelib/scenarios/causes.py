"""Scenarios as what is behind deliveries."""

from __future__ import annotations

from chalicelib.deliveries.model import Cause


def _pause(account: str, scenario: str) -> bool:
    from chalicelib.scenarios import publishing
    from chalicelib.shared.errors import Conflict, NotFound

    try:
        publishing.pause(account, scenario, "brake", reason="runaway")
    except (Conflict, NotFound):
        return False
    return True


CAUSES: dict[str, Cause] = {"scenarios": Cause(_pause)}
