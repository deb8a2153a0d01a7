"""What changed between two versions of a sheet, as document paths to write."""

from __future__ import annotations

from typing import Any, cast

from chalicelib.events.sheet import Sheet
from chalicelib.gateways.expressions import Path
from chalicelib.sheets.model import PARENTS

_DERIVED = frozenset({"account", "user_id", "rev", "received"})
"""Keys, what every write has, and what is in an item of its own."""
_MIRRORS = frozenset({"scenarios"})
"""Maps that others write by path at any time: never written whole."""
_MANY = 40
"""A map with more changes than this is written whole: an update expression has a size limit."""


def changed_paths(one: Sheet, other: Sheet) -> tuple[list[tuple[Path, Any]], list[Path]]:
    """``(sets, removes)`` that turn ``one`` into the ``other``: whole attributes, or entries of a map."""
    before, after = cast("dict[str, Any]", one), cast("dict[str, Any]", other)
    sets: list[tuple[Path, Any]] = []
    removes: list[Path] = []
    for name in sorted((before.keys() | after.keys()) - _DERIVED):
        if name not in after:
            removes.append((name,))
        elif name in PARENTS and isinstance(before.get(name), dict):
            _entries(name, before[name], after[name], sets, removes)
        elif name not in before or _differs(before[name], after[name]):
            sets.append(((name,), after[name]))
    return sets, removes


def _entries(
    name: str,
    before: dict[str, Any],
    after: dict[str, Any],
    sets: list[tuple[Path, Any]],
    removes: list[Path],
) -> None:
    changed = [key for key, value in after.items() if key not in before or _differs(before[key], value)]
    gone = [key for key in before if key not in after]
    if len(changed) + len(gone) > _MANY and name not in _MIRRORS:
        sets.append(((name,), after))
        return
    sets += [((name, key), after[key]) for key in changed]
    removes += [(name, key) for key in gone]


def _differs(before: Any, after: Any) -> bool:
    return bool(before != after) or isinstance(before, bool) is not isinstance(after, bool)
