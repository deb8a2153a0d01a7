"""What LINE shows to everybody as published, and when that changes: an entry of the timers brings each change
at which a menu's period begins or ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import clock
from chalicelib.richmenus import making, moving, shown, store
from chalicelib.richmenus.documents import published
from chalicelib.shared.ids import digest
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry

_KIND = "rich_menus"
_ID = "periods"
_BEFORE = timedelta(milliseconds=1)


def show(account: Account, snapshot: Snapshot) -> None:
    """Aliases and the default menu, as they are published. Raises Refused."""
    body = published(snapshot) or {"menus": {}, "before": {}}
    menus = body["menus"]
    aliases = {menu["alias"]: menu["rich_menu_id"] for menu in menus.values() if menu.get("alias")}
    making.show_aliases(account.id, aliases)
    default = shown.in_force(snapshot, account.zone).default(clock.now())
    mine = {menu["rich_menu_id"] for menu in [*menus.values(), *body["before"].values()]}
    making.show_default(account.id, menus[default]["rich_menu_id"] if default else None, frozenset(mine))


def seen_to(account: Account, snapshot: Snapshot, at: str) -> None:
    """Friends are on their way to what they see at a moment; the next one is armed first."""
    following = shown.in_force(snapshot, account.zone).next_change(at)
    if following is not None:
        due_at = parse_iso(following)
        timers.arm(Entry(account.id, _KIND, _ID, to_ms(due_at), due_at))
    store.note_through(account.id, at)


def unseen(account: Account, menus: shown.Shown, at: str) -> str | None:
    """The first moment at which a period began or ended, and for which nobody was moved yet."""
    through = store.find(account.id).through
    edge = menus.next_change(through) if through else None
    return edge if edge is not None and edge <= at else None


def look(account_id: str) -> None:
    """Move friends for the periods that began or ended since the last look. Safe at any time, and twice.

    The walk is queued before the place is kept: a crash in between does so again. Raises Refused.
    """
    account = accounts.find_account(account_id)
    if account is None:
        return
    snapshot, now = catalog.snapshot(account.id), iso(clock.now())
    edge = unseen(account, shown.in_force(snapshot, account.zone), now)
    if edge is not None:
        show(account, snapshot)
        job = digest(_KIND, account.id, str(moving.generation_of(snapshot)), edge)[:32]
        moving.create(account, _KIND, job)
        moving.start(account, job, iso(parse_iso(edge) - _BEFORE))
    seen_to(account, snapshot, now)


def is_past(entries: Sequence[Entry]) -> list[bool]:
    """For each entry: whether its change is seen to, or nobody is there to see it."""
    return [
        accounts.find_account(entry.account) is None or store.find(entry.account).through >= iso(entry.due_at)
        for entry in entries
    ]
