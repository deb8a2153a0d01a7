"""Profiles: what LINE tells of a friend, fetched in the background after a follow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.service import get_account
from chalicelib.friends import store
from chalicelib.friends.paths import Path
from chalicelib.gateways import line
from chalicelib.shared.storable import storable

_FIELDS = {"displayName": "display_name", "language": "language", "pictureUrl": "picture_url"}


def fetch(account: str, user: str) -> bool:
    """Ask LINE and apply; False when LINE gives none. Raises ``gateways.line.NoAnswer`` (try again later)."""
    profile = line.profile(line_credentials(account)["channel_access_token"], user)
    return profile is not None and apply(account, user, profile)


def apply(account: str, user: str, profile: Mapping[str, Any]) -> bool:
    """Write what a profile (LINE's words) says, by path; False for an unknown or erased friend."""
    sets: list[tuple[Path, Any]] = [
        ((ours,), storable(profile[theirs])[:1000])
        for theirs, ours in _FIELDS.items()
        if isinstance(profile.get(theirs), str) and profile[theirs]
    ]
    return bool(sets) and store.update_paths(account, get_account(account).shards, user, sets)
