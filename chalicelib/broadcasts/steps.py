"""The state machine's tasks. Each ``ensure`` may be asked for at any time, any number of times.

It answers an outcome for the machine (``ok``, ``cancelled``, ``missed``, ``failed``, ``gone``), or None:
not yet, somebody will ask again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from chalicelib.broadcasts import lifecycle, model, store
from chalicelib.broadcasts.model import Broadcast, RunSnapshot
from chalicelib.broadcasts.narrowcasts import steps as narrowcasts
from chalicelib.broadcasts.plans import planning, run_snapshots
from chalicelib.broadcasts.winners import deciding
from chalicelib.deliveries import limits, policies
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, executions, line
from chalicelib.shared import time_left
from chalicelib.shared.errors import NotFound, RuleViolation
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso, parse_iso

_POLLS_S = (1, 1, 2, 2, 3, 5, 8, 10, 15)
"""Seconds between two looks at whether everything is sent."""


def carry_out(account: str, broadcast_id: str, run: str, step: str, token: str | None, poll: int = 0) -> None:
    """Ensure a step and answer the machine's token once it is done.

    The newest token is kept on the broadcast, so that whoever completes the step later can answer it.
    ``poll`` > 0: not asked by the machine, but by us, to look again at what its token waits for.
    """
    broadcast = store.find(account, broadcast_id)
    if broadcast is None or broadcast.run != run:
        if token:
            executions.succeed(token, {"outcome": "gone"})
        return
    if poll and token != broadcast.token:
        return  # the machine has asked again since; that one is looked after
    if token and token != broadcast.token:
        store.note(broadcast, step=step, token=token)
        broadcast = replace(broadcast, step=step, token=token)
    outcome = ENSURE[step](broadcast)
    if outcome is not None:
        waiting = token or (broadcast.token if broadcast.step == step else None)
        if waiting:
            executions.succeed(waiting, {"outcome": outcome})
    elif token and _is_polled(step, broadcast) and not _is_paused(broadcast):
        polls = narrowcasts.POLLS_S if narrowcasts.is_one(broadcast.body) else _POLLS_S
        delay = polls[min(poll, len(polls) - 1)]
        lifecycle.ask(broadcast, step, token, delay_s=delay, poll=poll + 1)


def _is_paused(broadcast: Broadcast) -> bool:
    return (
        broadcast.status != "cancelled"
        and deliveries.control(broadcast.account, str(broadcast.run)).state == "paused"
    )


def _plan(broadcast: Broadcast) -> str | None:
    if broadcast.status in {"done", "missed", "failed"}:
        return "ok" if broadcast.status == "done" else broadcast.status
    if broadcast.status == "scheduled":
        wait = (parse_iso(broadcast.at or "") - clock.now()).total_seconds()
        if wait > 0:
            lifecycle.ask(broadcast, "plan", broadcast.token, delay_s=ceil(wait), poll=1)
            return None
        if not _is_late(broadcast):
            store.move(broadcast, "planning", ("scheduled",), started_at=iso(clock.now()))
            return _plan(_again(broadcast))
    run_snapshot = run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, str(broadcast.run))
    if narrowcasts.is_one(broadcast.body) and (run_snapshot is not None or not _is_late(broadcast)):
        return narrowcasts.plan(broadcast)
    if run_snapshot is None:
        if broadcast.status == "cancelled":
            return "cancelled"
        if _is_late(broadcast):
            lifecycle.miss(broadcast)
            return "missed"
        try:
            run_snapshot = planning.freeze(broadcast)
        except (RuleViolation, NotFound) as error:
            lifecycle.fail(broadcast, error.reason)
            return "failed"
    if not planning.fan_out(run_snapshot, time_left.current()):
        return None
    return "cancelled" if _again(broadcast).status == "cancelled" else "ok"


def _again(broadcast: Broadcast) -> Broadcast:
    return store.find(broadcast.account, broadcast.id) or broadcast


def _is_late(broadcast: Broadcast) -> bool:
    return model.is_too_late(broadcast.body, broadcast.at or iso(clock.now()), broadcast.go_at, clock.now())


def _check(broadcast: Broadcast) -> str | None:
    if broadcast.status == "cancelled":
        return "cancelled"
    if broadcast.status not in {"planning", "awaiting_approval"}:
        return "ok"
    recipients = _recipients(broadcast)
    limit = policies.approval_above(broadcast.account)
    is_large = limit is not None and (recipients is None or recipients > limit)
    if is_large and not broadcast.approved:
        store.move(broadcast, "awaiting_approval", ("planning",))
        return None
    control = deliveries.control(broadcast.account, str(broadcast.run))
    if control.state == "paused" and control.reason == "quota":
        return None
    if not _quota_holds(broadcast, 1 if recipients is None else recipients):
        deliveries.pause(broadcast.account, str(broadcast.run), "quota")
        return None
    return "ok"


def _recipients(broadcast: Broadcast) -> int | None:
    """How many it may reach; None: LINE chooses, and nobody has limited how many."""
    if narrowcasts.is_one(broadcast.body):
        return narrowcasts.needed(broadcast)
    return planning.totals(broadcast.account, str(broadcast.run)).to_be_sent


def _quota_holds(broadcast: Broadcast, needed: int) -> bool:
    """Whether LINE's quota has room for so many; a LINE that cannot be asked is not in the way."""
    if needed == 0:
        return True
    try:
        left = limits.left(broadcast.account)
    except line.NoAnswer:
        logger.warning("LINE did not report the quota; going on", extra={"account": broadcast.account})
        return True
    return left is None or left >= needed


def _release(broadcast: Broadcast) -> str | None:
    if broadcast.status == "cancelled":
        return "cancelled"
    if broadcast.status in {"done", "missed", "failed"}:
        return "ok" if broadcast.status == "done" else broadcast.status
    control = deliveries.control(broadcast.account, str(broadcast.run))
    if control.state == "paused":
        if not control.until or control.until > iso(clock.now()):
            return None
        deliveries.resume(broadcast.account, str(broadcast.run), until=control.until)
    if broadcast.status in {"planning", "awaiting_approval"}:
        if _is_late(broadcast):
            lifecycle.miss(broadcast)
            return "missed"
        if not store.move(broadcast, "sending", ("planning", "awaiting_approval")):
            return _release(_again(broadcast))
    if narrowcasts.is_one(broadcast.body):
        return narrowcasts.release(broadcast)
    lifecycle.arm_variants(broadcast)
    deliveries.feed_all(broadcast.account, str(broadcast.run))
    return "test" if deciding.is_tested(broadcast.body) else "ok"


def _decide(broadcast: Broadcast) -> str | None:
    if broadcast.status == "cancelled":
        return "cancelled"
    run_snapshot = _snapshot_of(broadcast)
    if run_snapshot is None or broadcast.status not in {"sending", "settling"}:
        return "ok"
    decision = deciding.ensure(run_snapshot)
    if decision is None:
        lifecycle.arm_decision(broadcast, deciding.due_times(run_snapshot))
        return None
    if not planning.fan_out_rest(run_snapshot, decision, time_left.current()):
        return None
    deliveries.feed_all(broadcast.account, run_snapshot.run)
    return "ok"


def _is_polled(step: str, broadcast: Broadcast) -> bool:
    """Whether nobody reports when what a task waits for is done: something is being sent."""
    if narrowcasts.is_one(broadcast.body):
        return step in {"plan", "release", "settle", "cancel"}
    if step != "decide":
        return step in {"settle", "cancel"}
    run_snapshot = _snapshot_of(broadcast)
    return run_snapshot is not None and not deciding.waits_for_a_time(run_snapshot)


def _snapshot_of(broadcast: Broadcast) -> RunSnapshot | None:
    return run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, str(broadcast.run))


def _settle(broadcast: Broadcast) -> str | None:
    if broadcast.status == "cancelled":
        return "cancelled"
    if broadcast.status not in {"sending", "settling"}:
        return "ok"
    if narrowcasts.is_one(broadcast.body):
        return narrowcasts.settle(broadcast)
    waiting, untried = deliveries.waiting(broadcast.account, str(broadcast.run))
    if waiting:
        if not untried and broadcast.status == "sending":
            store.move(broadcast, "settling", ("sending",))
        return None
    lifecycle.finish(broadcast)
    return "ok"


def _cancel(broadcast: Broadcast) -> str | None:
    if broadcast.status != "cancelled" or broadcast.is_final:
        return "ok"
    if narrowcasts.is_one(broadcast.body):
        return narrowcasts.cancel(broadcast)
    run = str(broadcast.run)
    run_snapshot = run_snapshots.find_run_snapshot(broadcast.account, broadcast.id, run)
    if run_snapshot is not None:
        deliveries.cancel(broadcast.account, run)
        left = time_left.current()
        if not planning.fan_out(run_snapshot, left):
            return None  # planned to its end, so that every friend is accounted for
        if not planning.fan_out_rest(run_snapshot, deciding.give_up(run_snapshot), left):
            return None
        deliveries.cancel_pending(broadcast.account, run)
        if deliveries.waiting(broadcast.account, run)[0]:
            return None
    lifecycle.finish(broadcast)
    return "ok"


ENSURE: dict[str, Callable[[Broadcast], str | None]] = {
    "plan": _plan,
    "check": _check,
    "release": _release,
    "decide": _decide,
    "settle": _settle,
    "cancel": _cancel,
}
"""One function per task of the machine, by the task's name."""
