"""Places under caps that broadcasts with priority will want: whatever else reserves leaves them free.

A broadcast with ``priority`` that is scheduled, or being planned, has no places yet. Whoever reserves for a
friend whom it means, in a period in which it goes out, has one place less there. So of two who compete for
one place the broadcast with priority gets it, also when the other is planned first. It errs towards fewer
messages: what is cancelled later has kept places for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import store
from chalicelib.broadcasts.model import Broadcast
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.deliveries import policies
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.shared.times import parse_iso

_AHEAD = ("scheduled", "planning")
"""While a run has not taken its places."""


@dataclass(frozen=True)
class Wish:
    """When a broadcast with priority goes out, and to whom; ``run`` names the places that it has taken."""

    run: str
    goes_at: datetime
    means: Callable[[Sheet], bool]


def kept_places(
    account: str, category: str, users: Sequence[str], token: str, now: datetime
) -> dict[str, list[datetime]]:
    """When broadcasts with priority will want a place of these friends under the caps of a
    category. ``token`` is who reserves now: nothing is kept from a broadcast with priority.
    """
    ahead = list(_ahead(account))
    if not ahead or any(broadcast.run == token for broadcast in ahead):
        return {}
    wishes = _wishes(account, ahead, category, now)
    shards = accounts.get_account(account).shards
    sheets = friends.load_many(account, shards, list(users)) if wishes else {}
    found = {user: [w.goes_at for w in wishes if _wants(w, sheet)] for user, sheet in sheets.items()}
    return {user: times for user, times in found.items() if times}


def _ahead(account: str) -> Iterator[Broadcast]:
    for run, broadcast_id in store.open_runs(account):
        found = store.find(account, broadcast_id)
        if found and found.run == run and found.status in _AHEAD and found.body.get("priority"):
            yield found


def _wishes(account: str, ahead: Sequence[Broadcast], category: str, now: datetime) -> list[Wish]:
    snapshot, of_account = catalog.snapshot(account), accounts.get_account(account)
    policy, context = policies.of_account(of_account, snapshot), language.Context(snapshot, of_account.zone)
    wishes = []
    for broadcast in ahead:
        if category in _categories(broadcast.body, snapshot) and broadcast.body.get("audience"):
            goes_at = policies.goes_out_at(policy, category, max(now, parse_iso(str(broadcast.at))))
            wishes.append(Wish(str(broadcast.run), goes_at, _meant(broadcast.body, context, goes_at)))
    return wishes


def _categories(body: dict[str, Any], snapshot: Snapshot) -> set[str]:
    """The categories of its messages."""
    if body.get("messages"):
        return {body.get("category") or "marketing"}
    named = [body["message"]] if body.get("message") else [one["message"] for one in body["variants"]]
    found = (snapshot.find("messages", name) for name in named)
    return {document.body.get("category", "marketing") for document in found if document}


def _meant(body: dict[str, Any], context: language.Context, at: datetime) -> Callable[[Sheet], bool]:
    included = language.compile_audience(body["audience"], context)
    excluded = language.compile(body["exclude"], context) if body.get("exclude") else None
    return lambda sheet: included(sheet, at) and not (excluded and excluded(sheet, at))


def _wants(wish: Wish, sheet: Sheet) -> bool:
    """Whether it means the friend and has no place yet."""
    has = any(wish.run in value for value in sheet.values() if isinstance(value, set))
    return not has and sheet.get("status") == "following" and wish.means(sheet)
