"""What is done with broadcasts that send nothing: a schedule is taken back, a copy made, one deleted."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import audit
from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import service, store
from chalicelib.broadcasts.model import Head
from chalicelib.gateways import clock
from chalicelib.shared.errors import Conflict, NotFound
from chalicelib.shared.reasons import Reason


def unschedule(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """A scheduled broadcast is a draft again. Raises NotFound, and Conflict for any other state.

    Its run is forgotten with one write: the machine, the watch and the index look for a run that the
    broadcast no longer has, and end.
    """
    head = _get(account, broadcast)
    if not store.move(head, "draft", ("scheduled",), run=None, every=None):
        raise _conflict(account, broadcast, "unscheduled")
    if head.run is not None:
        store.close(account, head.run)
    accounts.audit(account, by, "broadcast.unscheduled", broadcast)
    return service.get(account, broadcast)


def clone(account: str, broadcast: str, copy: str, by: str) -> dict[str, Any]:
    """A draft of the same document under another id. Raises NotFound, and Conflict when the id is taken."""
    head = _get(account, broadcast)
    if not store.create(account, copy, head.body, clock.now()):
        raise Conflict(Reason("broadcast_taken", broadcast=copy))
    accounts.audit(account, by, "broadcast.cloned", copy)
    audit.changed(f"broadcasts/{copy}", None, head.body)
    return service.get(account, copy)


def delete(account: str, broadcast: str, by: str) -> None:
    """Take away a draft, or one that is over. Raises NotFound, and Conflict for one that may still send."""
    head = _get(account, broadcast)
    if head.status != "draft" and not head.is_final:
        raise _conflict(account, broadcast, "deleted")
    if not store.delete(head):
        raise _conflict(account, broadcast, "deleted")
    if head.run is not None:
        store.close(account, head.run)
    accounts.audit(account, by, "broadcast.deleted", broadcast)
    audit.changed(f"broadcasts/{broadcast}", head.body, None)


def _get(account: str, broadcast: str) -> Head:
    head = store.find(account, broadcast)
    if head is None:
        raise NotFound(Reason("no_document", kind="broadcast", id=broadcast))
    return head


def _conflict(account: str, broadcast: str, done: str) -> Conflict:
    status = service.get(account, broadcast)["status"]
    return Conflict(Reason("broadcast_state", status=status, done=done), status=status)
