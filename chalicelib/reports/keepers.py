"""What reports keep of friends: when they came, blocked, clicked, bought, and were sent something."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget(account: Any, user: str, until: str) -> None:
    from chalicelib.reports import journal

    journal.forget(account, user, until)


KEEPERS: dict[str, Keeper] = {"reports": Keeper(("…#reports#…", "…#submitted#…", "…#rollups#…"), _forget)}
