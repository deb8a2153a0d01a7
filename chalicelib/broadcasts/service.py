"""What may be done with broadcasts. Every action answers the broadcast as it is afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import documents, lifecycle, lookup, schedule, store, trial, views
from chalicelib.broadcasts import preview as previews
from chalicelib.broadcasts.documents import KIND
from chalicelib.broadcasts.going import open_runs_count, resume_open_runs, run_done
from chalicelib.broadcasts.model import EDITABLE, MOVING, STARTABLE, Head
from chalicelib.catalog import service as catalog
from chalicelib.catalog.validation import normal_body, summary
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock
from chalicelib.shared.errors import Conflict, Detail, InvalidInput, NotFound, RuleViolation
from chalicelib.shared.times import iso

__all__ = [
    "approve",
    "cancel",
    "get",
    "list_page",
    "open_runs_count",
    "pause",
    "preview",
    "put",
    "recipients",
    "resume",
    "resume_open_runs",
    "run_done",
    "runs",
    "send",
    "send_test",
    "set_schedule",
    "why",
]

_PAST = timedelta(minutes=1)
"""A schedule may name a moment that has just passed."""
_FUTURE = timedelta(days=300)
"""An execution lives a year at most."""


def get(account: str, broadcast: str) -> dict[str, Any]:
    """A broadcast with its progress. Raises NotFound."""
    return views.view(_get(account, broadcast))


def _get(account: str, broadcast: str) -> Head:
    head = store.find(account, broadcast)
    if head is None:
        raise NotFound(f"there is no broadcast {broadcast}")
    return head


def list_page(account: str, limit: int, after: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """A page of broadcasts in order of id, and the id to go on after."""
    heads, following = store.heads(account, limit, after)
    return [views.view(head) for head in heads], following


def put(
    account: str, broadcast: str, document: Any, if_match: int | None, by: str
) -> tuple[dict[str, Any], bool]:
    """Write a broadcast's document; answers it and whether it is new.

    Raises InvalidInput, RuleViolation, and Conflict when planning has begun or ``if_match`` does not hold.
    """
    body = normal_body(KIND, document)
    wrong = documents.problems(body, catalog.snapshot(account))
    if wrong:
        raise RuleViolation(summary(wrong), wrong)
    tried: int | None = None
    while True:
        head = store.find(account, broadcast)
        if head is not None and (head.revision, head.body) == (tried, body):
            # Written by us, and the answer was lost; or by somebody who wrote the same.
            accounts.audit(account, by, "broadcast.saved", broadcast)
            return get(account, broadcast), tried == 1
        if if_match is not None and if_match != (head.revision if head else 0):
            raise Conflict("it has changed since", current_revision=head.revision if head else None)
        if head is None:
            written = store.create(account, broadcast, body, clock.now())
        elif head.status not in EDITABLE:
            raise _wrong_state(head, "edited")
        else:
            written = store.edit(head, body, EDITABLE)
        tried = head.revision + 1 if head else 1
        if written:
            accounts.audit(account, by, "broadcast.saved", broadcast)
            return get(account, broadcast), head is None


def _wrong_state(head: Head, done: str) -> Conflict:
    status, _ = views.status_of(head)
    return Conflict(f"a broadcast that is {status} cannot be {done}", status=status)


def _act(account: str, broadcast: str, done: str, by: str, change: Callable[[Head], bool]) -> dict[str, Any]:
    """Do ``change`` with a broadcast; False: its state does not allow it."""
    head = _get(account, broadcast)
    if not change(head):
        raise _wrong_state(_get(account, broadcast), done)
    accounts.audit(account, by, f"broadcast.{done.replace(' ', '_')}", broadcast)
    return get(account, broadcast)


def send(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """Send now. Raises Conflict when it was sent already."""
    return _start(account, broadcast, "sent", by, lambda _now: clock.now(), None)


def set_schedule(account: str, broadcast: str, asked: documents.Schedule, by: str) -> dict[str, Any]:
    """Send at a moment, or again and again. A schedule may be replaced until planning begins."""
    zone = accounts.get_account(account).zone
    if asked.every is not None:
        every = asked.every.model_dump()
        return _start(
            account, broadcast, "scheduled", by, lambda now: schedule.next_occurrence(every, zone, now), every
        )
    at = asked.at
    assert at is not None  # the model has one of them
    now = clock.now()
    for wrong, why in (
        (at < now - _PAST, "is in the past"),
        (at > now + _FUTURE, "is more than 300 days away"),
    ):
        if wrong:
            raise RuleViolation(f"at: {why}", [Detail("at", why)])
    return _start(account, broadcast, "scheduled", by, lambda _now: at, None)


def _start(
    account: str,
    broadcast: str,
    done: str,
    by: str,
    at: Callable[[datetime], datetime],
    every: dict[str, Any] | None,
) -> dict[str, Any]:
    def change(head: Head) -> bool:
        if head.status not in STARTABLE:
            return False
        _able(account, broadcast)
        if not lifecycle.begin(head, at(clock.now()), every):
            return False
        if head.run is not None and head.status == "scheduled":
            store.close(account, head.run)  # its execution finds another run and ends
        return True

    return _act(account, broadcast, done, by, change)


def pause(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """Send nothing more until somebody says so. A broadcast that is being planned is planned to its end."""

    def change(head: Head) -> bool:
        if head.status not in MOVING or views.status_of(head) == ("paused", "operator"):
            return False
        return deliveries.pause(account, str(head.run), "operator")

    return _act(account, broadcast, "paused", by, change)


def resume(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """Let a paused broadcast go on, whatever it was paused for."""

    def change(head: Head) -> bool:
        if head.status not in MOVING or deliveries.control(account, str(head.run)).state != "paused":
            return False
        store.note(head, go_at=iso(clock.now()))
        if not deliveries.resume(account, str(head.run)):
            return False
        _push_on(head)
        return True

    return _act(account, broadcast, "resumed", by, change)


def _push_on(head: Head) -> None:
    """Feed what is not sent, and let the machine look at once."""
    if head.status in {"sending", "settling"}:
        lifecycle.ask(head, "release", None)
    lifecycle.nudge(head)


def approve(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """Allow a broadcast that is larger than the account's policies let pass by themselves."""

    def change(head: Head) -> bool:
        if head.status != "awaiting_approval":
            return False
        approved = store.move(head, "planning", ("awaiting_approval",), approved=True, go_at=iso(clock.now()))
        if approved:
            lifecycle.nudge(head)
        return approved

    return _act(account, broadcast, "approved", by, change)


def cancel(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """Send nothing more, ever. What LINE may have accepted already runs to its end."""

    def change(head: Head) -> bool:
        if not store.move(head, "cancelled", ("scheduled", *MOVING), reason="operator"):
            return False
        if head.status == "scheduled":
            lifecycle.finish(replace(head, status="cancelled", reason="operator"))
            return True
        deliveries.cancel(account, str(head.run))
        lifecycle.ask(head, "cancel", None)
        lifecycle.nudge(head)
        return True

    return _act(account, broadcast, "cancelled", by, change)


def send_test(account: str, broadcast: str, user_ids: list[str], by: str) -> dict[str, Any]:
    """Send it to chosen friends as a run of its own, in any state; the answer tells it under ``test_run``."""
    head = _able(account, broadcast)
    sent = trial.send(head, user_ids)
    accounts.audit(account, by, "broadcast.tested", broadcast)
    return {**views.view(head), "test_run": sent}


def preview(account: str, broadcast: str) -> dict[str, Any]:
    """What it would do now."""
    return previews.preview(_able(account, broadcast))


def _able(account: str, broadcast: str) -> Head:
    """A broadcast whose document can work now. Raises NotFound, RuleViolation."""
    head = _get(account, broadcast)
    wrong = documents.problems(head.body, catalog.snapshot(account))
    if wrong:
        raise RuleViolation(summary(wrong), wrong)
    return head


def recipients(
    account: str, broadcast: str, status: str | None, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of ``{"user_id", "status", "reason"?, "variant"?, "at"?}`` of the newest run."""
    if status is not None and status not in lookup.STATUSES:
        reason = "must be one of " + ", ".join(lookup.STATUSES)
        raise InvalidInput(f"status: {reason}", [Detail("status", reason)])
    return lookup.recipients(_get(account, broadcast), status, limit, cursor)


def why(account: str, broadcast: str, user: str) -> dict[str, Any]:
    """Why a friend is in the newest run or not, and what came of it."""
    return lookup.why(_get(account, broadcast), user)


def runs(
    account: str, broadcast: str, limit: int, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of runs, newest first: those at their end with their numbers, the current one as it stands."""
    head = _get(account, broadcast)
    found, following = store.runs(account, broadcast, limit, before)
    for line in found:
        if line["run"] == head.run:
            now = views.view(head)
            line |= {name: now[name] for name in ("status", "status_reason", "progress", "started_at")}
    return found, following
