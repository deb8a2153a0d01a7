"""Which broadcasts that may still go out name a document: the catalog does not let it be deleted."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.broadcasts import documents, store
from chalicelib.broadcasts.model import FINAL
from chalicelib.shared.errors import Detail


def uses(account: str, kind: str, id_: str) -> Iterator[Detail]:
    """Every place that names ``kind/id`` in a broadcast that is not over."""
    after: str | None = None
    while True:
        heads, after = store.heads(account, 100, after)
        for head in heads:
            if head.status not in FINAL or head.every:
                for reference in documents.references(head.body):
                    if (reference.kind, reference.id) == (kind, id_):
                        path = f"broadcasts.{head.id}.{reference.path}"
                        yield Detail(path, f"{kind}/{id_} is used here")
        if after is None:
            return
