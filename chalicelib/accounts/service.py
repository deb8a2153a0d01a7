"""Accounts, their credentials and the audit log."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from chalicelib.accounts import audit as log
from chalicelib.accounts import credentials, store
from chalicelib.accounts.audit import note as audit
from chalicelib.accounts.credentials import KEY, RELAYED, line_credentials
from chalicelib.accounts.keys import (
    create_key,
    delete_key,
    ensure_key,
    ensure_local_admin_key,
    key_hash,
    list_keys,
    rotate_key,
)
from chalicelib.accounts.model import Account
from chalicelib.gateways import aws, clock
from chalicelib.http.patience import anew_or_known
from chalicelib.shared.errors import Detail, InvalidInput, NotFound, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import duration_text, iso

__all__ = [
    "Account",
    "audit",
    "create_key",
    "delete_key",
    "ensure_key",
    "ensure_local_admin_key",
    "key_hash",
    "line_credentials",
    "list_keys",
    "rotate_key",
]

MAX_SHARDS = 1024
_LIFE = timedelta(seconds=10)

_cache: dict[str, tuple[Any, datetime, Account]] = {}


def find_account(account_id: str, *, fresh: bool = False) -> Account | None:
    """The account, at most 10 s old (``fresh``: as it is now), or None (which is never cached)."""
    client, now = aws.client("dynamodb"), clock.now()
    known = None if fresh else _cache.get(account_id)
    if known and _is_fresh(known):
        return known[2]
    account = store.find_account(account_id)
    if account is None:
        _cache.pop(account_id, None)
    else:
        _cache[account_id] = (client, now, account)
    return account


def get_account(account_id: str, *, fresh: bool = False) -> Account:
    """The account, at most 10 s old (``fresh``: as it is now). Raises NotFound."""
    account = find_account(account_id, fresh=fresh)
    if account is None:
        raise NotFound(Reason("no_account", id=account_id))
    return account


def _is_fresh(known: tuple[Any, datetime, Account]) -> bool:
    return known[0] is aws.client("dynamodb") and timedelta() <= clock.now() - known[1] < _LIFE


def recent_account(account_id: str) -> Account:
    """The account as ``get_account``; whoever has known it waits for no table. Raises NotFound."""
    known = _cache.get(account_id)
    if known is None or known[0] is not aws.client("dynamodb") or _is_fresh(known):
        return get_account(account_id)
    return anew_or_known(("account", account_id), known[2], lambda: get_account(account_id))


def list_accounts() -> list[Account]:
    """Every account of the installation, by id."""
    return store.list_accounts()


def put_account(
    account: Account, line: dict[str, str], *, shards: int | None, by: str
) -> tuple[Account, bool]:
    """Create or replace an account; returns it and whether it is new.

    ``line`` holds the LINE credentials to change: both of them for a new account. ``shards`` None keeps
    what is (64 for a new account); another number than what is raises RuleViolation. The account appears
    last, so that whoever sees it finds its credentials.
    """
    current = store.find_account(account.id)
    if current is not None:
        if shards is not None and shards != current.shards:
            reason = Reason("shards_fixed", shards=current.shards)
            raise RuleViolation(reason, [Detail("shards", reason)])
        _change_credentials(account, current, line)
        changed = replace(account, shards=current.shards, created_at=current.created_at)
        store.update_account(changed)
    else:
        missing = [name for name in ("channel_secret", "channel_access_token") if name not in line]
        if missing:
            details = [Detail(name, Reason("needed_for_new_account")) for name in missing]
            raise InvalidInput(Reason("at", path=missing[0], why=Reason("needed_for_new_account")), details)
        relayed = {RELAYED: "yes"} if account.relay_urls else {}
        credentials.create_line_credentials(account.id, {KEY: token_hex(32), **line, **relayed})
        changed = replace(account, shards=shards or 64, created_at=iso(clock.now()))
        store.list_account(account.id)
        if not store.create_account(changed):
            return put_account(account, line, shards=shards, by=by)
    _cache.pop(account.id, None)
    audit(account.id, by, "account.created" if current is None else "account.changed", account.id)
    log.changed(
        account.id, _shown(current) if current else None, _shown(changed) | dict.fromkeys(line, log.HIDDEN)
    )
    return changed, current is None


def _change_credentials(account: Account, current: Account, line: dict[str, str]) -> None:
    """Keep what is given of an account's credentials, and whether its webhooks are forwarded."""
    is_changed = bool(account.relay_urls) is not bool(current.relay_urls)
    if not line and not is_changed:
        return
    relayed = {RELAYED: "yes" if account.relay_urls else "no"} if is_changed else {}
    known = credentials.line_credentials(account.id, refresh=True)
    credentials.put_line_credentials(account.id, {**known, **line, **relayed})


def _shown(account: Account) -> dict[str, Any]:
    """What the audit log shows of an account."""
    return asdict(account) | {"react_within": duration_text(account.react_within)}


def rotate_line_credentials(account_id: str, new: dict[str, str], by: str) -> None:
    """Put new LINE credentials of an account in force; what is not given stays. Raises NotFound."""
    known = credentials.line_credentials(account_id, refresh=True)
    credentials.put_line_credentials(account_id, {**known, **new})
    audit(account_id, by, f"credentials.rotated:{'+'.join(sorted(new))}", account_id)
