"""A publisher's act that lets a broadcast go out, against an editor's change of what it uses at that moment.

The editor's check reads broadcasts and then moves the catalog's pointer; the act writes a broadcast. No item
is both. So the act first notes on the broadcast what it will use (the claim), then counts itself on the
pointer, then writes: an editor who looked before the claim does not move the pointer any more, and one who
looks later sees the claim. Model: ``tests/model/test_beginning.py``.

A claim that a crash left over keeps editors from what it names until the broadcast is edited or started.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from chalicelib.broadcasts import documents, store
from chalicelib.broadcasts.model import Broadcast
from chalicelib.catalog import service as catalog
from chalicelib.shared.ids import new_ulid


def claimed(broadcast: Broadcast, body: dict[str, Any]) -> Broadcast | None:
    """The broadcast that was seen, claimed for going out with ``body``; None when it has changed."""
    used = sorted({f"{reference.kind}/{reference.id}" for reference in documents.references(body)})
    claim = new_ulid()
    if not store.claim(broadcast, claim, used):
        return None
    catalog.count_begun(broadcast.account)
    return replace(broadcast, claim=claim, claimed=tuple(used))
