"""Who names a document: other documents, and broadcasts that may still go out. What is here keeps it."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import BaseModel

from chalicelib.api.kinds import CHECKED
from chalicelib.broadcasts import dependents
from chalicelib.catalog.references import kinds_of
from chalicelib.catalog.snapshot import Key, Snapshot
from chalicelib.catalog.validation import users

PLACE = ("kind", "id", "path", "status")
"""What a place in the list is made of."""


class Use(BaseModel):
    """A place that names the document. ``status`` of a broadcast is its own; of a scenario ``published`` is
    what friends follow, and null its draft.
    """

    kind: str
    id: str
    name: str
    path: str
    status: str | None

    @property
    def place(self) -> tuple[str, ...]:
        """Its place in the list."""
        return self.kind, self.id, self.path, self.status or ""


class Uses(BaseModel):
    """Every place that names a document, by kind, id and path."""

    items: list[Use]
    next_cursor: str | None


def of(key: Key, snapshot: Snapshot) -> list[Use]:
    """Every place that names a document, save itself, in order."""
    found = {use.place: use for use in (*_documents(key, snapshot), *_broadcasts(key, snapshot))}
    return [found[place] for place in sorted(found)]


def _documents(key: Key, snapshot: Snapshot) -> Iterator[Use]:
    for (kind, id_), reference in users(CHECKED, snapshot).get(key, ()):
        shown, status = ("scenarios", "published") if kind == "published" else (kind, None)
        if (shown, id_) != key:
            name = _name(snapshot, (shown, id_))
            yield Use(kind=shown, id=id_, name=name, path=reference.path, status=status)


def _name(snapshot: Snapshot, key: Key) -> str:
    document = snapshot.documents.get(key)
    return str(document.body.get("name") or key[1]) if document else key[1]


def _broadcasts(key: Key, snapshot: Snapshot) -> Iterator[Use]:
    for broadcast, reference in dependents.naming(snapshot.account_id):
        if reference.id == key[1] and key[0] in kinds_of(reference):
            name = str(broadcast.body.get("name") or broadcast.id)
            yield Use(
                kind="broadcasts", id=broadcast.id, name=name, path=reference.path, status=broadcast.status
            )
