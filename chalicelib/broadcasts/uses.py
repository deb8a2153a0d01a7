"""Which broadcasts that may still go out name a document: the catalog does not let it be deleted.

Drafts and whatever waits or moves, but also what was missed or has failed: it may be started anew.
"""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.broadcasts import documents, store
from chalicelib.shared.errors import Detail

_OVER = ("done", "cancelled")
"""What is so is never sent again."""


def uses(account: str, kind: str, id_: str) -> Iterator[Detail]:
    """Every place that names ``kind/id`` in a broadcast that may still go out."""
    after: str | None = None
    while True:
        heads, after = store.heads(account, 100, after)
        for head in heads:
            if head.status not in _OVER:
                for reference in documents.references(head.body):
                    if (reference.kind, reference.id) == (kind, id_):
                        path = f"broadcasts.{head.id}.{reference.path}"
                        yield Detail(path, f"{kind}/{id_} is used here")
        if after is None:
            return
