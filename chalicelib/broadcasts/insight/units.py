"""The names under which LINE counts what many are sent: one for each run and variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from zoneinfo import ZoneInfo

from chalicelib.broadcasts.insight import store
from chalicelib.broadcasts.model import Arm
from chalicelib.gateways import clock
from chalicelib.shared.ids import digest

JAPAN = ZoneInfo("Asia/Tokyo")
"""LINE's days and months."""


def with_units(account: str, run: str, arms: Sequence[Arm]) -> list[Arm]:
    """The arms of a run with the names under which LINE counts them, if the month has some left."""
    units = [f"t{digest(run, arm.id)[:24]}" for arm in arms]
    if not store.take_units(account, f"{clock.now().astimezone(JAPAN):%Y-%m}", units):
        return list(arms)
    return [replace(arm, unit=unit) for arm, unit in zip(arms, units, strict=True)]
