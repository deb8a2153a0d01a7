"""What the machine's tasks are of a narrowcast: the same states, and LINE's progress in the ledger's
place.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.broadcasts import lifecycle
from chalicelib.broadcasts.model import Broadcast
from chalicelib.broadcasts.narrowcasts import planning, sending, state, store
from chalicelib.broadcasts.narrowcasts.documents import is_one
from chalicelib.broadcasts.narrowcasts.state import Narrowcast
from chalicelib.deliveries import runs
from chalicelib.shared.errors import NotFound, RuleViolation
from chalicelib.shared.reasons import Reason

__all__ = ["cancel", "is_one", "needed", "plan", "release", "settle"]

POLLS_S = (1, 1, 2, 3, 5, 8, 15, 30, 60, 120, 300, 600)
"""Seconds between two looks; LINE takes minutes, and hours for an audience. The run's watch looks as well."""


def _find(broadcast: Broadcast) -> Narrowcast | None:
    return store.find(broadcast.account, str(broadcast.run))


def plan(broadcast: Broadcast) -> str | None:
    """Fix what is sent and to whom, once LINE has every list ready."""
    narrowcast = _find(broadcast)
    if narrowcast is None:
        if broadcast.status == "cancelled":
            return "cancelled"
        try:
            narrowcast = planning.freeze(broadcast)
        except (RuleViolation, NotFound) as error:
            lifecycle.fail(broadcast, error.reason)
            return "failed"
    if narrowcast.request is not None:
        return "ok"
    if broadcast.status == "cancelled":
        return "cancelled"
    found = planning.request_of(narrowcast)
    if isinstance(found, Reason):
        lifecycle.fail(broadcast, found)
        return "failed"
    return None if found is None or store.write(replace(narrowcast, request=found)) is None else "ok"


def needed(broadcast: Broadcast) -> int | None:
    """How many messages it may take; None: as many as LINE finds."""
    found = broadcast.body["narrowcast"].get("max")
    return None if found is None else int(found)


def release(broadcast: Broadcast) -> str | None:
    """Have LINE accept it, when the policies allow it."""
    narrowcast = _find(broadcast)
    if narrowcast is None:
        return None
    if narrowcast.state is None and narrowcast.open_since is None:
        ruling = sending.held(narrowcast)
        if ruling.kind == "hold":
            runs.hold_run(broadcast.account, narrowcast.run, {"broadcast": broadcast.id}, ruling)
            return None
        if ruling.kind == "skip":
            lifecycle.fail(broadcast, Reason(ruling.reason))
            return "failed"
    narrowcast = sending.attempt(narrowcast)
    if narrowcast.state == state.REFUSED:
        lifecycle.fail(broadcast, Reason.of(narrowcast.why))
        return "failed"
    return "ok" if narrowcast.state in {state.ACCEPTED, state.UNKNOWN, state.DONE} else None


def settle(broadcast: Broadcast) -> str | None:
    """Follow LINE's progress to its end."""
    narrowcast = _find(broadcast)
    if narrowcast is None:
        return None
    narrowcast = sending.look(narrowcast)
    if narrowcast.state == state.FAILED:
        lifecycle.fail(broadcast, Reason.of(narrowcast.why))
        return "failed"
    if not narrowcast.is_over:
        return None
    lifecycle.finish(broadcast)
    return "ok"


def cancel(broadcast: Broadcast) -> str | None:
    """Before the first call nothing goes out any more; LINE takes nothing back, and is followed to its
    end.
    """
    narrowcast = _find(broadcast)
    if narrowcast is not None and not narrowcast.is_over:
        if narrowcast.state is None and narrowcast.attempts == 0:
            if store.write(replace(narrowcast, state=state.CANCELLED)) is None:
                return None
        else:
            narrowcast = sending.look(_asked(narrowcast))
            if not narrowcast.is_over:
                return None
    lifecycle.finish(broadcast)
    return "ok"


def _asked(narrowcast: Narrowcast) -> Narrowcast:
    """What LINE may have accepted is asked about with the same key; what it has not is given up."""
    if narrowcast.state is None and narrowcast.open_since is None:
        return store.write(replace(narrowcast, state=state.CANCELLED)) or narrowcast
    return sending.attempt(narrowcast)
