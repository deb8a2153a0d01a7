"""Catalog items: the pointer ``#revision`` of each account, immutable bodies ``doc#kind#id#version``, and
the list of its documents' secrets, ``secret#name``.

Bodies are kept as JSON text: a document may be nested deeper, and hold other numbers and names, than a
DynamoDB map can.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.catalog.snapshot import Current, Document, Key, body_text
from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings

_POINTER, _SECRET = "#revision", "secret#"


class CatalogItem(dynamo.Record):
    """All kinds of item; each uses the attributes it needs."""

    class Meta:
        table_name = settings().table("catalog")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    # the pointer
    revision = NumberAttribute(null=True)
    stamp = UnicodeAttribute(null=True)
    begun = NumberAttribute(null=True)
    heads = dynamo.Document(null=True)
    # a body
    rev = NumberAttribute(null=True)
    previous = UnicodeAttribute(null=True)
    body = UnicodeAttribute(null=True)
    deleted = BooleanAttribute(null=True)
    by = UnicodeAttribute(null=True)
    at = UnicodeAttribute(null=True)
    # a secret
    unnamed_at = UnicodeAttribute(null=True)


@dataclass(frozen=True)
class StoredBody:
    """One body as it was written; ``body`` None marks a deletion."""

    kind: str
    id: str
    version: str
    rev: int
    previous: str | None
    body: dict[str, Any] | None
    by: str
    at: str


def read_mark(account_id: str) -> tuple[int, str]:
    """(revision, stamp) of an account now; (0, "") before the first save. Consistent."""
    try:
        item = CatalogItem.get(
            account_id, _POINTER, consistent_read=True, attributes_to_get=["pk", "sk", "revision", "stamp"]
        )
    except CatalogItem.DoesNotExist:
        return 0, ""
    return int(item.revision or 0), item.stamp or ""


def read_pointer(account_id: str) -> tuple[int, str, dict[Key, Current]]:
    """(revision, stamp, current versions) of an account now. Consistent."""
    try:
        item = CatalogItem.get(account_id, _POINTER, consistent_read=True)
    except CatalogItem.DoesNotExist:
        return 0, "", {}
    versions = {
        _key(name): Current(
            int(kept["rev"]), str(kept["v"]), bool(kept.get("deleted")), bool(kept.get("reached"))
        )
        for name, kept in (item.heads or {}).items()
    }
    return int(item.revision or 0), item.stamp or "", versions


def put_bodies(account_id: str, bodies: Iterable[StoredBody]) -> None:
    """Write bodies under fresh names. Nothing refers to them yet."""
    with CatalogItem.batch_write() as batch:
        for stored in bodies:
            batch.save(
                CatalogItem(
                    pk=account_id,
                    sk=_body_sk((stored.kind, stored.id), stored.version),
                    rev=stored.rev,
                    previous=stored.previous,
                    body=None if stored.body is None else body_text(stored.body),
                    deleted=True if stored.body is None else None,
                    by=stored.by,
                    at=stored.at,
                )
            )


def move_pointer(
    account_id: str,
    seen: tuple[int, str],
    begun: int,
    stamp: str,
    versions: Mapping[Key, Current],
    at: str,
) -> bool:
    """The commit: revision ``seen`` becomes the next one with these versions. False when it was not ``seen``,
    or more has ``begun`` meanwhile.
    """
    revision, seen_stamp = seen
    stored_heads = {f"{kind}#{id_}": _stored(current) for (kind, id_), current in versions.items()}
    condition: Any = CatalogItem.pk.does_not_exist()
    if revision:
        condition = (CatalogItem.revision == revision) & (CatalogItem.stamp == seen_stamp)
        condition &= CatalogItem.begun == begun if begun else CatalogItem.begun.does_not_exist()
    actions = [
        CatalogItem.revision.set(revision + 1),
        CatalogItem.stamp.set(stamp),
        CatalogItem.heads.set(stored_heads),
        CatalogItem.at.set(at),
    ]
    return CatalogItem(account_id, _POINTER).update_if(actions, condition)


def read_begun(account_id: str) -> int:
    """How many acts have let something go out that uses the account's documents. Consistent."""
    try:
        item = CatalogItem.get(
            account_id, _POINTER, consistent_read=True, attributes_to_get=["pk", "sk", "begun"]
        )
    except CatalogItem.DoesNotExist:
        return 0
    return int(item.begun or 0)


def count_begun(account_id: str) -> None:
    """Count one more. Counted twice, because the answer was lost, it is as good."""
    CatalogItem(account_id, _POINTER).update([CatalogItem.begun.add(1)], condition=CatalogItem.pk.exists())


def read_bodies(account_id: str, versions: Mapping[Key, str]) -> dict[Key, StoredBody]:
    """Bodies by their names. Consistent, so that what a pointer names is always found."""
    wanted = [(account_id, _body_sk(key, version)) for key, version in versions.items()]
    found = {}
    for item in CatalogItem.batch_get(wanted, consistent_read=True):
        stored = _stored_body(item)
        found[(stored.kind, stored.id)] = stored
    return found


def find_body(account_id: str, key: Key, version: str) -> StoredBody | None:
    """One body by its name, or None."""
    try:
        item = CatalogItem.get(account_id, _body_sk(key, version), consistent_read=True)
    except CatalogItem.DoesNotExist:
        return None
    return _stored_body(item)


def list_secret(account_id: str, name: str, unnamed_at: str | None = None) -> None:
    """Put a secret's name in the account's list; ``unnamed_at``: since when no document names it."""
    CatalogItem(account_id, _SECRET + name, unnamed_at=unnamed_at).save()


def listed_secrets(account_id: str) -> dict[str, str | None]:
    """Every listed secret of an account, and since when no document names it. Consistent."""
    items = CatalogItem.query(account_id, CatalogItem.sk.startswith(_SECRET), consistent_read=True)
    return {item.sk.removeprefix(_SECRET): item.unnamed_at for item in items}


def unlist_secret(account_id: str, name: str) -> None:
    """Take a secret's name out of the list."""
    CatalogItem(account_id, _SECRET + name).delete()


def document(stored: StoredBody) -> Document:
    """A stored body as the document it is in force as."""
    assert stored.body is not None
    return Document(stored.kind, stored.id, stored.rev, stored.body, stored.at, stored.version)


def _key(name: str) -> Key:
    kind, _, id_ = name.partition("#")
    return kind, id_


def _body_sk(key: Key, version: str) -> str:
    return f"doc#{key[0]}#{key[1]}#{version}"


def _stored(current: Current) -> dict[str, Any]:
    stored: dict[str, Any] = {"rev": current.revision, "v": current.version}
    return stored | {name: True for name in ("deleted", "reached") if getattr(current, name)}


def _stored_body(item: CatalogItem) -> StoredBody:
    _, kind, id_, version = item.sk.split("#")
    return StoredBody(
        kind=kind,
        id=id_,
        version=version,
        rev=int(item.rev or 0),
        previous=item.previous,
        body=None if item.body is None else json.loads(item.body),
        by=item.by or "",
        at=item.at or "",
    )
