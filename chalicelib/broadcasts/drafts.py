"""What is done with broadcasts that send nothing: a schedule is taken back, a copy made, one deleted."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import audit
from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import service, store
from chalicelib.broadcasts.model import Broadcast
from chalicelib.gateways import clock
from chalicelib.shared.errors import Conflict, NotFound
from chalicelib.shared.reasons import Reason


def unschedule(account: str, broadcast_id: str, by: str) -> dict[str, Any]:
    """A scheduled broadcast is a draft again. Raises NotFound, and Conflict for any other state.

    Its run is forgotten with one write: the machine, the watch and the index look for a run that the
    broadcast no longer has, and end.
    """
    broadcast = _get(account, broadcast_id)
    if not store.move(broadcast, "draft", ("scheduled",), run=None, every=None):
        raise _conflict(account, broadcast_id, "unscheduled")
    if broadcast.run is not None:
        store.close(account, broadcast.run)
    accounts.audit(account, by, "broadcast.unscheduled", broadcast_id)
    return service.get(account, broadcast_id)


def clone(account: str, broadcast_id: str, copy: str, by: str) -> dict[str, Any]:
    """A draft of the same document under another id. Raises NotFound, and Conflict when the id is taken."""
    broadcast = _get(account, broadcast_id)
    if not store.create(account, copy, broadcast.body, clock.now()):
        raise Conflict(Reason("broadcast_taken", broadcast=copy))
    accounts.audit(account, by, "broadcast.cloned", copy)
    audit.changed(f"broadcasts/{copy}", None, broadcast.body)
    return service.get(account, copy)


def delete(account: str, broadcast_id: str, by: str) -> None:
    """Take away a draft, or one that is over. Raises NotFound, and Conflict for one that may still send."""
    broadcast = _get(account, broadcast_id)
    if broadcast.status != "draft" and not broadcast.is_final:
        raise _conflict(account, broadcast_id, "deleted")
    if not store.delete(broadcast):
        raise _conflict(account, broadcast_id, "deleted")
    if broadcast.run is not None:
        store.close(account, broadcast.run)
    accounts.audit(account, by, "broadcast.deleted", broadcast_id)
    audit.changed(f"broadcasts/{broadcast_id}", broadcast.body, None)


def _get(account: str, broadcast_id: str) -> Broadcast:
    broadcast = store.find(account, broadcast_id)
    if broadcast is None:
        raise NotFound(Reason("no_document", kind="broadcast", id=broadcast_id))
    return broadcast


def _conflict(account: str, broadcast_id: str, done: str) -> Conflict:
    status = service.get(account, broadcast_id)["status"]
    return Conflict(Reason("broadcast_state", status=status, done=done), status=status)
