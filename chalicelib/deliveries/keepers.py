"""What deliveries keep of friends beside the ledger: what they were sent lately."""

from __future__ import annotations

from typing import Any

from chalicelib.shared.keeping import Keeper


def _forget_sent_lately(account: Any, user: str, until: str) -> None:
    from chalicelib.deliveries import erasure

    erasure.forget_log(account, user, until)


KEEPERS: dict[str, Keeper] = {
    "sent_lately": Keeper(("…#sent#…",), _forget_sent_lately),
}
