"""How slots become queue messages: when, to which queue, which together. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from chalicelib.gateways.queues import MAX_DELAY_S, Message
from chalicelib.shared.times import iso
from chalicelib.timers.model import DUE, Entry, Slot, minute_of

BACKUP_DELAY = timedelta(seconds=20)
"""A slot that was also sent directly is drained this much later, so that both copies do not compete, not even
in a wave: they would cut each other's multicasts to pieces."""


def delay_s(at: datetime, now: datetime) -> int:
    """Whole seconds to wait, so that a message arrives less than a second early and never later for it.

    SQS waits in whole seconds. Rounding down is early by under 1 s (which owners accept) and the time a
    message needs to travel works against it; rounding up would be late by up to a second, plus travel.
    """
    return max(0, min(MAX_DELAY_S, (at - now) // timedelta(seconds=1)))


def is_direct(entry: Entry, now: datetime, drain_early: timedelta) -> bool:
    """Whether an entry is due so soon that its minute's drain may come too late for it."""
    return entry.due_at - now <= drain_early + timedelta(seconds=60)


def drain_at(minute: datetime, drain_early: timedelta) -> datetime:
    """When a minute is to be drained."""
    return minute - drain_early


def body_of(entries: list[Entry]) -> dict[str, Any]:
    """A queue message's body: ``{"kind", "entries": [{"account", "id", "version", "due_at", "body"}]}``."""
    return {
        "kind": entries[0].kind,
        "entries": [
            {"account": e.account, "id": e.id, "version": e.version, "due_at": iso(e.due_at), "body": e.body}
            for e in entries
        ],
    }


def messages(slots: Iterable[Slot], now: datetime, *, backup: bool = False) -> Iterator[tuple[str, Message]]:
    """Queue messages for slots that come in order of ``at``, as (queue, message), in the same order.

    Entries of one kind, account, group and due second share messages as far as their kind packs them.
    With ``backup``, slots that were sent directly arrive ``BACKUP_DELAY`` after their due time.
    """
    packs: dict[tuple[str, str, str, bool], list[Slot]] = {}
    second: datetime | None = None
    for slot in slots:
        this_second = slot.at.replace(microsecond=0)
        if second is not None and this_second != second:
            yield from (_message(pack, now, backup=backup) for pack in packs.values())
            packs = {}
        second = this_second
        pack_size = DUE[slot.entry.kind].pack
        if pack_size == 1:
            yield _message([slot], now, backup=backup)
            continue
        key = (slot.entry.kind, slot.entry.account, slot.entry.group, slot.direct)
        pack = packs.setdefault(key, [])
        pack.append(slot)
        if len(pack) == pack_size:
            yield _message(packs.pop(key), now, backup=backup)
    yield from (_message(pack, now, backup=backup) for pack in packs.values())


def _message(pack: list[Slot], now: datetime, *, backup: bool) -> tuple[str, Message]:
    # The latest of the pack decides, so that none of them arrives a second early.
    at = max(slot.at for slot in pack)
    if backup and pack[0].direct:
        at += BACKUP_DELAY
    entries = [slot.entry for slot in pack]
    return DUE[entries[0].kind].queue, Message(body_of(entries), delay_s=delay_s(at, now))


def minutes_of(slots: Iterable[Slot]) -> dict[datetime, list[Slot]]:
    """Slots by the minute that they are in."""
    found: dict[datetime, list[Slot]] = {}
    for slot in slots:
        found.setdefault(minute_of(slot.at), []).append(slot)
    return found
