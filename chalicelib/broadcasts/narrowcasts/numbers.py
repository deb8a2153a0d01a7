"""The numbers of a run, whoever chose its friends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.broadcasts.model import Broadcast
from chalicelib.broadcasts.narrowcasts import state, store
from chalicelib.broadcasts.narrowcasts.documents import is_one
from chalicelib.broadcasts.plans import planning
from chalicelib.shared.reasons import Reason


def progress(
    account: str, run: str, body: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, dict[str, int]]]:
    """A run's numbers, which balance, and those of its variants: LINE's of a narrowcast, else the
    ledger's.
    """
    if is_one(body):
        return state.numbers(store.find(account, run)), {}
    return planning.progress(account, run)


def shown(broadcast: Broadcast) -> dict[str, Any] | None:
    """What LINE says of the newest run; None: it is no narrowcast, or has not come so far."""
    if not is_one(broadcast.body) or broadcast.run is None:
        return None
    narrowcast = store.find(broadcast.account, broadcast.run)
    if narrowcast is None:
        return None
    why = Reason.of(narrowcast.why).shown() if narrowcast.why else {"why": None, "reason": None}
    names = ("request_id", "accepted_at", "phase", "target", "success", "failure", "attempts")
    return {name: getattr(narrowcast, name) for name in names} | why
