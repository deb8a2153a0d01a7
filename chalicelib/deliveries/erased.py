"""Who was erased after a chunk was put, and is not to get it any more."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import decide
from chalicelib.deliveries.model import Status
from chalicelib.friends import store as friends
from chalicelib.shared.times import parse_iso

FRESH = timedelta(minutes=1)
"""So long after it was put a chunk is sent without looking: whoever put it had just read its friends."""


def among(account: str, status: Status, manifest: Mapping[str, Any], now: datetime) -> list[str]:
    """Those whom a chunk is still to try for the first time, and who were erased since it was put, whether or
    not they came back. Whoever is no friend (a group of the staff) was not erased.

    A broadcast's own messages are always looked at, a read for each 100 pushes; others once they have waited.
    """
    planned = status.kind == "push" and not status.own_watch
    waiting = _untried(status, manifest)
    if not waiting or not (planned or now - parse_iso(manifest["at"]) > FRESH):
        return []
    since = friends.heard_of(account, accounts.get_account(account).shards, waiting)
    return [user for user in waiting if since.get(user, "") >= manifest["at"]]


def _untried(status: Status, manifest: Mapping[str, Any]) -> list[str]:
    users: list[str] = manifest["recipients"]
    if status.kind == "push":
        return [user for user, char in zip(users, status.chars, strict=True) if char == "."]
    skips = manifest.get("skips") or {}
    return [user for user in users if user not in skips] if decide.untouched(status) else []
