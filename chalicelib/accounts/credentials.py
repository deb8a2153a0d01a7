"""An account's LINE credentials, cached for a minute per process. Knows only the secret store."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from chalicelib.gateways import aws, clock, secrets
from chalicelib.shared.errors import NotFound

_LIFE = timedelta(seconds=60)

_cache: dict[str, tuple[Any, datetime, dict[str, str]]] = {}


def line_credentials(account_id: str, *, refresh: bool = False) -> dict[str, str]:
    """``{"channel_secret", "channel_access_token"}``; at most 60 s old, fresh with ``refresh``.

    Raises NotFound when the account has none.
    """
    client, now = aws.client("ssm"), clock.now()
    known = _cache.get(account_id)
    if not refresh and known and known[0] is client and timedelta() <= now - known[1] < _LIFE:
        return known[2]
    values = secrets.find_line_credentials(account_id)
    if values is None:
        _cache.pop(account_id, None)
        raise NotFound(f"there is no account {account_id}")
    _cache[account_id] = (client, now, values)
    return values


def put_line_credentials(account_id: str, values: dict[str, str]) -> None:
    """Keep new credentials; other processes use them within a minute."""
    secrets.put_line_credentials(account_id, values)
    _cache.pop(account_id, None)
