"""What members keep of friends: who of them is which friend."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget_members(account: Any, user: str, until: str) -> None:
    from chalicelib.members import service

    service.forget(account, user, until)


KEEPERS: dict[str, Keeper] = {
    "members": Keeper(("MEMBERS#…", "LINK#…"), _forget_members),
}
