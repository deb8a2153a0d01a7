"""API keys: made, used, rotated, deleted. Only hashes of their texts are kept."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from chalicelib.accounts import audit as log
from chalicelib.accounts import key_store, store
from chalicelib.accounts.model import ApiKey
from chalicelib.gateways import clock
from chalicelib.http.routes import Role
from chalicelib.shared.errors import Conflict, NotAllowed, NotFound, RuleViolation
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso

USE_NOTED_EVERY = timedelta(minutes=10)
"""How exact ``last_used_at`` is: one small write per key in this time, whatever is asked with it."""
MOST_TEXTS = 5
"""Of one key at a time: the newest, and old ones in their grace."""


def key_hash(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def find_valid(key: str) -> ApiKey | None:
    """The key with this text, or None when it is not known or was replaced and its grace is over."""
    return find_by_hash(key_hash(key))


def find_by_hash(hash_of_key: str) -> ApiKey | None:
    """The same, by what is kept of a key's text."""
    found, now = key_store.find_key(hash_of_key), clock.now()
    if found is None or found.is_over(now):
        return None
    _note_use(found, now)
    return found


def _note_use(key: ApiKey, now: datetime) -> None:
    """Never in the way of the answer: what cannot be noted now is noted by a later request."""
    if key.last_used_at is not None and now - parse_iso(key.last_used_at) < USE_NOTED_EVERY:
        return
    try:
        key_store.note_use(key.hash, now)
    except Exception:  # noqa: BLE001 (whatever it is, the request is about something else)
        logger.exception("the use of an API key could not be noted", extra={"key": key.id})


def create_key(key: str, name: str, role: Role, account: str | None, by: str) -> ApiKey:
    """Keep a new key; the same key again is the same record. Raises NotFound for an unknown account."""
    if account is not None and store.find_account(account) is None:
        raise NotFound(Reason("no_account", id=account))
    known = key_store.find_key(key_hash(key))
    if known is not None:
        return known
    made = ApiKey(new_ulid().lower(), name, role, account, key_hash(key), iso(clock.now()), by)
    key_store.put_key(made)
    log.note(account, by, f"key.created:{role}", made.id)
    log.changed(f"keys/{made.id}", None, _shown(made))
    return made


def list_keys(account: str | None) -> list[ApiKey]:
    """Every key, or those of one account, oldest first; a rotated one twice until its grace is over."""
    now = clock.now()
    known = [key for key in key_store.list_keys() if not key.is_over(now)]
    keys = [key for key in known if account is None or key.account == account]
    return sorted(keys, key=lambda key: (key.created_at, key.id))


def rotate_key(key: str, key_id: str, grace: timedelta, account: str | None, by: str) -> ApiKey:
    """Give a key a new text; the ones it has are refused after ``grace``. ``account``: as in ``delete_key``.

    The new text is kept first: whatever fails in between, no text ends that nobody can replace. The same new
    text again changes nothing that was done. Raises NotFound, NotAllowed, and Conflict for too many texts.
    """
    now = clock.now()
    texts = [known for known in _of_id(key_id, account) if not known.is_over(now)]
    if not texts:
        raise NotFound(Reason("no_key", id=key_id))
    newest = max(texts, key=lambda known: known.created_at)
    fresh = ApiKey(key_id, newest.name, newest.role, newest.account, key_hash(key), iso(now), by)
    if all(known.hash != fresh.hash for known in texts):
        if len(texts) >= MOST_TEXTS:
            raise Conflict(Reason("key_texts_full", most=MOST_TEXTS))
        key_store.put_key(fresh)
    for known in texts:
        if known.hash != fresh.hash and known.expires_at is None:
            key_store.end_key(known.hash, now + grace)
    log.note(newest.account, by, "key.rotated", key_id)
    log.changed(f"keys/{key_id}", {}, {"previous_expires_at": iso(now + grace)})
    return fresh


def delete_key(key_id: str, account: str | None, by: str) -> None:
    """Forget a key: it is refused from now on. ``account``: whose keys the asker may delete (None: all).

    Raises NotFound, NotAllowed, and RuleViolation for the last key that can make keys.
    """
    found = _of_id(key_id, account)
    left = [key for key in key_store.list_keys() if key.id != key_id and _makes_any(key)]
    if not left and any(_makes_any(key) for key in found):
        raise RuleViolation(Reason("last_admin_key"))
    for key in found:
        key_store.delete_key(key.hash)
    log.note(found[0].account, by, "key.deleted", key_id)
    log.changed(f"keys/{key_id}", _shown(found[0]), None)


def _of_id(key_id: str, account: str | None) -> list[ApiKey]:
    """The texts under an id, for somebody of this account (None: of all). Raises NotFound, NotAllowed."""
    found = [key for key in key_store.list_keys() if key.id == key_id]
    if not found:
        raise NotFound(Reason("no_key", id=key_id))
    if account is not None and any(key.account != account for key in found):
        raise NotAllowed(Reason("key_belongs_to_another"))
    return found


def _makes_any(key: ApiKey) -> bool:
    """Whether it can make keys of every account, for good."""
    return key.account is None and key.role == "admin" and key.expires_at is None


def _shown(key: ApiKey) -> dict[str, str | None]:
    return {"name": key.name, "role": key.role, "account": key.account}


def ensure_key(id: str, name: str, role: Role, account: str | None, key: str) -> None:  # noqa: A002 (a key's id)
    """Let ``key`` be the one and only key under this id (the installation's own keys)."""
    mine = [known for known in key_store.list_keys() if known.id == id]
    wanted = ApiKey(id, name, role, account, key_hash(key), iso(clock.now()), "installation")
    if not any(_same(known, wanted) for known in mine):
        key_store.put_key(wanted)
    for known in mine:
        if known.hash != wanted.hash:
            key_store.delete_key(known.hash)


def ensure_local_admin_key(key: str) -> None:
    """Let ``key`` be the local platform's global admin key."""
    ensure_key("local-admin", "local platform", "admin", None, key)


def _same(one: ApiKey, other: ApiKey) -> bool:
    return (one.hash, one.role, one.account, one.expires_at) == (
        other.hash,
        other.role,
        other.account,
        other.expires_at,
    )
