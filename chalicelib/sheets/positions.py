"""Where a friend is in scenarios, as the sheet shows it: ``scenarios`` by scenario, and of a scenario
that runs once for each value by ``<scenario>#<value>``, an entry for each run. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

_BETWEEN = "#"
"""Ids of scenarios do not have it."""

Position: TypeAlias = dict[str, Any]
"""``{"state", "node", "run", "v", "at"}``."""


def name(scenario: str, value: str | None = None) -> str:
    """Under which name a run is shown."""
    return scenario if value is None else f"{scenario}{_BETWEEN}{value}"


def parts(shown_as: str) -> tuple[str, str | None]:
    """The scenario and the value (None: it has none) of a name."""
    scenario, between, value = shown_as.partition(_BETWEEN)
    return scenario, value if between else None


def runs(sheet: Mapping[str, Any], scenario: str) -> dict[str | None, Position]:
    """Every run of a scenario that a sheet shows, by its value."""
    shown: Mapping[str, Position] = sheet.get("scenarios") or {}
    begin = scenario + _BETWEEN
    found = {one.removeprefix(begin): position for one, position in shown.items() if one.startswith(begin)}
    return ({None: shown[scenario]} if scenario in shown else {}) | found


def active(sheet: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    """The scenario and value of each run that is under way."""
    for shown_as, position in (sheet.get("scenarios") or {}).items():
        if position.get("state") == "active":
            yield parts(shown_as)


def together(found: Mapping[str | None, Position]) -> Position | None:
    """The one run that stands for all of a scenario: the last to move of those under way, else the last that
    ended.
    """
    return max(
        found.values(),
        key=lambda position: (position.get("state") == "active", position.get("at") or ""),
        default=None,
    )


def scenarios(sheet: Mapping[str, Any]) -> dict[str, dict[str | None, Position]]:
    """Every run that a sheet shows, by scenario and value."""
    found: dict[str, dict[str | None, Position]] = {}
    for shown_as, position in (sheet.get("scenarios") or {}).items():
        scenario, value = parts(shown_as)
        found.setdefault(scenario, {})[value] = position
    return found
