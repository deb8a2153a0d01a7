"""A person decides a test, and how a decision is answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import lifecycle, service, store
from chalicelib.broadcasts.winners import deciding
from chalicelib.shared.errors import Conflict, NotFound, RuleViolation
from chalicelib.shared.reasons import Reason


def choose(account: str, broadcast_id: str, winner: str | None, by: str) -> dict[str, Any]:
    """Decide now what the rest of the audience gets; None: nothing. Returns the broadcast.

    Raises NotFound, RuleViolation where there is no such variant or no test, and Conflict when nothing of it
    is sent yet, or it is decided already.
    """
    broadcast = store.find(account, broadcast_id)
    if broadcast is None:
        raise NotFound(Reason("no_document", kind="broadcast", id=broadcast_id))
    if broadcast.status not in {"sending", "settling"}:
        raise Conflict(Reason("broadcast_state", status=broadcast.status, done="decided"))
    _check(broadcast.body, winner)
    if not deciding.choose(broadcast, winner, by):
        raise Conflict(Reason("decided_already"))
    lifecycle.poll_now(broadcast)
    accounts.audit(account, by, "broadcast.decided", broadcast_id)
    return service.get(account, broadcast_id)


def _check(body: Mapping[str, Any], winner: str | None) -> None:
    if not deciding.is_tested(body):
        raise RuleViolation.at("winner", Reason("no_test"))
    if winner is not None and winner not in [variant["id"] for variant in body["variants"]]:
        raise RuleViolation.at("winner", Reason("no_variant", variant=winner))
