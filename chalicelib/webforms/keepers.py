"""What forms on the web keep of friends: answers on their way, and that they were sent."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget(account: Any, user: str, until: str) -> None:
    from chalicelib.webforms import store

    store.delete(account.id, user, until)


KEEPERS: dict[str, Keeper] = {"sittings": Keeper(("SITTING#…",), _forget)}
