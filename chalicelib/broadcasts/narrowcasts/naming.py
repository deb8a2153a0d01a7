"""Which broadcasts name an audience: it stays while one of them may still go out."""

from __future__ import annotations

from chalicelib.broadcasts import dependents
from chalicelib.broadcasts import store as broadcast_store
from chalicelib.broadcasts.narrowcasts import documents, store


def audience_users(account: str, audience: str) -> list[str]:
    """The broadcasts that may still go out and name an audience of ours."""
    return sorted(
        {
            broadcast.id
            for broadcast, reference in dependents.naming(account)
            if (reference.kind, reference.id) == ("audiences", audience)
        }
    )


def narrowcast_request(account: str, broadcast_id: str) -> str | None:
    """LINE's id of the newest narrowcast that a broadcast has sent; None: it has sent none."""
    broadcast = broadcast_store.find(account, broadcast_id)
    if broadcast is None or broadcast.run is None or not documents.is_one(broadcast.body):
        return None
    found = store.find(account, broadcast.run)
    return found.request_id if found else None
