"""A last look at whom a chunk is for, before its first try: who was erased since it was put, and who switched
off since then what it belongs to.

Whoever put it had just read its friends. So nobody is looked at again within a minute, unless the chunk is a
broadcast's own messages, or somebody of the account has switched something off meanwhile.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from chalicelib.accounts import service as accounts
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.deliveries import decide
from chalicelib.deliveries.lately.store import Lately
from chalicelib.deliveries.model import Manifest, Status
from chalicelib.friends import service as friends
from chalicelib.shared.times import iso, parse_iso
from chalicelib.topics import consent

FRESH = timedelta(minutes=1)
"""So long after it was put a chunk is sent without looking; and so far two clocks are apart at most."""


def left_out(
    catalog: Snapshot, status: Status, manifest: Manifest, lately: Lately, now: datetime
) -> tuple[str, list[str]] | None:
    """The reason for which some whom a chunk is still to try for the first time are left out, and who; the
    chunk goes on without them. None: nobody is. Whoever is no friend (a group of the staff) was not erased.
    """
    waiting = decide.untried(status, manifest)
    if not waiting or not _is_to_be_looked_at(status, manifest, lately, now):
        return None
    account = catalog.account_id
    standings = friends.standings(account, accounts.get_account(account).shards, waiting)
    gone = [user for user in waiting if user in standings and standings[user].gone_at >= manifest["at"]]
    if gone:
        return "erased", gone
    if manifest["category"] == "internal":
        return None
    out = [
        user
        for user in waiting
        if user in standings and consent.holds_back(standings[user].sheet, manifest, catalog)
    ]
    return ("opted_out", out) if out else None


def _is_to_be_looked_at(status: Status, manifest: Manifest, lately: Lately, now: datetime) -> bool:
    planned = status.kind == "push" and not status.own_watch
    waited = now - parse_iso(manifest["at"]) > FRESH
    return planned or waited or lately.opted_out_at >= iso(parse_iso(manifest["at"]) - FRESH)
