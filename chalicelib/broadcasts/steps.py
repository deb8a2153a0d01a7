"""The state machine's tasks. Each ``ensure`` may be asked for at any time, any number of times.

It answers an outcome for the machine (``ok``, ``cancelled``, ``missed``, ``failed``, ``gone``), or None:
not yet, somebody will ask again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import ceil

from chalicelib.broadcasts import lifecycle, model, store
from chalicelib.broadcasts.model import Head
from chalicelib.broadcasts.plans import planning, run_snapshots
from chalicelib.deliveries import limits, policies
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, executions, line
from chalicelib.shared import time_left
from chalicelib.shared.errors import NotFound, RuleViolation
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso, parse_iso

_POLLS_S = (1, 1, 2, 2, 3, 5, 8, 10, 15)
"""Seconds between two looks at whether everything is sent."""


def carry_out(account: str, broadcast: str, run: str, step: str, token: str | None, poll: int = 0) -> None:
    """Ensure a step and answer the machine's token once it is done.

    The newest token is kept on the broadcast, so that whoever completes the step later can answer it.
    ``poll`` > 0: not asked by the machine, but by us, to look again at what its token waits for.
    """
    head = store.find(account, broadcast)
    if head is None or head.run != run:
        if token:
            executions.succeed(token, {"outcome": "gone"})
        return
    if poll and token != head.token:
        return  # the machine has asked again since; that one is looked after
    if token and token != head.token:
        store.note(head, step=step, token=token)
        head = replace(head, step=step, token=token)
    outcome = ENSURE[step](head)
    if outcome is not None:
        waiting = token or (head.token if head.step == step else None)
        if waiting:
            executions.succeed(waiting, {"outcome": outcome})
    elif token and step in {"settle", "cancel"} and not _is_paused(head):
        delay = _POLLS_S[min(poll, len(_POLLS_S) - 1)]
        lifecycle.ask(head, step, token, delay_s=delay, poll=poll + 1)


def _is_paused(head: Head) -> bool:
    return head.status != "cancelled" and deliveries.control(head.account, str(head.run)).state == "paused"


def _plan(head: Head) -> str | None:
    if head.status in {"done", "missed", "failed"}:
        return "ok" if head.status == "done" else head.status
    if head.status == "scheduled":
        wait = (parse_iso(head.at or "") - clock.now()).total_seconds()
        if wait > 0:
            lifecycle.ask(head, "plan", head.token, delay_s=ceil(wait), poll=1)
            return None
        if not _is_late(head):
            store.move(head, "planning", ("scheduled",), started_at=iso(clock.now()))
            return _plan(_again(head))
    frozen = run_snapshots.find_frozen(head.account, head.id, str(head.run))
    if frozen is None:
        if head.status == "cancelled":
            return "cancelled"
        if _is_late(head):
            lifecycle.miss(head)
            return "missed"
        try:
            frozen = planning.freeze(head)
        except (RuleViolation, NotFound) as error:
            lifecycle.fail(head, error.message)
            return "failed"
    if not planning.fan_out(frozen, time_left.current()):
        return None
    return "cancelled" if _again(head).status == "cancelled" else "ok"


def _again(head: Head) -> Head:
    return store.find(head.account, head.id) or head


def _is_late(head: Head) -> bool:
    return model.is_too_late(head.body, head.at or iso(clock.now()), head.go_at, clock.now())


def _check(head: Head) -> str | None:
    if head.status == "cancelled":
        return "cancelled"
    if head.status not in {"planning", "awaiting_approval"}:
        return "ok"
    recipients = planning.totals(head.account, str(head.run)).recipients
    limit = policies.approval_above(head.account)
    if limit is not None and recipients > limit and not head.approved:
        store.move(head, "awaiting_approval", ("planning",))
        return None
    control = deliveries.control(head.account, str(head.run))
    if control.state == "paused" and control.reason == "quota":
        return None
    if not _quota_holds(head, recipients):
        deliveries.pause(head.account, str(head.run), "quota")
        return None
    return "ok"


def _quota_holds(head: Head, needed: int) -> bool:
    """Whether LINE's quota has room for so many; a LINE that cannot be asked is not in the way."""
    if needed == 0:
        return True
    try:
        left = limits.left(head.account)
    except line.NoAnswer:
        logger.warning("LINE did not tell the quota; going on", extra={"account": head.account})
        return True
    return left is None or left >= needed


def _release(head: Head) -> str | None:
    if head.status == "cancelled":
        return "cancelled"
    if head.status in {"done", "missed", "failed"}:
        return "ok" if head.status == "done" else head.status
    control = deliveries.control(head.account, str(head.run))
    if control.state == "paused":
        if not control.until or control.until > iso(clock.now()):
            return None
        deliveries.resume(head.account, str(head.run), until=control.until)
    if head.status in {"planning", "awaiting_approval"}:
        if _is_late(head):
            lifecycle.miss(head)
            return "missed"
        if not store.move(head, "sending", ("planning", "awaiting_approval")):
            return _release(_again(head))
    deliveries.feed_all(head.account, str(head.run))
    return "ok"


def _settle(head: Head) -> str | None:
    if head.status == "cancelled":
        return "cancelled"
    if head.status not in {"sending", "settling"}:
        return "ok"
    waiting, untried = deliveries.waiting(head.account, str(head.run))
    if waiting:
        if not untried and head.status == "sending":
            store.move(head, "settling", ("sending",))
        return None
    lifecycle.finish(head)
    return "ok"


def _cancel(head: Head) -> str | None:
    if head.status != "cancelled" or head.is_final:
        return "ok"
    run = str(head.run)
    frozen = run_snapshots.find_frozen(head.account, head.id, run)
    if frozen is not None:
        deliveries.cancel(head.account, run)
        if not planning.fan_out(frozen, time_left.current()):
            return None  # planned to its end, so that every friend is accounted for
        deliveries.cancel_pending(head.account, run)
        if deliveries.waiting(head.account, run)[0]:
            return None
    lifecycle.finish(head)
    return "ok"


ENSURE: dict[str, Callable[[Head], str | None]] = {
    "plan": _plan,
    "check": _check,
    "release": _release,
    "settle": _settle,
    "cancel": _cancel,
}
"""One function per task of the machine, by the task's name."""
