"""At which node friends are in scenarios. The sheet shows that they are in one, the enrollment where.

A friend passes node after node, and a sheet is dear to write; who asks for a node reads the enrollments of
those who are in the scenario. Few ask: conditions that name a ``node``, and pages for people.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.shared.tables import handed_down
from chalicelib.sheets import positions
from chalicelib.sheets.model import erased_at

_NEED = "node of "


def need(scenario: str) -> str:
    """What a condition needs, besides ``scenarios``, that asks at which node of this one somebody is."""
    return _NEED + scenario


def needed(needs: Collection[str] | None) -> set[str] | None:
    """The scenarios of which such needs ask for a node; None: of all, as whole sheets do."""
    return None if needs is None else {one.removeprefix(_NEED) for one in needs if one.startswith(_NEED)}


def show(account: str, sheets: Iterable[Sheet], scenarios: Collection[str] | None = None) -> None:
    """Let sheets show where friends are now in these scenarios (None: in all), read consistently."""
    asked = {
        (account, scenario, sheet["user_id"], value): sheet
        for sheet in sheets
        if sheet["status"] != "erased"
        for scenario, value in positions.active(sheet)
        if scenarios is None or scenario in scenarios
    }
    if not asked:
        return
    found: Mapping[Any, positions.Position] = handed_down("standing_at")(asked)
    for place, position in found.items():
        sheet, shown_as = asked[place], positions.name(place[1], place[3])
        if position["v"] > sheet["scenarios"][shown_as]["v"] and position["at"] > erased_at(sheet):
            # A copy: what is stored is compared with what was read.
            sheet["scenarios"] = {**sheet["scenarios"], shown_as: position}
