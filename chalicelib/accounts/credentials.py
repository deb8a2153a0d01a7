"""An account's LINE credentials, cached for a minute per process. Knows only the secret store.

Processes that started together read at different times, and while the store does not answer, what was read
stays in force: SSM answers only so many reads a second.
"""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import aws, clock, secrets
from chalicelib.shared.errors import NotFound
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason

KEY = "token_key"
"""The name of the key for friend tokens among the account's credentials."""

RELAYED = "relayed"
"""The name among them that says, where it is ``yes``, that webhooks are forwarded to others: here, because
the webhook reads nothing else of an account.
"""

_LIFE_S = (45, 60)
_RETRY_S = (5, 10)

_cache: dict[str, tuple[Any, datetime, datetime, dict[str, str]]] = {}
"""By account: the client that read it, when, until when it is not read again, and what it read."""


def line_credentials(account_id: str, *, refresh: bool = False) -> dict[str, str]:
    """``{"channel_secret", "channel_access_token"}``; at most 60 s old, fresh with ``refresh``.

    Raises NotFound when the account has none.
    """
    client, now = aws.client("ssm"), clock.now()
    known = _cache.get(account_id)
    if known is not None and known[0] is not client:
        known = None
    if not refresh and known and known[1] <= now < known[2]:
        return known[3]
    try:
        values = secrets.find_line_credentials(account_id)
    except (BotoCoreError, ClientError):
        if refresh or known is None:
            raise
        logger.exception("the secret store did not answer", extra={"account": account_id})
        return _keep(account_id, known[3], now, _RETRY_S)
    if values is None:
        _cache.pop(account_id, None)
        raise NotFound(Reason("no_account", id=account_id))
    return _keep(account_id, values, now, _LIFE_S)


def _keep(account_id: str, values: dict[str, str], now: datetime, seconds: tuple[int, int]) -> dict[str, str]:
    until = now + timedelta(seconds=random.uniform(*seconds))  # noqa: S311 (only spreads the reads)
    _cache[account_id] = (aws.client("ssm"), now, until, values)
    return values


def create_line_credentials(account_id: str, values: dict[str, str]) -> None:
    """Keep the credentials of a new account. Whoever makes it at the same time keeps the same token key."""
    if not secrets.create_line_credentials(account_id, values):
        given = {name: value for name, value in values.items() if name != KEY}
        put_line_credentials(account_id, {**values, **line_credentials(account_id, refresh=True), **given})
    _cache.pop(account_id, None)


def put_line_credentials(account_id: str, values: dict[str, str]) -> None:
    """Keep new credentials; other processes use them within a minute."""
    secrets.put_line_credentials(account_id, values)
    _cache.pop(account_id, None)
