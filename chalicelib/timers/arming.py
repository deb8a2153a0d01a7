"""Arming: entries are written, then whatever their minutes do not do by themselves any more is done."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.gateways import aws, clock, executions, queues
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.timers import plan, store
from chalicelib.timers.model import (
    VERIFY_AFTER,
    Entry,
    Slot,
    execution_name,
    minute_key,
    minute_of,
    next_watch,
)

SKEW = timedelta(seconds=30)
"""How far the clocks of two workers may differ."""
START_AHEAD = timedelta(days=7)
"""Executions live a year at most; those of later minutes are started by the sweeper."""
_STALL = timedelta(minutes=2)
"""A writer slower than this might have written into a VERIFIED minute."""


class _Known:
    """Minutes whose bucket exists (``founded``: by this process), and whose execution runs, as far as this
    process knows.
    """

    def __init__(self) -> None:
        self.client: Any = None
        self.opened: set[datetime] = set()
        self.founded: set[datetime] = set()
        self.started: set[datetime] = set()

    def fresh(self) -> _Known:
        # Another client may be another DynamoDB (tests, a restored laptop); a long life needs a bound.
        if self.client is not aws.client("dynamodb") or len(self.opened) > 50_000:
            self.client = aws.client("dynamodb")
            self.opened, self.founded, self.started = set(), set(), set()
        return self


known = _Known()


def drain_early() -> timedelta:
    """How long before its minute a minute is drained (a setting)."""
    return timedelta(seconds=settings().timers_drain_early_s)


def drain_at(minute: datetime) -> datetime:
    """When a minute is to be drained."""
    return plan.drain_at(minute, drain_early())


def arm(entry: Entry) -> None:
    """Make sure that an entry is fed at its due time; when this returns it cannot be forgotten."""
    arm_all([entry])


def arm_all(entries: Sequence[Entry]) -> None:
    """``arm`` for many: one write per entry, a few calls per distinct minute.

    Repeating it is harmless. Raises Unavailable or botocore's errors: then arm again.
    """
    now = clock.now()
    put(
        [
            Slot(entry, at=max(entry.due_at, now), direct=plan.is_direct(entry, now, drain_early()))
            for entry in entries
        ]
    )


def watch(kind: str, account: str, id: str, body: dict[str, Any], at: datetime, attempt: int) -> None:  # noqa: A002 (the key's own name)
    """Look at a run or chunk again ``next_watch(attempt)`` after ``at`` (the time of watching); the first
    time perhaps a minute later.

    Attempts count from 0. The first to set an attempt sets it for all: what a duplicate of the watch
    before does again is left out, so that watches never multiply.
    """
    entry = Entry(account, kind, id, attempt, at + next_watch(attempt), body=body)
    if not attempt:
        if not _is_seen_by_the_present_minute(entry):
            arm(entry)
        return
    if store.watched(kind, account, id) >= attempt:
        return
    arm(entry)
    # After the entry: a crash in between sets it twice, never not at all.
    store.set_watched(kind, account, id, attempt, at)


def _is_seen_by_the_present_minute(entry: Entry) -> bool:
    """Put an entry in the present minute if something was due in that anyway: whoever has drained the
    minute verifies it two to three minutes from now, and asks for this one. So what is sent at one friend's
    step opens no minute of its own.

    False: there is no such minute, or the writer was stopped for so long that it may have been verified.
    """
    now = clock.now()
    minute = minute_of(now)
    if store.read_bucket(minute).state not in {"SEALED", "DRAINED"}:
        return False
    store.put([Slot(entry, at=now)])
    return clock.now() < minute + _STALL


def put(slots: list[Slot]) -> None:
    """Write slots, then send and start what their minutes do not do by themselves any more."""
    while slots:
        seen = known.fresh()
        by_minute = plan.minutes_of(slots)
        for minute in by_minute.keys() - seen.opened:
            if store.open_bucket(minute):
                seen.founded.add(minute)
            seen.opened.add(minute)
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
        send(sorted(ready, key=lambda slot: slot.at), written_at)


def _state_after_write(minute: datetime, inside: list[Slot], written_at: datetime) -> str:
    if written_at >= minute + _STALL:
        return "VERIFIED"  # perhaps: as good as verified for a writer that was stopped for minutes
    if all(slot.direct for slot in inside) and drain_at(minute) <= written_at:
        return "OPEN"  # all are sent by their writer; the sweeper verifies
    if minute in known.started and written_at < drain_at(minute) - SKEW:
        return "OPEN"  # nobody seals it before its time
    bucket = store.read_bucket(minute)
    if bucket.state in {"OPEN", "ABSENT"}:
        if bucket.started:
            known.started.add(minute)
        elif drain_at(minute) - written_at < START_AHEAD and start(minute) and minute not in known.founded:
            # A minute that nobody else comes to needs no note that it was started.
            store.set_started(minute)
    return bucket.state


def start(minute: datetime) -> bool:
    """Start a minute's execution; whether that works or not decides about precision only."""
    payload = {
        "minute": minute_key(minute),
        "drain_at": f"{drain_at(minute):%Y-%m-%dT%H:%M:%SZ}",
        "verify_at": f"{minute + VERIFY_AFTER:%Y-%m-%dT%H:%M:%SZ}",
        "timeout_s": settings().task_timeout_s,
    }
    try:
        started = executions.start("minute", execution_name(minute), payload)
    except (ClientError, BotoCoreError) as error:
        logger.warning("minute not started, the sweeper drains it", extra={**payload, "why": str(error)})
        return False
    if started:
        known.started.add(minute)
    return started


def send(slots: Iterable[Slot], now: datetime, *, backup: bool = False) -> int:
    """Send slots that come in order of ``at``; returns how many. Raises when a queue refuses."""
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
        raise Unavailable(Reason("due_refused"))
