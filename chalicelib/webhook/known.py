"""The channel secrets that this process knows, and how often it may ask the secret store for others.

SSM answers 40 reads a second for the whole AWS account (docs/operations/limits.md names the setting that
raises it), and anybody may call the webhook. So whatever strangers send costs reads of a budget, one per
process:

- an account that was found is read again when its time is over, at a moment that differs between accounts and
  processes; when the store does not answer, what is known stays in force;
- an id that was not found is not asked for again for a few seconds;
- reads that find nothing, and reads because a signature did not match, are paid from a budget each;
- when the first of them is spent, the list of accounts is asked before the secret store: a flood of ids that
  nobody has never keeps an account from being served by a process that has not read it yet. When the list
  does not answer either, it is 503, never 404: it may be an account, and LINE sends again.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import secrets
from chalicelib.gateways.listed_accounts import is_listed
from chalicelib.shared.errors import NotFound, Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings

_RETRY_S = (10, 20)
_UNKNOWN_LIFE = timedelta(seconds=5)
_MAX_UNKNOWN = 1_000
_MISSES = (10, 1.0)
_REREADS = (5, 1 / 3)


@dataclass(frozen=True)
class Secret:
    """An account's channel secret, when it was read, and until when it is not read again."""

    value: str
    read_at: datetime
    fresh_until: datetime
    relayed: bool = False
    """Whether the account's webhooks are forwarded to others, as it was then."""


@dataclass
class Budget:
    """So many at once, and so many more a second."""

    capacity: float
    per_s: float
    left: float = field(init=False)
    at: datetime | None = None

    def __post_init__(self) -> None:
        """Full at first."""
        self.left = self.capacity

    def take(self, now: datetime) -> bool:
        """Spend one; False when there is none."""
        passed = max(0.0, (now - (self.at or now)).total_seconds())
        self.left = min(self.capacity, self.left + passed * self.per_s)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True

    def give_back(self) -> None:
        """Unspend one."""
        self.left = min(self.capacity, self.left + 1)


class Known:
    """What one process knows."""

    def __init__(self) -> None:
        self._secrets: dict[str, Secret] = {}
        self._unknown: dict[str, datetime] = {}
        self._misses = Budget(*_MISSES)
        self._rereads = Budget(*_REREADS)

    def get(self, account: str, now: datetime) -> Secret:
        """The account's secret. Raises NotFound, or Unavailable when that cannot be known now."""
        known = self._secrets.get(account)
        if known is None:
            return self._first(account, now)
        return known if now < known.fresh_until else self._read(account, now)

    def reread(self, account: str, now: datetime) -> Secret | None:
        """The secret as it is now, where ``get`` may have answered an older one; None: not affordable.

        A secret reissued in LINE's console is in force at once, so a mismatch may mean that ours is old.
        """
        known = self._secrets.get(account)
        if known is None or known.read_at >= now or not self._rereads.take(now):
            return None
        return self._read(account, now)

    def _first(self, account: str, now: datetime) -> Secret:
        until = self._unknown.get(account)
        if until is not None and now < until:
            raise NotFound(Reason("no_account", id=repr(account)))
        if self._misses.take(now):
            found = self._read(account, now)
            self._misses.give_back()
            return found
        try:
            exists = is_listed(account)
        except (BotoCoreError, ClientError) as error:
            raise Unavailable(Reason("too_many_unknown")) from error
        if not exists:
            raise self._not_found(account, now)
        return self._read(account, now)

    def _read(self, account: str, now: datetime) -> Secret:
        try:
            credentials = secrets.find_line_credentials(account)
        except (BotoCoreError, ClientError) as error:
            return self._stale(account, now, error)
        if credentials is None:
            self._secrets.pop(account, None)
            raise self._not_found(account, now)
        # One assignment of a whole value: no thread ever sees an account whose secret is still empty.
        until = now + _between((0.8 * settings().channel_secret_s, settings().channel_secret_s))
        relayed = credentials.get("relayed") == "yes"
        found = Secret(credentials["channel_secret"], now, until, relayed)
        self._secrets[account] = found
        return found

    def _stale(self, account: str, now: datetime, error: Exception) -> Secret:
        known = self._secrets.get(account)
        if known is None:
            raise Unavailable(Reason("secrets_silent")) from error
        logger.error("the secret store did not answer", extra={"account": account, "why": repr(error)[:200]})
        self._secrets[account] = replace(known, fresh_until=now + _between(_RETRY_S))
        return self._secrets[account]

    def _not_found(self, account: str, now: datetime) -> NotFound:
        self._note_unknown(account, now)
        return NotFound(Reason("no_account", id=repr(account)))

    def _note_unknown(self, account: str, now: datetime) -> None:
        self._unknown.pop(account, None)
        while len(self._unknown) >= _MAX_UNKNOWN:
            del self._unknown[next(iter(self._unknown))]
        self._unknown[account] = now + _UNKNOWN_LIFE


def _between(seconds: tuple[float, float]) -> timedelta:
    return timedelta(seconds=random.uniform(*seconds))  # noqa: S311 (only spreads the reads)
