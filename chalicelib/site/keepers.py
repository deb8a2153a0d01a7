"""What sites keep of friends: the browsers in which they are known."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget_visits(account: Any, user: str, until: str) -> None:
    from chalicelib.site import visits

    visits.forget(account, user, until)


KEEPERS: dict[str, Keeper] = {"visits": Keeper(("VISIT#…", "VISITSOF#…"), _forget_visits)}
