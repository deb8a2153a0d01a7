"""What a change of the catalog would do to broadcasts that may still go out.

Drafts and whatever waits or moves, but also what was missed or has failed: it may be started anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.broadcasts import documents, store
from chalicelib.broadcasts.model import MOVING, Broadcast
from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.references import is_there
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason

_OVER = ("done", "cancelled")
"""What is so is never sent again."""
_JUDGED_BY = frozenset({"attributes", "scores", "segments", "scenarios", "published", "forms"})
"""Kinds whose content decides whether a condition can work; of the others only their being there counts."""


@dataclass(frozen=True)
class OpenBroadcast:
    """A broadcast that goes out, or goes on, without anybody's further act; or is about to."""

    id: str
    status: str
    body: dict[str, Any] | None
    claimed: tuple[str, ...] = ()

    def references(self) -> Iterator[Reference]:
        """What it goes out with, and what somebody is just about to let it go out with."""
        if self.body is not None:
            yield from documents.references(self.body)
        for name in self.claimed:
            kind, _, id_ = name.partition("/")
            yield Reference("claimed", kind, id_)


def open_broadcasts(account: str) -> list[OpenBroadcast]:
    """Every broadcast of an account that is scheduled or under way, or about to be."""
    return [
        one
        for broadcast in store.all_broadcasts(account)
        if (one := _open(broadcast)).body is not None or one.claimed
    ]


def _open(broadcast: Broadcast) -> OpenBroadcast:
    body = broadcast.body if broadcast.status in ("scheduled", *MOVING) else None
    return OpenBroadcast(
        broadcast.id, broadcast.status if body else "being scheduled", body, broadcast.claimed
    )


def broken(before: Snapshot, after: Snapshot) -> list[Detail]:
    """Every place of a broadcast that worked before and would not any more. Reads broadcasts only when a
    document is deleted, or changed that conditions are judged by.
    """
    if not any(_matters(key, document.body, after) for key, document in before.documents.items()):
        return []
    return [
        detail
        for broadcast in _waiting(after.account_id)
        for detail in _newly_wrong(broadcast, before, after)
    ]


def _matters(key: tuple[str, str], body: dict[str, Any], after: Snapshot) -> bool:
    left = after.documents.get(key)
    return left is None or (key[0] in _JUDGED_BY and left.body != body)


def _waiting(account: str) -> Iterator[Broadcast]:
    return (broadcast for broadcast in store.all_broadcasts(account) if broadcast.status not in _OVER)


def naming(account: str) -> Iterator[tuple[Broadcast, Reference]]:
    """What the broadcasts of an account name that may still go out."""
    return (
        (broadcast, reference)
        for broadcast in _waiting(account)
        for reference in documents.references(broadcast.body)
    )


def _newly_wrong(broadcast: Broadcast, before: Snapshot, after: Snapshot) -> Iterator[Detail]:
    id_, body = broadcast.id, broadcast.body
    for reference in documents.references(body):
        if is_there(reference, before) and not is_there(reference, after):
            used = Reason("used_here", path=f"{reference.kind}/{reference.id}")
            yield Detail(f"broadcasts.{id_}.{reference.path}", used)
    known = {(detail.path, detail.reason) for detail in documents.logic(body, before)}
    for detail in documents.logic(body, after):
        if (detail.path, detail.reason) not in known:
            yield Detail(f"broadcasts.{id_}.{detail.path}", detail.reason)
