"""What accounts keep of friends: answers of requests that name them."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget_answers(account: Any, user: str, until: str) -> None:
    from chalicelib.accounts import idempotency

    idempotency.forget(account, user, until)


KEEPERS: dict[str, Keeper] = {
    "answers": Keeper(("IDEM#…", "answers/"), _forget_answers),
}
