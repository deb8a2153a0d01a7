"""Accounts, their credentials, API keys and the audit log."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from chalicelib.accounts import credentials, store
from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.friend_tokens import KEY
from chalicelib.accounts.model import Account, ApiKey
from chalicelib.gateways import aws, clock
from chalicelib.shared.errors import Detail, InvalidInput, NotAllowed, NotFound, RuleViolation
from chalicelib.shared.http import Role
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.times import iso

__all__ = ["Account", "line_credentials"]

MAX_SHARDS = 1024
_LIFE = timedelta(seconds=10)

_cache: dict[str, tuple[Any, datetime, Account]] = {}


def find_account(account_id: str) -> Account | None:
    """The account, at most 10 s old, or None (which is never cached)."""
    client, now = aws.client("dynamodb"), clock.now()
    known = _cache.get(account_id)
    if known and known[0] is client and timedelta() <= now - known[1] < _LIFE:
        return known[2]
    account = store.find_account(account_id)
    if account is None:
        _cache.pop(account_id, None)
    else:
        _cache[account_id] = (client, now, account)
    return account


def get_account(account_id: str) -> Account:
    """The account, at most 10 s old. Raises NotFound."""
    account = find_account(account_id)
    if account is None:
        raise NotFound(f"there is no account {account_id}")
    return account


def list_accounts() -> list[Account]:
    """Every account of the installation, by id."""
    return store.list_accounts()


def put_account(
    account: Account, line: dict[str, str], *, shards: int | None, by: str
) -> tuple[Account, bool]:
    """Create or replace an account; answers it and whether it is new.

    ``line`` holds the LINE credentials to change: both of them for a new account. ``shards`` None keeps
    what is (64 for a new account); another number than what is raises RuleViolation. The account appears
    last, so that whoever sees it finds its credentials.
    """
    current = store.find_account(account.id)
    if current is not None:
        if shards is not None and shards != current.shards:
            reason = f"shards are fixed when the account is made ({current.shards})"
            raise RuleViolation(reason, [Detail("shards", reason)])
        if line:
            credentials.put_line_credentials(
                account.id, {**credentials.line_credentials(account.id, refresh=True), **line}
            )
        changed = _with(account, shards=current.shards, created_at=current.created_at)
        store.update_account(changed)
    else:
        missing = [name for name in ("channel_secret", "channel_access_token") if name not in line]
        if missing:
            details = [Detail(name, "is needed for a new account") for name in missing]
            raise InvalidInput(f"{missing[0]}: is needed for a new account", details)
        credentials.put_line_credentials(account.id, {KEY: token_hex(32), **line})
        changed = _with(account, shards=shards or 64, created_at=iso(clock.now()))
        store.list_account(account.id)
        if not store.create_account(changed):
            return put_account(account, line, shards=shards, by=by)
    _cache.pop(account.id, None)
    audit(account.id, by, "account.created" if current is None else "account.changed", account.id)
    return changed, current is None


def _with(account: Account, *, shards: int, created_at: str) -> Account:
    return Account(
        id=account.id,
        name=account.name,
        time_zone=account.time_zone,
        shards=shards,
        liff_id=account.liff_id,
        login_channel_id=account.login_channel_id,
        policies=account.policies,
        created_at=created_at,
    )


def key_hash(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()


def create_key(key: str, name: str, role: Role, account: str | None, by: str) -> ApiKey:
    """Keep a new key; the same key again is the same record. Raises NotFound for an unknown account."""
    if account is not None:
        get_account(account)
    known = store.find_key(key_hash(key))
    if known is not None:
        return known
    made = ApiKey(new_ulid().lower(), name, role, account, key_hash(key), iso(clock.now()), by)
    store.put_key(made)
    audit(account, by, f"key.created:{role}", made.id)
    return made


def list_keys(account: str | None) -> list[ApiKey]:
    """Every key, or those of one account; oldest first."""
    keys = [key for key in store.list_keys() if account is None or key.account == account]
    return sorted(keys, key=lambda key: (key.created_at, key.id))


def delete_key(key_id: str, account: str | None, by: str) -> None:
    """Forget a key: it is refused from now on. ``account``: whose keys the asker may delete (None: all).

    Raises NotFound, NotAllowed, and RuleViolation for the last key that can make keys.
    """
    keys = store.list_keys()
    found = [key for key in keys if key.id == key_id]
    if not found:
        raise NotFound(f"there is no key {key_id}")
    if account is not None and any(key.account != account for key in found):
        raise NotAllowed("this key belongs to another account")
    left = [key for key in keys if key.id != key_id and key.account is None and key.role == "admin"]
    if not left and any(key.account is None and key.role == "admin" for key in found):
        raise RuleViolation("this is the last admin key of the installation; make another one first")
    for key in found:
        store.delete_key(key.hash)
    audit(account, by, "key.deleted", key_id)


def ensure_key(id: str, name: str, role: Role, account: str | None, key: str) -> None:  # noqa: A002 (a key's id)
    """Let ``key`` be the one and only key under this id (the installation's own keys)."""
    mine = [known for known in store.list_keys() if known.id == id]
    wanted = ApiKey(id, name, role, account, key_hash(key), iso(clock.now()), "installation")
    if not any(_same(known, wanted) for known in mine):
        store.put_key(wanted)
    for known in mine:
        if known.hash != wanted.hash:
            store.delete_key(known.hash)


def ensure_local_admin_key(key: str) -> None:
    """Let ``key`` be the local platform's global admin key."""
    ensure_key("local-admin", "local platform", "admin", None, key)


def _same(one: ApiKey, other: ApiKey) -> bool:
    return (one.hash, one.role, one.account) == (other.hash, other.role, other.account)


def audit(account: str | None, who: str, action: str, target: str) -> None:
    """Note who did what to what; account None: it concerns the whole installation."""
    at = iso(clock.now())
    entry = {"at": at, "who": who, "action": action, "target": target}
    store.put_audit(account or store.INSTALLATION, f"{at}#{new_ulid()}", entry)


def audit_log(account: str | None, limit: int, before: str | None) -> tuple[list[dict[str, str]], str | None]:
    """The newest lines of an audit log, and the position to go on from (None at the end)."""
    lines = store.read_audit(account or store.INSTALLATION, limit, before)
    following = lines[-1][0] if len(lines) == limit else None
    return [line for _, line in lines], following
