"""Accounts, keys and principals as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.http.routes import Role
from chalicelib.shared.times import iso

CURRENCY = "JPY"
REACT_WITHIN = timedelta(days=1)

ROLES: tuple[Role, ...] = ("viewer", "editor", "publisher", "admin")
"""From the least to the most."""


@dataclass(frozen=True)
class Account:
    """One LINE account (channel) of this installation; its secrets are elsewhere.

    ``member_site_url``: where a friend signs in as a member, to link by LINE's account link;
    ``member_site_origins``: where a link by LINE Login or LIFF may begin and end.
    ``site_origins``: where the tag of the account's own sites may speak from, and tracked links may say who
    came; ``site``: what it may say (``site_rules.SiteRules``).
    ``relay_urls``: who else gets LINE's webhooks.
    ``currency``: of all money; ``react_within``: what happened longer ago than that is history.
    """

    id: str
    name: str
    time_zone: str
    shards: int
    liff_id: str | None = None
    login_channel_id: str | None = None
    member_site_url: str | None = None
    member_site_origins: list[str] = field(default_factory=list)
    site_origins: list[str] = field(default_factory=list)
    site: dict[str, Any] = field(default_factory=dict)
    relay_urls: list[str] = field(default_factory=list)
    policies: dict[str, Any] = field(default_factory=dict)
    currency: str = CURRENCY
    react_within: timedelta = REACT_WITHIN
    created_at: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class ApiKey:
    """One text of an API key; only the hash of it is kept. ``account`` None: for every account.

    A rotated key has two texts under one id for a while: ``expires_at`` is when the old one ends.
    """

    id: str
    name: str
    role: Role
    account: str | None
    hash: str
    created_at: str
    created_by: str
    last_used_at: str | None = None
    expires_at: str | None = None

    def is_over(self, now: datetime) -> bool:
        """Whether it is refused now."""
        return self.expires_at is not None and self.expires_at <= iso(now)


@dataclass(frozen=True)
class Principal:
    """Who asks: the key behind a request."""

    key_id: str
    name: str
    role: Role
    account: str | None = None

    @property
    def who(self) -> str:
        """How documents, changes and the audit log name them."""
        return f"key:{self.key_id}"

    def may(self, role: Role) -> bool:
        """Whether the role includes ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)


def is_time_zone(name: str) -> bool:
    """Whether ``zoneinfo`` knows the name."""
    try:
        ZoneInfo(name)
    except (ValueError, KeyError, OSError):  # not a name, not found, a folder of zones
        return False
    return True
