"""What a change of the catalog would do to broadcasts that may still go out.

Drafts and whatever waits or moves, but also what was missed or has failed: it may be started anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chalicelib.broadcasts import documents, store
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail

_OVER = ("done", "cancelled")
"""What is so is never sent again."""
_JUDGED_BY = frozenset({"attributes", "scores", "segments", "scenarios", "forms"})
"""Kinds whose content decides whether a condition can work; of the others only their being there counts."""


def broken(before: Snapshot, after: Snapshot) -> list[Detail]:
    """Every place of a broadcast that worked before and would not any more. Reads broadcasts only when a
    document is deleted, or changed that conditions are judged by.
    """
    if not any(_matters(key, document.body, after) for key, document in before.documents.items()):
        return []
    return [detail for body in _waiting(after.account_id) for detail in _newly_wrong(body, before, after)]


def _matters(key: tuple[str, str], body: dict[str, Any], after: Snapshot) -> bool:
    left = after.documents.get(key)
    return left is None or (key[0] in _JUDGED_BY and left.body != body)


def _waiting(account: str) -> Iterator[tuple[str, dict[str, Any]]]:
    cursor: str | None = None
    while True:
        heads, cursor = store.heads(account, 100, cursor)
        yield from ((head.id, head.body) for head in heads if head.status not in _OVER)
        if cursor is None:
            return


def _newly_wrong(
    broadcast: tuple[str, dict[str, Any]], before: Snapshot, after: Snapshot
) -> Iterator[Detail]:
    id_, body = broadcast
    for reference in documents.references(body):
        key = (reference.kind, reference.id)
        if key in before.documents and key not in after.documents:
            yield Detail(f"broadcasts.{id_}.{reference.path}", f"{key[0]}/{key[1]} is used here")
    known = {(detail.path, detail.message) for detail in documents.logic(body, before)}
    for detail in documents.logic(body, after):
        if (detail.path, detail.message) not in known:
            yield Detail(f"broadcasts.{id_}.{detail.path}", detail.message)
