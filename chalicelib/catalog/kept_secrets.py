"""A secret ends when no document names it any more.

Its name is listed before its value is kept, so that no value is ever unlisted, whatever a save dies of. Once
a day each account's list is compared with the documents in force: what none of them names is noted with the
day, and deleted when that is longer ago than any call that is signed with it can still wait (14 days among
the dead letters). A name that is in no document in force cannot come back: a save that writes it is refused
(``sealing``).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.catalog import sealing, service, store
from chalicelib.gateways import secrets
from chalicelib.shared.times import iso, parse_iso

GRACE = timedelta(days=16)


def tidy(account_id: str, now: datetime) -> int:
    """Delete the secrets of an account that no document has named for ``GRACE``; returns how many.

    Safe to repeat, to run twice at once and to be cut off anywhere.
    """
    listed = store.listed_secrets(account_id)
    if not listed:
        return 0
    named, deleted = _named(account_id), 0
    for name, unnamed_at in listed.items():
        if name in named:
            if unnamed_at is not None:
                store.list_secret(account_id, name)
        elif unnamed_at is None:
            store.list_secret(account_id, name, unnamed_at=iso(now))
        elif parse_iso(unnamed_at) <= now - GRACE:
            secrets.delete_secret(account_id, name)
            store.unlist_secret(account_id, name)
            deleted += 1
    return deleted


def list_named(account_id: str, *, write: bool) -> tuple[int, int]:
    """List the secrets that documents name and that no list has, of saves before there was one.

    Answers how many are named and how many were (or, without ``write``, would be) listed.
    """
    named = _named(account_id)
    unlisted = named - store.listed_secrets(account_id).keys()
    if write:
        for name in unlisted:
            store.list_secret(account_id, name)
    return len(named), len(unlisted)


def _named(account_id: str) -> set[str]:
    """The secrets that documents in force name."""
    in_force = service.snapshot(account_id)
    return {name for document in in_force for name in sealing.references(document.body)}
