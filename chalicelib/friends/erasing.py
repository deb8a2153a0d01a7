"""Erasing a friend: a tombstone instead of the sheet, no timeline, no contents; a job for the other rooms.

In this order: the tombstone, which stops every later event; then, page by page, the job that names what
other rooms hold (``forget_said``), and the page. Cut off, it is asked for again and goes on where it was.
What was being worked on then may still leave a line: the job ``erase`` looks again five minutes later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.friends import activities, contents, store
from chalicelib.friends.model import Sheet
from chalicelib.gateways import queues

_PER_JOB = 200
_AGAIN_S = 300


def erase(account: Account, user: str, at: str) -> bool:
    """Erase a friend for good; False when never heard of."""
    sheet = store.load(account.id, account.shards, user)
    if sheet is None or not store.erase(account.id, account.shards, user, at):
        return False
    _hand_over(account.id, user, _waiting(sheet))
    sweep(account.id, user, None)
    queues.send("bulk", {"job": "erase", "account": account.id, "user": user, "at": at}, delay_s=_AGAIN_S)
    return True


def sweep(account: str, user: str, until: str | None) -> None:
    """Hand over and delete the friend's timeline up to a moment; with None all of it, and the contents."""
    for page in activities.pages(account, user):
        gone = [a for a in page if until is None or a["at"] <= until]
        _hand_over(account, user, gone)
        activities.delete([(account, user, activity["event_id"]) for activity in gone])
    if until is None:
        contents.delete_all(account, user)


def effect_name(event_id: str, effect: Mapping[str, Any]) -> list[Any]:
    """An effect as jobs name it."""
    return [event_id, effect["action"], effect["rule"], effect["index"]]


def _waiting(sheet: Sheet) -> list[dict[str, Any]]:
    """The reactions that have no activity yet."""
    pending: dict[str, Any] = sheet.get("pending") or {}
    return [{"event_id": name, "type": "-", "effects": one["effects"]} for name, one in pending.items()]


def _hand_over(account: str, user: str, found: Iterable[Mapping[str, Any]]) -> None:
    """Have other rooms forget what these activities' effects said, and whom they were for."""
    effects: list[list[Any]] = []
    chunks: list[list[str]] = []
    rules: set[str] = set()
    for activity in found:
        for effect in activity.get("effects") or ():
            if activity["type"] == activities.SENT:
                run = str(effect.get("run", ""))
                chunks.append([run, activity["event_id"].removeprefix(f"{activities.SENT}:{run}:")])
            else:
                effects.append(effect_name(activity["event_id"], effect))
                rules.add(effect["rule"])
    named = sorted(rules)
    for start in range(0, max(len(effects), len(chunks), len(named)), _PER_JOB):
        part = slice(start, start + _PER_JOB)
        work = {"effects": effects[part], "chunks": chunks[part], "rules": named[part]}
        queues.send("bulk", {"job": "forget_said", "account": account, "user": user, **work})
