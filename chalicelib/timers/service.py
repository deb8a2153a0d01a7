"""Arm, drain, verify, sweep, recover: the tables are the truth, queues and executions only speed.

What each step may rely on: an entry is durable before anything is sent or started for it; a minute is
sealed before it is read; whoever writes into a sealed minute sends by himself. So an entry is either
read by its minute's drain or sent by its writer, whatever crashes in between, and verify closes the
minute only when every owner has moved past his entries.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import aws, clock, executions, queues
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso
from chalicelib.timers import plan, store
from chalicelib.timers.model import (
    QUEUE_OF,
    VERIFY_AFTER,
    Entry,
    Kind,
    Slot,
    execution_name,
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

_LOOK_AHEAD = timedelta(minutes=15)
_SKEW = timedelta(seconds=30)  # how far clocks of two workers may differ
_STALL = timedelta(minutes=2)  # a writer slower than this might have written into a VERIFIED minute
_START_AHEAD = timedelta(days=7)  # executions live a year at most; later minutes are started by the sweeper
_CHECK = 100


class _Known:
    """Minutes whose bucket exists, and whose execution runs, as far as this process knows."""

    def __init__(self) -> None:
        self.client: Any = None
        self.opened: set[datetime] = set()
        self.started: set[datetime] = set()

    def fresh(self) -> _Known:
        # Another client may be another DynamoDB (tests, a restored laptop); a long life needs a bound.
        if self.client is not aws.client("dynamodb") or len(self.opened) > 50_000:
            self.client, self.opened, self.started = aws.client("dynamodb"), set(), set()
        return self


_known = _Known()


def _drain_early() -> timedelta:
    return timedelta(seconds=settings().timers_drain_early_s)


def _drain_at(minute: datetime) -> datetime:
    return plan.drain_at(minute, _drain_early())


def arm(entry: Entry) -> None:
    """Make sure that an entry is fed at its moment; when this returns it cannot be forgotten."""
    arm_all([entry])


def arm_all(entries: Sequence[Entry]) -> None:
    """``arm`` for many: one write per entry, a few calls per distinct minute.

    Repeating it is harmless. Raises Unavailable or botocore's errors: then arm again.
    """
    now = clock.now()
    _put(
        [
            Slot(entry, at=max(entry.due_at, now), direct=plan.is_direct(entry, now, _drain_early()))
            for entry in entries
        ]
    )


def watch(kind: Kind, account: str, id: str, body: dict[str, Any], at: datetime, attempt: int) -> None:  # noqa: A002 (the key's own name)
    """Look at a run or chunk again ``next_watch(attempt)`` after ``at`` (the moment of watching).

    Attempts count from 0. The first to set an attempt sets it for all: what a duplicate of the watch
    before does again is left out, so that watches never multiply.
    """
    if attempt and store.watched(kind, account, id) >= attempt:
        return
    arm(Entry(account, kind, id, attempt, at + next_watch(attempt), body=body))
    if attempt:
        # After the entry: a crash in between sets it twice, never not at all.
        store.set_watched(kind, account, id, attempt, at)


def _put(slots: list[Slot]) -> None:
    """Write slots, then send and start what their minutes do not do by themselves any more."""
    while slots:
        known = _known.fresh()
        by_minute = plan.minutes_of(slots)
        for minute in by_minute.keys() - known.opened:
            store.open_bucket(minute)
            known.opened.add(minute)
        store.put(slots)
        written_at = clock.now()
        to_send: list[Slot] = []
        slots = []
        for minute, inside in sorted(by_minute.items()):
            state = _state_after_write(minute, inside, written_at)
            if state == "VERIFIED":
                slots += [Slot(s.entry, written_at, direct=True, tries=s.tries) for s in inside]
            elif state in {"SEALED", "DRAINED"}:
                to_send += inside
            else:
                to_send += [slot for slot in inside if slot.direct]
        ready = [Slot(s.entry, max(s.at, s.entry.due_at), direct=s.direct) for s in to_send]
        _send(sorted(ready, key=lambda slot: slot.at), written_at)


def _state_after_write(minute: datetime, inside: list[Slot], written_at: datetime) -> str:
    if written_at >= minute + _STALL:
        return "VERIFIED"  # perhaps: as good as verified for a writer that was stopped for minutes
    if all(slot.direct for slot in inside) and _drain_at(minute) <= written_at:
        return "OPEN"  # all are sent by their writer; the sweeper verifies
    if minute in _known.started and written_at < _drain_at(minute) - _SKEW:
        return "OPEN"  # nobody seals it before its time
    bucket = store.read_bucket(minute)
    if bucket.state in {"OPEN", "ABSENT"}:
        if bucket.started:
            _known.started.add(minute)
        elif _drain_at(minute) - written_at < _START_AHEAD:
            _start(minute)
    return bucket.state


def _start(minute: datetime) -> None:
    """Start a minute's execution; whether that works or not decides about precision only."""
    payload = {
        "minute": minute_key(minute),
        "drain_at": f"{_drain_at(minute):%Y-%m-%dT%H:%M:%SZ}",
        "verify_at": f"{minute + VERIFY_AFTER:%Y-%m-%dT%H:%M:%SZ}",
        "timeout_s": settings().task_timeout_s,
    }
    try:
        started = executions.start("minute", execution_name(minute), payload)
    except (ClientError, BotoCoreError) as error:
        logger.warning("minute not started, the sweeper drains it", extra={**payload, "why": str(error)})
        return
    if started:
        store.set_started(minute)
        _known.started.add(minute)


def _send(slots: Iterable[Slot], now: datetime, *, backup: bool = False) -> int:
    """Send slots that come in order of ``at``; answers how many. Raises when a queue refuses."""
    sent = 0
    waiting: dict[str, list[queues.Message]] = {}
    for queue, message in plan.messages(slots, now, backup=backup):
        batch = waiting.setdefault(queue, [])
        batch.append(message)
        sent += len(message.body["entries"])
        if len(batch) == 10:
            _send_batch(queue, waiting.pop(queue))
    for queue, batch in waiting.items():
        _send_batch(queue, batch)
    return sent


def _send_batch(queue: str, batch: list[queues.Message]) -> None:
    if queues.send_all(queue, batch):
        raise Unavailable(f"queue {queue} refused due entries")


def drain(minute_name: str) -> int:
    """Seal a minute, read it whole, send its entries with their delays; answers how many were sent.

    A minute that is DRAINED or VERIFIED is left alone (0).
    """
    minute = parse_minute(minute_name)
    if not store.seal(minute, clock.now()):
        return 0
    sent = _send(store.slots(minute), clock.now(), backup=True)
    store.set_drained(minute, clock.now(), sent)
    return sent


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
    pending: list[Slot] = []
    for slot in store.slots(minute):
        pending.append(slot)
        if len(pending) == _CHECK:
            fed += _feed_again(pending, checks)
            pending = []
    fed += _feed_again(pending, checks)
    store.set_drained(minute, clock.now(), fed)
    store.set_verified(minute, clock.now())
    return fed


def _feed_again(slots: list[Slot], checks: Checks) -> int:
    """Send at once what has not advanced, and let it stand in a later minute as its own watch."""
    left: list[Slot] = []
    for kind in sorted({slot.entry.kind for slot in slots}):
        of_kind = [slot for slot in slots if slot.entry.kind == kind]
        done = checks[kind]([slot.entry for slot in of_kind])
        left += [
            slot
            for slot, advanced in zip(of_kind, done, strict=True)
            if not advanced and not _watched_later(slot.entry)
        ]
    if not left:
        return 0
    now = clock.now()
    # The watch first: a crash before the message leaves it standing in an unverified minute twice.
    _put([Slot(s.entry, now + next_watch(s.tries), direct=False, tries=s.tries + 1) for s in left])
    _send([Slot(s.entry, now) for s in left], now)
    logger.info("fed again", extra={"entries": len(left), "first": left[0].entry.id})
    return len(left)


def _watched_later(entry: Entry) -> bool:
    return entry.kind != "step" and store.watched(entry.kind, entry.account, entry.id) > entry.version


def sweep(checks: Checks) -> dict[str, int]:
    """Do what minutes' executions did not do; every minute. Answers ``{"drained", "verified", "fed"}``."""
    now = clock.now()
    done = {"drained": 0, "verified": 0, "fed": 0}
    for minute, bucket in _open_minutes(until=minute_of(now + _drain_early() + timedelta(minutes=2))):
        if minute + VERIFY_AFTER + _SKEW <= now:
            done["fed"] += verify(minute_key(minute), checks)
            done["verified"] += 1
        elif _drain_at(minute) + timedelta(seconds=10) <= now:
            if bucket.state in {"OPEN", "SEALED"}:
                drain(minute_key(minute))
                done["drained"] += 1
        elif _drain_at(minute) > now and minute not in _known.fresh().started:
            _start(minute)
    _advance_cursor(now)
    return done


def recover(checks: Checks) -> dict[str, int]:
    """After downtime: feed everything that is overdue or soon due, and start the coming executions again.

    Answers ``{"fed", "sent", "started"}``.
    """
    now = clock.now()
    done = {"fed": 0, "sent": 0, "started": 0}
    for minute, _ in _open_minutes(until=minute_of(now + _START_AHEAD)):
        if minute + VERIFY_AFTER <= now:
            done["fed"] += verify(minute_key(minute), checks)
            continue
        if _drain_at(minute) <= now:
            # Whether it was drained or not: the queue may have lost it.
            store.seal(minute, now)
            sent = _send(store.slots(minute), now)
            store.set_drained(minute, now, sent)
            done["sent"] += sent
            continue
        _start(minute)
        done["started"] += 1
        if minute <= minute_of(now + _LOOK_AHEAD):
            # Second copies, in case the execution does not come up; they arrive after its own.
            done["sent"] += _send(
                (Slot(s.entry, s.at, direct=True) for s in store.slots(minute)), now, backup=True
            )
    _advance_cursor(now)
    return done


def _open_minutes(until: datetime) -> list[tuple[datetime, store.BucketState]]:
    """Minutes from the cursor on that are not VERIFIED, with their buckets."""
    minutes = store.index(store.read_cursor(), until)
    buckets = store.read_buckets(minutes)
    return [(minute, buckets[minute]) for minute in minutes if buckets[minute].state != "VERIFIED"]


def _advance_cursor(now: datetime) -> None:
    """Move the cursor to the first minute that is not VERIFIED, never closer than 15 minutes.

    The distance is longer than any function runs: nobody can still open a minute before it.
    """
    limit = minute_of(now - _LOOK_AHEAD)
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
