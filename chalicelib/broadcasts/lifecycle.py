"""Runs begin, are kept going, and end. Whatever crashes in here is done again by the run's watch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import documents, model, store
from chalicelib.broadcasts.insight import service as insight
from chalicelib.broadcasts.model import MOVING, Broadcast
from chalicelib.broadcasts.narrowcasts import numbers
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, executions, queues
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.timers import recurrence
from chalicelib.timers import service as timers

MACHINE = "broadcast"
_FIRST_LOOK = timedelta(minutes=2)
_AFTER = timedelta(milliseconds=1)
"""So long after a due time it has come."""


def claimed(broadcast: Broadcast, body: dict[str, Any]) -> Broadcast | None:
    """The broadcast that was seen, claimed for going out with ``body``; None when it has changed.

    A publisher's act lets a broadcast go out, against an editor's change of what it uses at that time. The
    editor's check reads broadcasts and then moves the catalog's pointer; the act writes a broadcast. No item
    is both. So the act first notes on the broadcast what it will use (the claim), then counts itself on the
    pointer, then writes: an editor who looked before the claim does not move the pointer any more, and one
    who looks later sees the claim. Model: ``tests/model/test_beginning.py``. A claim that a crash left over
    keeps editors from what it names until the broadcast is edited or started.
    """
    used = sorted({f"{reference.kind}/{reference.id}" for reference in documents.references(body)})
    claim = new_ulid()
    if not store.claim(broadcast, claim, used):
        return None
    catalog.count_begun(broadcast.account)
    return replace(broadcast, claim=claim, claimed=tuple(used))


def begin(
    broadcast: Broadcast,
    at: datetime,
    every: dict[str, Any] | None,
    by: str | None,
    rest_of: str | None = None,
) -> bool:
    """Give a broadcast its next run, due at ``at`` and asked for ``by`` somebody; False when it has changed.

    The index and the watch come first: a run that began cannot be forgotten. Until it has begun they
    lead nowhere, and are dropped.
    """
    now, run = clock.now(), new_ulid()
    store.put_open(broadcast.account, run, broadcast.id)
    body = {"broadcast": broadcast.id, "run": run}
    timers.arm(timers.Entry(broadcast.account, "run", run, 0, max(at, now + _FIRST_LOOK), body=body))
    status = "scheduled" if at > now else "planning"
    if not store.begin(broadcast, run, iso(at), status, every, by, now, rest_of):
        store.close(broadcast.account, run)
        return False
    start(replace(broadcast, run=run, at=iso(at), status=status, every=every, executions=0))
    return True


def start(broadcast: Broadcast) -> None:
    """Start the next execution of a run. One that cannot be started now is started by the watch."""
    if not store.count_execution(broadcast):
        return
    payload = {
        "account": broadcast.account,
        "broadcast": broadcast.id,
        "run": broadcast.run,
        "at": model.machine_time(broadcast.at or iso(clock.now())),
        "timeout_s": settings().task_timeout_s,
    }
    try:
        executions.start(MACHINE, _name(str(broadcast.run), broadcast.executions), payload)
    except (BotoCoreError, ClientError):
        logger.exception("execution not started; the run's watch starts one", extra={"run": broadcast.run})


def _name(run: str, earlier: int) -> str:
    """The name of a run's execution: the run, and from the second one on its number."""
    # Step Functions remembers a name for 90 days after its execution ended.
    return run if earlier == 0 else f"{run}-{earlier + 1}"


def ask(broadcast: Broadcast, step: str, token: str | None, *, delay_s: int = 0, poll: int = 0) -> None:
    """Put a command in the queue of this room's tasks."""
    names = {
        "task": step,
        "account": broadcast.account,
        "broadcast": broadcast.id,
        "run": broadcast.run,
        "token": token,
    }
    queues.send("broadcast-tasks", {**names, "poll": poll}, delay_s=delay_s)


def poll_now(broadcast: Broadcast) -> None:
    """Look at once at the step that the machine waits for, if it waits for one."""
    if broadcast.step:
        ask(broadcast, broadcast.step, broadcast.token, poll=1)


def ensure_running(broadcast: Broadcast) -> None:
    """See to it that a run that is not at its end moves: an execution, messages for what is not done."""
    run = str(broadcast.run)
    control = deliveries.control(broadcast.account, run)
    if control.state == "paused" and control.until and control.until <= iso(clock.now()):
        deliveries.resume(broadcast.account, run, until=control.until)
    if broadcast.executions == 0 or not executions.is_running(MACHINE, _name(run, broadcast.executions - 1)):
        start(broadcast)  # from the top: every step feeds what is not done
        return
    if broadcast.step in {"release", "decide", "settle"} and broadcast.status != "cancelled":
        ask(broadcast, "release", None)
    poll_now(broadcast)


def watched(account: str, broadcast_id: str, run: str, attempt: int) -> None:
    """A run's watch has run out: unless the run is at its end, watch on, and keep it going."""
    broadcast = store.find(account, broadcast_id)
    begun = broadcast is not None and broadcast.run == run
    # A run that has not begun by now may be beginning just now; at the second look it is none.
    if broadcast is None or (broadcast.is_final if begun else attempt > 0):
        store.close(account, run)
        return
    timers.watch("run", account, run, {"broadcast": broadcast_id, "run": run}, clock.now(), attempt + 1)
    if begun:
        if broadcast.watch <= attempt:
            store.note(broadcast, watch=attempt + 1)
        ensure_running(broadcast)


def arm_decision(broadcast: Broadcast, due_times: Iterable[datetime]) -> None:
    """Have the timers come back when a test is counted and decided, once for all its due times."""
    now = clock.now()
    ahead = sorted({due_at for due_at in due_times if due_at > now})
    if ahead and iso(ahead[-1]) != broadcast.decides_at:
        for due_at in ahead:
            _arm(broadcast, "decision", due_at)
        store.note(broadcast, decides_at=iso(ahead[-1]))


def _arm(broadcast: Broadcast, kind: str, due_at: datetime) -> None:
    run, version = str(broadcast.run), to_ms(due_at)
    body = {"broadcast": broadcast.id, "run": run}
    timers.arm(timers.Entry(broadcast.account, kind, run, version, due_at + _AFTER, body=body))


def arm_variants(broadcast: Broadcast) -> None:
    """Have the timers come back when the time of a variant has come that has one of its own."""
    for variant in broadcast.body.get("variants") or ():
        due_at = parse_iso(variant["at"]) if variant.get("at") else None
        if due_at and due_at > clock.now():
            _arm(broadcast, "variant", due_at)


def due_time_came(account: str, broadcast_id: str, run: str) -> None:
    """A time has come for which a part of a run waits: a variant's time, or that of its decision."""
    broadcast = store.find(account, broadcast_id)
    if broadcast is not None and broadcast.run == run and not broadcast.is_final:
        ensure_running(broadcast)


def hold_ended(account: str, broadcast_id: str, run: str, until: str) -> None:
    """The time has come for which policies have paused a run."""
    deliveries.end_hold(account, run, until)
    due_time_came(account, broadcast_id, run)


def miss(broadcast: Broadcast) -> None:
    """Too late, and nothing was released: a person must say what shall be done."""
    _end(broadcast, "missed", ("scheduled", "planning", "awaiting_approval"), None)


def fail(broadcast: Broadcast, reason: Reason) -> None:
    """The run cannot work; nothing was released."""
    _end(broadcast, "failed", ("scheduled", *MOVING), model.kept_reason(reason))


def finish(broadcast: Broadcast) -> None:
    """Everything is sent and answered (or, cancelled, whatever was on its way is)."""
    if broadcast.status == "cancelled":
        _end(broadcast, "cancelled", ("cancelled",), broadcast.reason)
    else:
        insight.arm(broadcast)
        _end(broadcast, "done", MOVING, None)


def _end(broadcast: Broadcast, status: str, of: tuple[str, ...], reason: str | None) -> None:
    """The outcome in the history first, then the broadcast (or at once its next run), then the index."""
    now, run = clock.now(), str(broadcast.run)
    reached, _ = numbers.progress(broadcast.account, run, broadcast.body)
    store.write_outcome(replace(broadcast, reason=reason), status, reached, now)
    if broadcast.every and status != "cancelled":
        zone = accounts.get_account(broadcast.account).zone
        after = max(now, parse_iso(broadcast.at or iso(now)))
        ended = begin(
            broadcast,
            recurrence.next_occurrence(broadcast.every, zone, after),
            broadcast.every,
            broadcast.asked_by,
        )
    else:
        ended = store.move(broadcast, status, of, reason=reason, finished_at=iso(now), token=None, step=None)
    if ended:
        store.close(broadcast.account, run)
