"""Read the catalog of an account, and save to it: all or nothing, one save after the other per account."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import audit
from chalicelib.catalog import sealing, store
from chalicelib.catalog.kinds import DOCUMENTS
from chalicelib.catalog.snapshot import Current, Document, Key, Snapshot, body_text
from chalicelib.gateways import aws, clock
from chalicelib.http.patience import anew_or_known
from chalicelib.shared.errors import Conflict, Detail, NotFound, RuleViolation, TooLarge, Unavailable
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.tables import handed_down
from chalicelib.shared.times import iso

__all__ = [
    "Document",
    "Snapshot",
    "Write",
    "candidate",
    "count_begun",
    "history",
    "revisions",
    "save",
    "snapshot",
]

MAX_DOCUMENT_BYTES = 300_000
"""A body must fit in one DynamoDB item (400 KB) with room for what is beside it."""
MAX_DOCUMENTS = 2_500
"""All current versions of an account must fit in one item."""
_KEPT_DELETIONS = 300
_ATTEMPTS = 10
_CACHED_ACCOUNTS = 64

_cache: OrderedDict[str, Snapshot] = OrderedDict()
_looked: dict[str, tuple[Any, datetime]] = {}
"""By account: the client by which this process has looked whether its catalog is in force, and when."""
_lock = threading.Lock()


@dataclass(frozen=True)
class Write:
    """One document to write; ``body`` None deletes it. ``if_match``: the revision it must have now."""

    kind: str
    id: str
    body: dict[str, Any] | None
    if_match: int | None = None

    @property
    def key(self) -> Key:
        """(kind, id)"""
        return self.kind, self.id


def snapshot(account_id: str) -> Snapshot:
    """The catalog in force now: one consistent read, and bodies only when something changed."""
    mark = store.read_mark(account_id)
    cached = _cached(account_id)
    if cached and (cached.revision, cached.stamp) == mark:
        return cached
    if mark == (0, ""):
        return Snapshot(account_id)
    revision, stamp, versions = store.read_pointer(account_id)
    return remember(_load(account_id, revision, stamp, versions, cached))


def recent(account_id: str, within: timedelta) -> Snapshot:
    """The catalog that was in force so long ago at most: who asks again waits for no table. While the store
    does not answer, or not at once, it is what was known last.
    """
    client, now = aws.client("dynamodb"), clock.now()
    cached, looked = _cached(account_id), _looked.get(account_id)

    def look() -> Snapshot:
        found = snapshot(account_id)
        _looked[account_id] = (client, now)
        return found

    if cached is None or looked is None or looked[0] is not client:
        return look()
    if timedelta() <= now - looked[1] < within:
        return cached
    return anew_or_known(("catalog", account_id), cached, look)


def save(
    account_id: str,
    writes: Sequence[Write] | Callable[[Snapshot], Sequence[Write]],
    check: Callable[[Snapshot], None],
    by: str,
) -> Snapshot:
    """Write all of ``writes`` or none; returns the catalog that is in force from now on.

    ``writes`` may be a function of the catalog as it is: it is asked again when another writer came first.
    ``check`` sees the catalog as it would be and raises what is wrong with it: what it has seen beside the
    catalog holds, as long as whoever changes that counts it (``count_begun``). Raises Conflict (with
    ``current_revision``) when an ``if_match`` does not hold, NotFound when a deletion has no document.
    """
    at = iso(clock.now())
    seals = sealing.Seals(account_id)
    for _ in range(_ATTEMPTS):
        begun = store.read_begun(account_id)
        seen = snapshot(account_id)
        wanted = writes(seen) if callable(writes) else writes
        if not wanted:
            return seen
        wanted = _with_companions(seen, wanted)
        wanted = [replace(write, body=seals.sealed(write.body)) for write in wanted]
        bodies = _bodies(seen, wanted, by, at)
        fresh = _candidate(seen, bodies)
        check(fresh)
        seals.keep()
        store.put_bodies(account_id, bodies)
        was = (seen.revision, seen.stamp)
        moved = store.move_pointer(account_id, was, begun, fresh.stamp, fresh.versions, at)
        if moved or _exists(account_id, bodies[0]):
            _audit(seen, wanted)
            kept = remember(fresh)
            _looked.pop(account_id, None)
            _notify_kinds(account_id, wanted)
            return kept
    raise Unavailable(Reason("catalog_busy"))


def count_begun(account_id: str) -> None:
    """Somebody is about to let something go out: no save that was checked before this goes through."""
    store.count_begun(account_id)


def _audit(seen: Snapshot, written: Sequence[Write]) -> None:
    for write in written:
        before = seen.find(write.kind, write.id)
        audit.changed("/".join(write.key), before.body if before else None, write.body)


def _notify_kinds(account_id: str, written: Sequence[Write]) -> None:
    """Let the kinds know. The save holds, whatever they make of it."""
    for write in written:
        kind = DOCUMENTS.get(write.kind)
        try:
            if kind is not None:
                kind.saved(account_id, write.id)
        except Exception:  # noqa: BLE001 (whoever has to know looks again by himself)
            logger.exception(
                "a kind was not notified of a save", extra={"account": account_id, "document": write.key}
            )


def candidate(seen: Snapshot, writes: Sequence[Write]) -> Snapshot:
    """The catalog as it would be after these writes; nothing is written. Raises as ``save`` does."""
    return _candidate(seen, _bodies(seen, _with_companions(seen, writes), "plan", ""))


def _with_companions(seen: Snapshot, writes: Sequence[Write]) -> list[Write]:
    """The writes, and what has to be there with what is written."""
    found = {write.key: write for write in writes}
    for write in writes:
        kind = DOCUMENTS.get(write.kind)
        for key in kind.companions(write.body) if kind and write.body is not None else ():
            if key[:2] not in seen.documents:
                found.setdefault(key[:2], Write(*key))
    return list(found.values())


def revisions(account_id: str, kind: str, id: str) -> list[dict[str, Any]]:  # noqa: A002 (documents have ids)
    """Every saved state, newest first: ``{revision, at, by, deleted, body}``. Raises NotFound."""
    return history(account_id, kind, id, limit=None)[0]


def history(
    account_id: str,
    kind: str,
    id: str,  # noqa: A002 (documents have ids)
    limit: int | None,
    version: str | None = None,
) -> tuple[list[dict[str, Any]], str | None]:
    """At most ``limit`` saved states from a version on (None: the newest), and the version to go on from.

    Follows the chain of bodies from the current one, so that bodies of saves that failed are never shown.
    """
    _, _, versions = store.read_pointer(account_id)
    current = versions.get((kind, id))
    if current is None:
        raise NotFound(Reason("no_path", path=f"{kind}/{id}"))
    version = version or current.version
    found: list[dict[str, Any]] = []
    while version and (limit is None or len(found) < limit):
        stored = store.find_body(account_id, (kind, id), version)
        if stored is None:
            return found, None
        is_deletion = stored.body is None
        found.append(
            {
                "revision": stored.rev,
                "at": stored.at,
                "by": stored.by,
                "deleted": is_deletion,
                "body": stored.body,
            }
        )
        version = stored.previous
    return found, version


def _bodies(seen: Snapshot, writes: Sequence[Write], by: str, at: str) -> list[store.StoredBody]:
    assert len({write.key for write in writes}) == len(writes), "a save writes each document once"
    return [_body(seen, write, by, at) for write in writes]


def _body(seen: Snapshot, write: Write, by: str, at: str) -> store.StoredBody:
    current = seen.find(write.kind, write.id)
    if write.if_match is not None and (current is None or current.revision != write.if_match):
        is_now, path = current.revision if current else None, f"{write.kind}/{write.id}"
        raise Conflict(
            Reason("other_revision", path=path, has=current.revision, wanted=write.if_match)
            if current
            else Reason("no_such_revision", path=path, wanted=write.if_match),
            current_revision=is_now,
        )
    if write.body is None and current is None:
        raise NotFound(Reason("no_path", path=f"{write.kind}/{write.id}"))
    if write.body is not None and len(body_text(write.body).encode()) > MAX_DOCUMENT_BYTES:
        raise TooLarge(Reason("document_too_large", path=f"{write.kind}/{write.id}", most=MAX_DOCUMENT_BYTES))
    before = seen.versions.get(write.key)
    return store.StoredBody(
        kind=write.kind,
        id=write.id,
        version=new_ulid(),
        rev=seen.revision + 1,
        previous=before.version if before else None,
        body=write.body,
        by=by,
        at=at,
    )


def _candidate(seen: Snapshot, bodies: Sequence[store.StoredBody]) -> Snapshot:
    versions, documents = dict(seen.versions), dict(seen.documents)
    for key in handed_down("reached")(seen):  # of what friends may hold it is known from now on
        if key in versions:
            versions[key] = replace(versions[key], reached=True)
    for stored in bodies:
        key = (stored.kind, stored.id)
        reached = key in versions and versions[key].reached
        versions[key] = Current(stored.rev, stored.version, deleted=stored.body is None, reached=reached)
        documents.pop(key, None)
        if stored.body is not None:
            documents[key] = store.document(stored)
    if len(documents) > max(MAX_DOCUMENTS, len(seen.documents)):
        reason = Reason("documents_at_most", most=MAX_DOCUMENTS)
        raise RuleViolation(reason, [Detail("", reason)])
    return Snapshot(seen.account_id, seen.revision + 1, new_ulid(), _pruned(versions), documents)


def _pruned(versions: dict[Key, Current]) -> dict[Key, Current]:
    """Without the oldest deletions, whose history is given up so that the pointer stays small: first of what
    no friend can hold.
    """
    deletions = sorted(
        (current.reached, current.revision, key) for key, current in versions.items() if current.deleted
    )
    for _, _, key in deletions[: max(0, len(deletions) - _KEPT_DELETIONS)]:
        del versions[key]
    return versions


def _exists(account_id: str, ours: store.StoredBody) -> bool:
    """Whether a body of ours is in force or in the history after all.

    The pointer's move may have happened although its answer was lost: the client then sends it again,
    and that second try fails its condition.
    """
    _, _, versions = store.read_pointer(account_id)
    current = versions.get((ours.kind, ours.id))
    version = current.version if current else None
    while version:
        if version == ours.version:
            return True
        stored = store.find_body(account_id, (ours.kind, ours.id), version)
        version = stored.previous if stored and stored.rev > ours.rev else None
    return False


def _load(
    account_id: str,
    revision: int,
    stamp: str,
    versions: Mapping[Key, Current],
    cached: Snapshot | None,
) -> Snapshot:
    documents: dict[Key, Document] = {}
    missing: dict[Key, str] = {}
    for key, current in versions.items():
        if current.deleted:
            continue
        known = cached.documents.get(key) if cached else None
        if known and known.version == current.version:
            documents[key] = known
        else:
            missing[key] = current.version
    if missing:
        for key, stored in store.read_bodies(account_id, missing).items():
            documents[key] = store.document(stored)
    lost = missing.keys() - documents.keys()
    if lost:
        raise RuntimeError(f"the catalog of {account_id} names bodies that are not stored: {sorted(lost)}")
    return Snapshot(account_id, revision, stamp, versions, documents)


def forget() -> None:
    """Forget every snapshot this process has read."""
    with _lock:
        _cache.clear()


def _cached(account_id: str) -> Snapshot | None:
    with _lock:
        if account_id in _cache:
            _cache.move_to_end(account_id)
        return _cache.get(account_id)


def remember(fresh: Snapshot) -> Snapshot:
    """Keep a snapshot for this process; returns the one kept, so that its derived values are shared."""
    with _lock:
        known = _cache.get(fresh.account_id)
        if known and (known.revision, known.stamp) == (fresh.revision, fresh.stamp):
            return known
        _cache[fresh.account_id] = fresh
        _cache.move_to_end(fresh.account_id)
        while len(_cache) > _CACHED_ACCOUNTS:
            _cache.popitem(last=False)
    return fresh
