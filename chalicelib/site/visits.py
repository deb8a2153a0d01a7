"""Whose a browser is, and what was done in it: given to its friend once, whatever races and crashes.

A browser has one friend, for as long as one is known (the tag takes a new name when another one comes).
Whoever sends something counts it on the browser's head, and sees there who is known; if nobody, keeps it.
Whoever makes a friend known leaves a job for later first, which finds what is kept by those who looked
before; then says so on the head; then leaves a job for now. Everything is given under the browser's own name
of it, so that the reaction applies it once. ``tests/model/test_visits.py`` proves it.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.accounts.model import Account
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.shared.errors import Conflict, LimitReached
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.site import store
from chalicelib.site.giving import give

MOST_PER_HOUR = 300
MOST_KEPT = 200
"""Of a stranger so much is kept; what comes later is not."""
_AFTER_S = 120
"""Longer than a request may take."""


def make_known(account: Account, visitor: str, user: str, address: str) -> bool:
    """Say that a friend is in a browser, by an address that was theirs to open; False: it counts for nobody.

    Raises Conflict where another friend is known. Whoever opens a link that was passed on to them, and opened
    before, stays who they are.
    """
    browser = store.name_of(visitor)
    if store.address_of(account.id, address) not in {"", browser}:
        return False
    known = store.find(account.id, browser).user
    if known not in {"", user}:
        raise Conflict(Reason("visitor_of_another"))
    if not store.claim_address(account.id, address, browser) or not _is_friend(account, user):
        return False
    job = {"job": "join_visits", "account": account.id, "browser": browser}
    queues.send("bulk", job, delay_s=_AFTER_S)
    store.note_of_friend(account.id, user, browser)
    if not store.make_known(account.id, browser, user):
        raise Conflict(Reason("visitor_of_another"))
    queues.send("bulk", job)
    return True


def _is_friend(account: Account, user: str) -> bool:
    sheet = friends.load(account.id, account.shards, user)
    return sheet is not None and sheet["status"] != "erased"


def is_known(account: Account, visitor: str) -> bool:
    """Whether a friend is known in a browser."""
    return bool(store.find(account.id, store.name_of(visitor)).user)


def take(account: Account, visitor: str, events: Sequence[FriendEvent]) -> bool:
    """Take what was done in a browser; whether a friend is known there. Raises LimitReached."""
    browser = store.name_of(visitor)
    found = store.count(account.id, browser, len(events), MOST_PER_HOUR)
    if found is None:
        raise LimitReached(Reason("site_too_much", most=MOST_PER_HOUR))
    if not found.user and found.sent <= MOST_KEPT:
        store.keep(account.id, browser, events)
    if found.user:
        give(account, found.user, events)
    return bool(found.user)


def join(account: Account, browser: str) -> None:
    """Give a browser's friend what was kept of it. Safe to repeat."""
    user = store.find(account.id, browser).user
    if not user:
        return
    kept = store.kept(account.id, browser)
    give(account, user, [event for _, event in kept])
    store.drop(account.id, browser, [place for place, _ in kept])


def forget(account: Account, user: str, until: str) -> None:
    """An erased friend is known in no browser any more, and what was kept there is gone."""
    for browser in store.browsers_of(account.id, user):
        store.forget(account.id, user, browser, until)
