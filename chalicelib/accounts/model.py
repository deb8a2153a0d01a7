"""Accounts, keys and principals as values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.shared.http import Role

ROLES: tuple[Role, ...] = ("viewer", "editor", "publisher", "admin")
"""From the least to the most."""


@dataclass(frozen=True)
class Account:
    """One LINE account (channel) of this installation; its secrets are elsewhere."""

    id: str
    name: str
    time_zone: str
    shards: int
    liff_id: str | None = None
    login_channel_id: str | None = None
    policies: dict[str, Any] = field(default_factory=dict)
    created_at: str = ""

    @property
    def zone(self) -> ZoneInfo:
        """The account's time zone."""
        return ZoneInfo(self.time_zone)


@dataclass(frozen=True)
class ApiKey:
    """An API key; only the hash of its text is kept. ``account`` None: for every account."""

    id: str
    name: str
    role: Role
    account: str | None
    hash: str
    created_at: str
    created_by: str


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
