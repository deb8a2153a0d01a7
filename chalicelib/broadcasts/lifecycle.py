"""Runs begin, are kept going, and end. Whatever crashes in here is done again by the run's watch."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import model, store
from chalicelib.broadcasts.model import MOVING, Head
from chalicelib.broadcasts.plans import planning
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, executions, queues
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import recurrence
from chalicelib.timers import service as timers

MACHINE = "broadcast"
_FIRST_LOOK = timedelta(minutes=2)


def begin(
    head: Head,
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
    store.put_open(head.account, run, head.id)
    body = {"broadcast": head.id, "run": run}
    timers.arm(timers.Entry(head.account, "run", run, 0, max(at, now + _FIRST_LOOK), body=body))
    status = "scheduled" if at > now else "planning"
    if not store.begin(head, run, iso(at), status, every, by, now, rest_of):
        store.close(head.account, run)
        return False
    start(replace(head, run=run, at=iso(at), status=status, every=every, executions=0))
    return True


def start(head: Head) -> None:
    """Start the next execution of a run. One that cannot be started now is started by the watch."""
    if not store.count_execution(head):
        return
    payload = {
        "account": head.account,
        "broadcast": head.id,
        "run": head.run,
        "at": model.machine_time(head.at or iso(clock.now())),
        "timeout_s": settings().task_timeout_s,
    }
    try:
        executions.start(MACHINE, _name(str(head.run), head.executions), payload)
    except (BotoCoreError, ClientError):
        logger.exception("execution not started; the run's watch starts one", extra={"run": head.run})


def _name(run: str, earlier: int) -> str:
    """The name of a run's execution: the run, and from the second one on its number."""
    # Step Functions remembers a name for 90 days after its execution ended.
    return run if earlier == 0 else f"{run}-{earlier + 1}"


def ask(head: Head, step: str, token: str | None, *, delay_s: int = 0, poll: int = 0) -> None:
    """Put a command in the queue of this room's tasks."""
    names = {"task": step, "account": head.account, "broadcast": head.id, "run": head.run, "token": token}
    queues.send("broadcast-tasks", {**names, "poll": poll}, delay_s=delay_s)


def nudge(head: Head) -> None:
    """Look at once at the step that the machine waits for, if it waits for one."""
    if head.step:
        ask(head, head.step, head.token, poll=1)


def keep_going(head: Head) -> None:
    """See to it that a run that is not at its end moves: an execution, messages for what is not done."""
    run = str(head.run)
    control = deliveries.control(head.account, run)
    if control.state == "paused" and control.until and control.until <= iso(clock.now()):
        deliveries.resume(head.account, run, until=control.until)
    if head.executions == 0 or not executions.is_running(MACHINE, _name(run, head.executions - 1)):
        start(head)  # from the top: every step feeds what is not done
        return
    if head.step in {"release", "settle"} and head.status != "cancelled":
        ask(head, "release", None)
    nudge(head)


def watched(account: str, broadcast: str, run: str, attempt: int) -> None:
    """A run's watch has run out: unless the run is at its end, watch on, and keep it going."""
    head = store.find(account, broadcast)
    begun = head is not None and head.run == run
    # A run that has not begun by now may be beginning just now; at the second look it is none.
    if head is None or (head.is_final if begun else attempt > 0):
        store.close(account, run)
        return
    timers.watch("run", account, run, {"broadcast": broadcast, "run": run}, clock.now(), attempt + 1)
    if begun:
        if head.watch <= attempt:
            store.note(head, watch=attempt + 1)
        keep_going(head)


def hold_ended(account: str, broadcast: str, run: str, until: str) -> None:
    """The moment has come for which policies have paused a run."""
    deliveries.end_hold(account, run, until)
    head = store.find(account, broadcast)
    if head is not None and head.run == run and not head.is_final:
        keep_going(head)


def miss(head: Head) -> None:
    """Too late, and nothing was released: a person must say what shall be done."""
    _end(head, "missed", ("scheduled", "planning", "awaiting_approval"), None)


def fail(head: Head, reason: str) -> None:
    """The run cannot work; nothing was released."""
    _end(head, "failed", ("scheduled", *MOVING), reason[:500])


def finish(head: Head) -> None:
    """Everything is sent and answered (or, cancelled, whatever was on its way is)."""
    if head.status == "cancelled":
        _end(head, "cancelled", ("cancelled",), head.reason)
    else:
        _end(head, "done", MOVING, None)


def _end(head: Head, status: str, of: tuple[str, ...], reason: str | None) -> None:
    """The outcome in the history first, then the head (or at once its next run), then the index."""
    now, run = clock.now(), str(head.run)
    numbers, _ = planning.progress(head.account, run)
    store.write_outcome(replace(head, reason=reason), status, numbers, now)
    if head.every and status != "cancelled":
        zone = accounts.get_account(head.account).zone
        after = max(now, parse_iso(head.at or iso(now)))
        ended = begin(head, recurrence.next_occurrence(head.every, zone, after), head.every, head.asked_by)
    else:
        ended = store.move(head, status, of, reason=reason, finished_at=iso(now), token=None, step=None)
    if ended:
        store.close(head.account, run)
