"""What stamp cards keep of friends."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper

OWNERS: dict[str, str] = {}


def _forget(_account: Any, user: str, _until: str) -> None:
    OWNERS.pop(user, None)


KEEPERS: dict[str, Keeper] = {"stamp_owners": Keeper(("STAMPS#…",), _forget)}
