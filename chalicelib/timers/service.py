"""Drain, verify, sweep, recover: the tables are the truth, queues and executions only speed.

What each step may rely on: an entry is durable before anything is sent or started for it; a minute is
sealed before it is read; whoever writes into a sealed minute sends by himself. So an entry is either
read by its minute's drain or sent by its writer, whatever crashes in between, and verify closes the
minute only when every owner has moved past his entries, or they are in a later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from chalicelib.gateways import clock, queues
from chalicelib.shared.observability import logger
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import arming, store
from chalicelib.timers.arming import arm, arm_all, watch
from chalicelib.timers.model import (
    DUE,
    EARLY,
    VERIFY_AFTER,
    Entry,
    Slot,
    minute_key,
    minute_of,
    next_watch,
    parse_minute,
)
from chalicelib.timers.waking import due, wait_until, wake

__all__ = [
    "DUE",
    "EARLY",
    "Checks",
    "Entry",
    "arm",
    "arm_all",
    "checks",
    "drain",
    "due",
    "next_due",
    "next_watch",
    "recover",
    "sweep",
    "verify",
    "wait_until",
    "wake",
    "watch",
]

Checks = Mapping[str, Callable[[Sequence[Entry]], list[bool]]]
"""For each kind: has the owner moved past these entries? One answer per entry, in order."""

Done = Mapping[str, int]
"""What was done, by name."""

_BEHIND = timedelta(minutes=15)
_CHECK = 100
_BATCH = 2_000
"""After so many entries of a minute the position is saved, or earlier, when the time is over."""
_LEAST = 100
"""So many are worked on in any case, so that a minute comes to its end however short the time is."""
_AT_WORK = timedelta(seconds=90)
"""Somebody who saved a position in a minute within this time is at work there."""


def checks() -> Checks:
    """Every kind's own."""
    return {name: kind.has_moved_on for name, kind in DUE.items()}


@dataclass(frozen=True)
class Walked:
    """What came of a walk through a minute: how many entries were sent, and whether it came to the end."""

    count: int = 0
    is_over: bool = True


def drain(minute_name: str, checks: Checks | None = None, left: TimeLeft = NO_LIMIT) -> Walked:
    """Seal a minute, read it whole, send its entries with their delays.

    A minute that is DRAINED or VERIFIED is left alone. With ``checks``, what is probably over by now
    (watches, and what was sent directly) is asked for first, and left out when its owner has moved on. When
    the time is over first, the minute stays SEALED, and whoever drains it next goes on from the position
    that is saved.
    """
    minute = parse_minute(minute_name)
    bucket = store.seal(minute, clock.now())
    if bucket is None:
        return Walked()

    def send(slots: Iterator[Slot]) -> int:
        if checks is not None:
            slots = _still_needed(slots, checks, _is_doubtful)
        return arming.send(slots, clock.now(), backup=True)

    walked = _walk(minute, "drain", bucket.drain, send, left)
    if walked.is_over:
        store.set_drained(minute, clock.now(), walked.count)
    return walked


def _is_doubtful(slot: Slot) -> bool:
    return slot.direct or DUE[slot.entry.kind].is_asked_when_drained


def _walk(
    minute: datetime,
    walk: store.Walk,
    at: store.Position,
    work: Callable[[Iterator[Slot]], int],
    left: TimeLeft,
) -> Walked:
    """Let ``work`` have a minute's slots a piece at a time, from a position on. The position is saved when
    they have been worked on, never before: a crash repeats some of them.
    """
    pieces = _Pieces(store.slots(minute, at.after), left)
    while pieces.following is not None:
        count = at.count + work(pieces.piece())
        at = store.Position(pieces.after, count)
        if pieces.following is not None:
            store.save_position(minute, walk, at, clock.now())
            if left.is_over:
                return Walked(at.count, is_over=False)
    return Walked(at.count)


class _Pieces:
    """A minute's slots. A piece ends after ``_BATCH`` of them, or when the time is over while they are worked
    on; never between two that are in one place.
    """

    def __init__(self, slots: Iterator[Slot], left: TimeLeft) -> None:
        self._slots, self._left = slots, left
        self.following, self.after = next(slots, None), ""

    def piece(self) -> Iterator[Slot]:
        """The next piece, one slot at a time; afterwards ``after`` is the place of its last."""
        taken = 0
        while (slot := self.following) is not None:
            if slot.key != self.after and self._is_enough(taken):
                return
            taken, self.after, self.following = taken + 1, slot.key, next(self._slots, None)
            yield slot

    def _is_enough(self, taken: int) -> bool:
        return taken >= _BATCH or (taken >= _LEAST and self._left.is_over)


def _still_needed(
    slots: Iterator[Slot], checks: Checks, doubtful: Callable[[Slot], bool] = lambda _: True
) -> Iterator[Slot]:
    """Those slots, in order, whose owners have not moved past them; only ``doubtful`` ones are asked for."""
    while batch := list(islice(slots, _CHECK)):
        asked = [slot for slot in batch if doubtful(slot)]
        over = {id(slot) for slot, done in zip(asked, _advanced(asked, checks), strict=True) if done}
        yield from (slot for slot in batch if id(slot) not in over)


def _advanced(slots: Sequence[Slot], checks: Checks) -> list[bool]:
    """For each slot: whether its owner has moved past it, or a later watch of it is armed."""
    answers: dict[int, bool] = {}
    for kind in sorted({slot.entry.kind for slot in slots}):
        of_kind = [slot for slot in slots if slot.entry.kind == kind]
        for slot, done in zip(of_kind, checks[kind]([one.entry for one in of_kind]), strict=True):
            answers[id(slot)] = done or _watched_later(slot.entry)
    return [answers[id(slot)] for slot in slots]


def _watched_later(entry: Entry) -> bool:
    return DUE[entry.kind].is_watch and store.watched(entry.kind, entry.account, entry.id) > entry.version


def verify(minute_name: str, checks: Checks, left: TimeLeft = NO_LIMIT) -> Walked:
    """Feed again what its owner has not moved past, then close the minute.

    What is fed again is in a later minute before this one becomes VERIFIED, so the chain of minutes
    never loses it, and minutes close in any case. When the time is over first, whoever verifies it next goes
    on from the position that is saved.
    """
    minute = parse_minute(minute_name)
    bucket = store.read_bucket(minute)
    if bucket.state == "VERIFIED":
        return Walked()
    was_drained = bucket.state == "DRAINED"
    if not was_drained:
        # Its time is long over, so feeding what is left is the drain.
        store.seal(minute, clock.now())

    def feed(slots: Iterator[Slot]) -> int:
        fed, needed = 0, _still_needed(slots, checks)
        while batch := list(islice(needed, _CHECK)):
            _feed_again(batch)
            fed += len(batch)
        return fed

    walked = _walk(minute, "verify", bucket.verify, feed, left)
    if walked.is_over:
        if not was_drained:
            store.set_drained(minute, clock.now(), walked.count)
        store.set_verified(minute, clock.now())
    return walked


def _feed_again(slots: list[Slot]) -> None:
    """Send at once what has not advanced, and put it in a later minute as its own watch."""
    now = clock.now()
    # The watch first: a crash before the message leaves it standing in an unverified minute twice.
    arming.put([Slot(s.entry, now + next_watch(s.tries), tries=s.tries + 1) for s in slots])
    arming.send([Slot(s.entry, now) for s in slots], now)
    logger.info("fed again", extra={"entries": len(slots), "first": slots[0].entry.id})


def sweep(checks: Checks, left: TimeLeft = NO_LIMIT) -> dict[str, int]:
    """Do what minutes' executions did not do; every minute, and what it has no time for in the next.

    Answers ``{"drained", "verified", "fed", "failed"?}``: a minute that fails does not hold up the others.
    """
    now = clock.now()
    done: Counter[str] = Counter(drained=0, verified=0, fed=0)
    until = minute_of(now + arming.drain_early() + timedelta(minutes=2))
    _each_minute(until, lambda minute, bucket: _sweep_minute(minute, bucket, checks, now, left), done, left)
    _advance_cursor(now)
    return dict(done)


def _sweep_minute(
    minute: datetime, bucket: store.BucketState, checks: Checks, now: datetime, left: TimeLeft
) -> Done:
    if bucket.moved_at and parse_iso(bucket.moved_at) + _AT_WORK > now:
        return {}
    if minute + VERIFY_AFTER + arming.SKEW <= now:
        walked = verify(minute_key(minute), checks, left)
        return {"fed": walked.count, "verified": int(walked.is_over)}
    if arming.drain_at(minute) + timedelta(seconds=10) <= now:
        if bucket.state in {"OPEN", "SEALED"}:
            return {"drained": int(drain(minute_key(minute), checks, left).is_over)}
    elif arming.drain_at(minute) > now and minute not in arming.known.fresh().started:
        arming.start(minute)
    return {}


def recover(checks: Checks, left: TimeLeft = NO_LIMIT) -> dict[str, int]:
    """After downtime: feed everything that is overdue or due now, and start the coming executions again.

    Whatever is due later than an arming would send directly has not been drained: its execution does that,
    or the sweeper, which also does what there is no time for. Returns ``{"fed", "sent", "started",
    "failed"?}``.
    """
    now = clock.now()
    done: Counter[str] = Counter(fed=0, sent=0, started=0)
    until = minute_of(now + arming.START_AHEAD)
    _each_minute(until, lambda minute, _: _recover_minute(minute, checks, now, left), done, left)
    _advance_cursor(now)
    return dict(done)


def _recover_minute(minute: datetime, checks: Checks, now: datetime, left: TimeLeft) -> Done:
    if minute + VERIFY_AFTER <= now:
        return {"fed": verify(minute_key(minute), checks, left).count}
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
    until: datetime,
    work: Callable[[datetime, store.BucketState], Done],
    done: Counter[str],
    left: TimeLeft,
) -> None:
    """Work on every open minute while there is time, and count what was done. One that fails stays open, and
    is tried again.
    """
    for number, (minute, bucket) in enumerate(_open_minutes(until=until)):
        if number and left.is_over:
            return
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


def next_due(kind: str) -> dict[str, Any]:
    """``{"next_at", "oldest_late_s", "waiting", "in_flight"}`` of a kind, for the status page.

    ``next_at`` is the first such entry in a minute not drained yet; ``oldest_late_s`` how long it has been
    due. What is drained shows as waiting or in flight.
    """
    now = clock.now()
    first: datetime | None = None
    minutes = store.index(store.read_cursor(), limit=100)
    buckets = store.read_buckets(minutes)
    for minute in minutes:
        if buckets[minute].state in {"DRAINED", "VERIFIED"}:
            continue
        of_kind = (s.at for s in store.slots(minute) if s.entry.kind == kind and not s.direct)
        first = next(of_kind, None)
        if first is not None:
            break
    counts = queues.counts(DUE[kind].queue)
    late = (now - first).total_seconds() if first else 0.0
    return {
        "next_at": iso(first) if first else None,
        "oldest_late_s": max(0, int(late)),
        "waiting": counts["waiting"],
        "in_flight": counts["in_flight"],
    }
