"""One friend's menu follows their sheet: within the reaction that changes it, and again when a walk is on.

To link is to send LINE what the sheet says now, and then to look whether it says so still: of two workers
who change a friend the last to link has seen the last change, or links once more. A walk of all friends may
have read the sheet before and link after it; while one is on, the friend is therefore looked at again when
whatever the walk had in hand is over. ``tests/model/test_rich_menus.py`` searches this.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.actions.model import Decision, Done
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, line, queues
from chalicelib.gateways.expressions import Condition
from chalicelib.richmenus import shown, store
from chalicelib.richmenus.shown import FIELD, GONE
from chalicelib.shared.errors import TodokuError, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry, Woken

LOOK = "look_at_rich_menu"
_AGAIN_S = (15, 180)
"""When a friend is looked at again while a walk is on: soon, and when no worker of it can be left that has
read the sheet before. The function that walks has a minute, and LINE links many within seconds.
"""
_LOOKS = 5
_MIRRORED = ("scenario_",)
"""Events of what is on the sheet before the reaction hears of it."""


def is_due(decision: Decision, event: FriendEvent, snapshot: Snapshot, zone: ZoneInfo, now: datetime) -> bool:
    """Whether a friend is to be linked anew after an event, unless an action does it already. Pure.

    Whoever comes back after a block is linked again: what LINE has kept of them is not known.
    """
    menus, before, after = shown.in_force(snapshot, zone), decision.before, decision.after
    if any(e["action"] == "switch_rich_menu" and e["status"] == "pending" for e in decision.effects):
        return False
    if after.get("status") in GONE or not (menus.rules or after.get(FIELD)):
        return False
    wanted = menus.link(after, now)
    if before is None:
        return wanted is not None
    is_back = event.type == "followed" or before.get("status") in GONE
    has_changed = event.type.startswith(_MIRRORED) and "scenarios" in menus.needs
    return is_back or has_changed or wanted != menus.link(before, now)


def follow(
    account: Account, user: str, sheet: Sheet, snapshot: Snapshot, *, at: datetime | None = None
) -> Done:
    """Link a friend to the menu of their sheet as of now, or of a time that is about to come. Raises
    Unavailable when LINE may take it later.
    """
    is_walked = bool(store.find(account.id).walks)  # before it is linked: a walk may end meanwhile
    answer = _settle(account, user, sheet, snapshot, at)
    if not 200 <= answer.status < 300:
        why = Reason("line_answered", status=answer.status, message=answer.message)
        if answer.status == 429 or answer.status >= 500:
            raise Unavailable(why)
        return "failed", why
    if is_walked:
        for seconds in _AGAIN_S:
            message = {"job": LOOK, "account": account.id, "user": user}
            queues.send("bulk", message, delay_s=seconds)
    return "done", None


def _settle(
    account: Account, user: str, sheet: Sheet, snapshot: Snapshot, at: datetime | None
) -> line.Answer:
    """Link until the sheet says what was linked."""
    for _ in range(_LOOKS):
        wanted = _wanted(account, sheet, snapshot, at)
        answer = _link(account.id, user, wanted)
        if not 200 <= answer.status < 300:
            return answer
        snapshot = catalog.snapshot(account.id)
        sheet = friends.load(account.id, account.shards, user) or {}
        if _wanted(account, sheet, snapshot, at) == wanted:
            return answer
    raise Unavailable(Reason("friend_busy", user=user, account=account.id))


def _wanted(account: Account, sheet: Sheet, snapshot: Snapshot, at: datetime | None) -> str | None:
    if sheet.get("status") in {None, "erased"}:
        return None
    now = clock.now()
    return shown.in_force(snapshot, account.zone).link(sheet, max(now, at or now))


def _link(account: str, user: str, menu: str | None) -> line.Answer:
    answer = line.link_rich_menu(accounts.line_credentials(account)["channel_access_token"], user, menu)
    if answer.status == 401:
        token = accounts.line_credentials(account, refresh=True)["channel_access_token"]
        answer = line.link_rich_menu(token, user, menu)
    return answer


def look(account_id: str, user: str, *, at: datetime | None = None) -> None:
    """Link a friend to the menu of their sheet as it is now. Safe at any time. Raises Unavailable."""
    account = accounts.get_account(account_id)
    sheet = friends.load(account.id, account.shards, user)
    if sheet is None or sheet["status"] in GONE:
        return
    status, why = follow(account, user, sheet, catalog.snapshot(account.id), at=at)
    if status == "failed":
        logger.warning("a friend's menu was not linked", extra={"account": account_id, "why": str(why)})


# A switch that ends


def arm_end(account: str, user: str, until: str) -> None:
    """Have a switch end at its due time."""
    due_at = parse_iso(until)
    timers.arm(Entry(account, "rich_menu_end", user, to_ms(due_at), due_at))


def end(entries: Sequence[Woken]) -> None:
    """Switches end: first the friend is linked by the rules, then the sheet forgets the switch, so that one
    who was cut off in between is looked at again. Raises what kept some of them.
    """
    failed: TodokuError | None = None
    for entry in entries:
        account = accounts.find_account(entry["account"])
        if account is None:
            continue
        try:
            look(account.id, entry["id"], at=parse_iso(entry["due_at"]))
            _forget(account, entry["id"], entry["due_at"])
        except TodokuError as error:
            logger.exception("a switch could not end", extra={"account": account.id})
            failed = error
    if failed is not None:
        raise failed


def _forget(account: Account, user: str, until: str) -> None:
    same = [Condition((FIELD, "until"), "=", until)]
    friends.update_paths(account.id, account.shards, user, removes=[(FIELD,)], conditions=same)


def has_ended(entries: Sequence[Entry]) -> list[bool]:
    """For each entry: whether another switch is in force, or none."""
    standing: dict[tuple[str, str], Mapping[str, Any]] = {}
    for account_id in {entry.account for entry in entries}:
        account = accounts.find_account(account_id)
        users = [entry.id for entry in entries if entry.account == account_id]
        sheets = friends.load_many(account_id, account.shards, users) if account else {}
        standing |= {(account_id, user): sheet.get(FIELD) or {} for user, sheet in sheets.items()}
    return [standing.get((e.account, e.id), {}).get("until") != iso(e.due_at) for e in entries]
