"""Erasing a friend: a tombstone instead of the sheet, no timeline, no contents; a job for the other rooms.

In this order: the tombstone, which stops every later event and names what reactions that were still being
worked on have sent (``handing_over``); the job ``erase``, twice: at once, and five minutes later; then,
without waiting for it: page by page, the job that names what other rooms hold (``forget_sent``), and the
page; the contents. The job does that again, and asks every keeper (``shared/keeping.py``). So whatever is cut
off, and whatever was being worked on then, is done five minutes later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.actions.effects import effect_name
from chalicelib.conversations import contents, overheard
from chalicelib.deliveries import service as deliveries
from chalicelib.events.kinds import type_of
from chalicelib.events.sheet import Sheet
from chalicelib.friends import beside, orders
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.shared.keeping import KEEPERS
from chalicelib.sheets.model import erased_at
from chalicelib.timeline import service as activities

_PER_JOB = 200
_AGAIN_S = 300


def erase(account: Account, user: str, at: str) -> bool:
    """Erase a friend for good; False when never heard of."""
    if not friends.erase(account.id, account.shards, user, at, _waiting):
        return False
    work = {"job": "erase", "account": account.id, "user": user, "at": at}
    for delay_s in (_AGAIN_S, 0):
        queues.send("bulk", work, delay_s=delay_s)
    finish(account, user)
    deliveries.forget_sent_messages(account, user)  # who comes back at once is welcomed
    return True


def finish(account: Account, user: str) -> None:
    """Everything that follows the tombstone; again and again, it changes nothing more. Of a friend who came
    back, what is from after the erasure stays.
    """
    sheet = friends.load(account.id, account.shards, user)
    if sheet is None or not erased_at(sheet):
        return
    waiting: list[list[Any]] = sheet.get("handing_over") or []
    if waiting:
        _hand_over(account.id, user, waiting, [])
        friends.note_handed_over(account.id, account.shards, user, erased_at(sheet))
    until = None if sheet["status"] == "erased" else erased_at(sheet)
    beside.forget(account.id, account.shards, user, until)
    sweep(account.id, user, until)


def forget_elsewhere(account: Account, user: str) -> None:
    """What others keep of a friend who was erased; as long as files are large, so only a job does it."""
    sheet = friends.load(account.id, account.shards, user)
    if sheet is None or not erased_at(sheet):
        return
    for keeper in KEEPERS.values():
        keeper.forget(account, user, erased_at(sheet))


def sweep(account: str, user: str, until: str | None) -> None:
    """Hand over and delete the friend's timeline and contents up to a moment; with None all of it."""
    for page in activities.pages(account, user):
        gone = [a for a in page if until is None or a["at"] <= until]
        _hand_over(account, user, *_sent(gone))
        overheard.forget(account, gone)
        orders.release(account, user, _orders(gone))
        activities.delete([(account, user, activities.sort_key(activity)) for activity in gone])
    contents.delete_all(account, user, until)
    overheard.forget_chat(account, user)


def _orders(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """The orders and refunds that activities report."""
    named = [(a.get("props") or {}).get("order_id") for a in found if type_of(a["type"]).reports_order]
    return [order for order in named if isinstance(order, str)]


def kept_of(tombstone: Sheet | None) -> Sheet:
    """What goes on the new sheet of a friend who comes back."""
    left = tombstone.get("handing_over") if tombstone is not None else None
    kept: Sheet = {"erased_at": erased_at(tombstone)}
    return {**kept, "handing_over": left} if left else kept


def _waiting(sheet: Sheet) -> dict[str, Any]:
    """What the tombstone keeps until it is handed over: the effects of reactions that have no activity yet,
    and what an earlier tombstone kept.
    """
    names: list[list[Any]] = list(sheet.get("handing_over") or ())
    for event_id, record in (sheet.get("pending") or {}).items():
        names += [effect_name(event_id, effect) for effect in record["effects"]]
    return {"handing_over": names} if names else {}


def _sent(found: Iterable[Mapping[str, Any]]) -> tuple[list[list[Any]], list[list[str]]]:
    """The effects of activities, and the chunks of those that report one."""
    effects: list[list[Any]] = []
    chunks: list[list[str]] = []
    for activity in found:
        for effect in activity.get("effects") or ():
            if activity["type"] == activities.SENT:
                run = str(effect.get("run", ""))
                chunks.append([run, activity["event_id"].removeprefix(f"{activities.SENT}:{run}:")])
            else:
                effects.append(effect_name(activity["event_id"], effect))
    return effects, chunks


def _hand_over(account: str, user: str, effects: list[list[Any]], chunks: list[list[str]]) -> None:
    """Have other rooms forget what these effects and chunks sent, and whom they were for."""
    named = sorted({rule for _, _, rule, _ in effects})
    for start in range(0, max(len(effects), len(chunks), len(named)), _PER_JOB):
        part = slice(start, start + _PER_JOB)
        work = {"effects": effects[part], "chunks": chunks[part], "rules": named[part]}
        queues.send("bulk", {"job": "forget_sent", "account": account, "user": user, **work})
