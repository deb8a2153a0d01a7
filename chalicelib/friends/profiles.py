"""Profiles: what LINE reports of a friend. Fetched in the background after a follow, and before the first
decision about a friend where that may use it.

What LINE has never takes the place of a name that an import gave (``name_by``), and nothing never takes the
place of something.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.service import get_account
from chalicelib.events.sheet import Sheet
from chalicelib.friends import store
from chalicelib.gateways import line
from chalicelib.gateways.expressions import Condition, Path
from chalicelib.shared.observability import logger
from chalicelib.shared.storable import storable

_FIELDS = {"displayName": "display_name", "language": "language", "pictureUrl": "picture_url"}
DEADLINE_S = 1.0
"""So long a reaction waits for a profile, all in all: the reply token lives about a minute."""
_askers = ThreadPoolExecutor(10, thread_name_prefix="profile")

Profile = Mapping[str, Any]
"""A profile in LINE's words."""


def fetch(account: str, user: str) -> bool:
    """Ask LINE and apply; False when LINE gives none. Raises ``gateways.line.NoAnswer`` (try again later)."""
    profile = line.profile(line_credentials(account)["channel_access_token"], user)
    return profile is not None and apply(account, user, profile)


def ask_now(account: str, user: str) -> Profile | None:
    """One question to LINE, answered within DEADLINE_S; None: LINE gives none now, whatever the reason."""

    def ask() -> Profile | None:
        return line.profile(line_credentials(account)["channel_access_token"], user, DEADLINE_S)

    try:
        return _askers.submit(ask).result(DEADLINE_S)
    except Exception as error:  # noqa: BLE001 (without it the friend is greeted by the default)
        logger.warning("no profile in time", extra={"account": account, "why": type(error).__name__})
        return None


def fold(sheet: Sheet, profile: Profile) -> list[str]:
    """Put what a profile says into a sheet; returns which of its fields changed."""
    fields = _fields(profile)
    if sheet.get("name_by"):
        fields.pop("display_name", None)
    changed = [name for name, value in fields.items() if sheet.get(name) != value]
    sheet.update(cast("Sheet", fields))
    return changed


def apply(account: str, user: str, profile: Profile) -> bool:
    """Write what a profile says, by path; False for an unknown or erased friend."""
    sets: list[tuple[Path, Any]] = [((name,), value) for name, value in _fields(profile).items()]
    if not sets:
        return False
    shards = get_account(account).shards
    if store.update_paths(account, shards, user, sets, [], [Condition(("name_by",), "absent")]):
        return True
    others = [entry for entry in sets if entry[0] != ("display_name",)]
    return bool(others) and store.update_paths(account, shards, user, others)


def _fields(profile: Profile) -> dict[str, Any]:
    return {
        ours: storable(profile[theirs])[:1000]
        for theirs, ours in _FIELDS.items()
        if isinstance(profile.get(theirs), str) and profile[theirs].strip()
    }
