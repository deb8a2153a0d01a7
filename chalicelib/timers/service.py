"""Drain, verify, sweep, recover: the tables are the truth, queues and executions only speed.

What each step may rely on: an entry is durable before anything is sent or started for it; a minute is
sealed before it is read; whoever writes into a sealed minute sends by himself. So an entry is either
read by its minute's drain or sent by its writer, whatever crashes in between, and verify closes the
minute only when every owner has moved past his entries, or they stand in a later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from chalicelib.gateways import clock, queues
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso
from chalicelib.timers import arming, store
from chalicelib.timers.arming import arm, arm_all, watch
from chalicelib.timers.model import (
    PACKED,
    QUEUE_OF,
    VERIFY_AFTER,
    Entry,
    Slot,
    minute_key,
    minute_of,
    next_watch,
    parse_minute,
)

__all__ = [
    "QUEUE_OF",
    "Checks",
    "Entry",
    "arm",
    "arm_all",
    "drain",
    "next_due",
    "next_watch",
    "recover",
    "sweep",
    "verify",
    "watch",
]

Checks = Mapping[str, Callable[[list[Entry]], list[bool]]]
"""For each kind: has the owner moved past these entries? One answer per entry, in order."""

Done = Mapping[str, int]
"""What was done, by name."""

_BEHIND = timedelta(minutes=15)
_CHECK = 100


def drain(minute_name: str, checks: Checks | None = None) -> int:
    """Seal a minute, read it whole, send its entries with their delays; answers how many were sent.

    A minute that is DRAINED or VERIFIED is left alone (0). With ``checks``, what is probably over by now
    (watches, and what was sent directly) is asked for first, and left out when its owner has moved on.
    """
    minute = parse_minute(minute_name)
    if not store.seal(minute, clock.now()):
        return 0
    slots = store.slots(minute)
    if checks is not None:
        slots = _still_needed(slots, checks, lambda slot: slot.direct or slot.entry.kind != "step")
    sent = arming.send(slots, clock.now(), backup=True)
    store.set_drained(minute, clock.now(), sent)
    return sent


def _still_needed(
    slots: Iterator[Slot], checks: Checks, doubtful: Callable[[Slot], bool] = lambda _: True
) -> Iterator[Slot]:
    """Those slots, in order, whose owners have not moved past them; only ``doubtful`` ones are asked for."""
    while batch := list(islice(slots, _CHECK)):
        asked = [slot for slot in batch if doubtful(slot)]
        over = {id(slot) for slot, done in zip(asked, _advanced(asked, checks), strict=True) if done}
        yield from (slot for slot in batch if id(slot) not in over)


def _advanced(slots: Sequence[Slot], checks: Checks) -> list[bool]:
    """For each slot: whether its owner has moved past it, or a later watch of it stands."""
    answers: dict[int, bool] = {}
    for kind in sorted({slot.entry.kind for slot in slots}):
        of_kind = [slot for slot in slots if slot.entry.kind == kind]
        for slot, done in zip(of_kind, checks[kind]([one.entry for one in of_kind]), strict=True):
            answers[id(slot)] = done or _watched_later(slot.entry)
    return [answers[id(slot)] for slot in slots]


def _watched_later(entry: Entry) -> bool:
    return entry.kind not in PACKED and store.watched(entry.kind, entry.account, entry.id) > entry.version


def verify(minute_name: str, checks: Checks) -> int:
    """Feed again what its owner has not moved past, then close the minute; answers how many were fed.

    What is fed again stands in a later minute before this one becomes VERIFIED, so the chain of minutes
    never loses it, and minutes close in any case.
    """
    minute = parse_minute(minute_name)
    state = store.read_bucket(minute).state
    if state == "VERIFIED":
        return 0
    if state != "DRAINED":
        # Not drained at all: its time is long over, so feeding what is left is the drain.
        store.seal(minute, clock.now())
    fed = 0
    needed = _still_needed(store.slots(minute), checks)
    while batch := list(islice(needed, _CHECK)):
        _feed_again(batch)
        fed += len(batch)
    store.set_drained(minute, clock.now(), fed)
    store.set_verified(minute, clock.now())
    return fed


def _feed_again(slots: list[Slot]) -> None:
    """Send at once what has not advanced, and let it stand in a later minute as its own watch."""
    now = clock.now()
    # The watch first: a crash before the message leaves it standing in an unverified minute twice.
    arming.put([Slot(s.entry, now + next_watch(s.tries), tries=s.tries + 1) for s in slots])
    arming.send([Slot(s.entry, now) for s in slots], now)
    logger.info("fed again", extra={"entries": len(slots), "first": slots[0].entry.id})


def sweep(checks: Checks) -> dict[str, int]:
    """Do what minutes' executions did not do; every minute.

    Answers ``{"drained", "verified", "fed", "failed"?}``: a minute that fails does not hold up the others.
    """
    now = clock.now()
    done: Counter[str] = Counter(drained=0, verified=0, fed=0)
    until = minute_of(now + arming.drain_early() + timedelta(minutes=2))
    _each_minute(until, lambda minute, bucket: _sweep_minute(minute, bucket, checks, now), done)
    _advance_cursor(now)
    return dict(done)


def _sweep_minute(minute: datetime, bucket: store.BucketState, checks: Checks, now: datetime) -> Done:
    if minute + VERIFY_AFTER + arming.SKEW <= now:
        return {"fed": verify(minute_key(minute), checks), "verified": 1}
    if arming.drain_at(minute) + timedelta(seconds=10) <= now:
        if bucket.state in {"OPEN", "SEALED"}:
            drain(minute_key(minute), checks)
            return {"drained": 1}
    elif arming.drain_at(minute) > now and minute not in arming.known.fresh().started:
        arming.start(minute)
    return {}


def recover(checks: Checks) -> dict[str, int]:
    """After downtime: feed everything that is overdue or due now, and start the coming executions again.

    Whatever is due later than an arming would send directly has not been drained: its execution does that,
    or the sweeper. Answers ``{"fed", "sent", "started", "failed"?}``.
    """
    now = clock.now()
    done: Counter[str] = Counter(fed=0, sent=0, started=0)
    until = minute_of(now + arming.START_AHEAD)
    _each_minute(until, lambda minute, _: _recover_minute(minute, checks, now), done)
    _advance_cursor(now)
    return dict(done)


def _recover_minute(minute: datetime, checks: Checks, now: datetime) -> Done:
    if minute + VERIFY_AFTER <= now:
        return {"fed": verify(minute_key(minute), checks)}
    needed = _still_needed(store.slots(minute), checks)
    if arming.drain_at(minute) <= now:
        # Whether it was drained or not: the queue may have lost it.
        store.seal(minute, now)
        sent = arming.send(needed, now)
        store.set_drained(minute, now, sent)
        return {"sent": sent}
    arming.start(minute)
    if arming.drain_at(minute) > now + timedelta(seconds=60):
        return {"started": 1}
    # Second copies, in case the execution does not come up; they arrive after its own.
    again = (Slot(slot.entry, slot.at, direct=True) for slot in needed)
    return {"started": 1, "sent": arming.send(again, now, backup=True)}


def _each_minute(
    until: datetime, work: Callable[[datetime, store.BucketState], Done], done: Counter[str]
) -> None:
    """Work on every open minute, and count what was done. One that fails stays open, and is tried again."""
    for minute, bucket in _open_minutes(until=until):
        try:
            done.update(work(minute, bucket))
        except Exception:  # noqa: BLE001 (the next minute may hold another friend's step)
            logger.exception("a minute could not be worked on", extra={"minute": minute_key(minute)})
            done["failed"] += 1


def _open_minutes(until: datetime) -> list[tuple[datetime, store.BucketState]]:
    """Minutes from the cursor on that are not VERIFIED, with their buckets."""
    minutes = store.index(store.read_cursor(), until)
    buckets = store.read_buckets(minutes)
    return [(minute, buckets[minute]) for minute in minutes if buckets[minute].state != "VERIFIED"]


def _advance_cursor(now: datetime) -> None:
    """Move the cursor to the first minute that is not VERIFIED, never closer than 15 minutes.

    The distance is longer than any function runs: nobody can still open a minute before it.
    """
    limit = minute_of(now - _BEHIND)
    waiting = _open_minutes(until=limit)
    store.move_cursor(waiting[0][0] if waiting else limit)


def next_due() -> dict[str, Any]:
    """``{"next_at", "oldest_late_s", "waiting", "in_flight"}`` of the steps, for the status page.

    ``next_at`` is the first step that stands in a minute not drained yet; ``oldest_late_s`` how long
    the first such step has been due. What is drained shows as waiting or in flight.
    """
    now = clock.now()
    first: datetime | None = None
    minutes = store.index(store.read_cursor(), limit=100)
    buckets = store.read_buckets(minutes)
    for minute in minutes:
        if buckets[minute].state in {"DRAINED", "VERIFIED"}:
            continue
        steps = (s.at for s in store.slots(minute) if s.entry.kind == "step" and not s.direct)
        first = next(steps, None)
        if first is not None:
            break
    counts = queues.counts("due")
    late = (now - first).total_seconds() if first else 0.0
    return {
        "next_at": iso(first) if first else None,
        "oldest_late_s": max(0, int(late)),
        "waiting": counts["waiting"],
        "in_flight": counts["in_flight"],
    }
