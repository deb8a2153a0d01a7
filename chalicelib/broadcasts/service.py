"""What may be done with broadcasts. Every action answers the broadcast as it is afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import audit
from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import claiming, documents, lifecycle, store, test_send, views
from chalicelib.broadcasts.documents import KIND
from chalicelib.broadcasts.model import EDITABLE, MOVING, STARTABLE, Head
from chalicelib.broadcasts.open_runs import (
    keep_run_going,
    open_heads,
    open_runs_count,
    resume_open_runs,
    run_done,
)
from chalicelib.broadcasts.plans import lookup, run_snapshots
from chalicelib.broadcasts.plans import preview as previews
from chalicelib.catalog import service as catalog
from chalicelib.catalog.validation import normal_body
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.model import STATUSES
from chalicelib.gateways import clock
from chalicelib.shared.errors import (
    Conflict,
    Detail,
    InvalidInput,
    NotAllowed,
    NotFound,
    RuleViolation,
)
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.timers import recurrence

__all__ = [
    "approve",
    "cancel",
    "get",
    "keep_run_going",
    "open_broadcasts",
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
        raise NotFound(Reason("no_document", kind="broadcast", id=broadcast))
    return head


def open_broadcasts(account: str) -> list[dict[str, Any]]:
    """The broadcasts whose runs are not at their end, as they are answered."""
    return [views.view(head) for head in open_heads(account)]


def put(
    account: str,
    broadcast: str,
    document: Any,
    if_match: int | None,
    by: str,
    editable: Sequence[str] = EDITABLE,
) -> tuple[dict[str, Any], bool]:
    """Write a broadcast's document; answers it and whether it is new.

    Raises InvalidInput, RuleViolation, NotAllowed when it is scheduled and that is not ``editable`` for
    whoever asks, and Conflict when planning has begun or ``if_match`` does not hold.
    """
    if broadcast == "calendar":
        raise RuleViolation.at("id", Reason("name_of_a_path"))
    body = normal_body(KIND, document)
    wrong = documents.problems(broadcast, body, catalog.snapshot(account))
    if wrong:
        raise RuleViolation.of(wrong)
    tried: int | None = None
    while True:
        head = store.find(account, broadcast)
        if head is not None and (head.revision, head.body) == (tried, body):
            # Written by us, and the answer was lost; or by somebody who wrote the same.
            accounts.audit(account, by, "broadcast.saved", broadcast)
            return get(account, broadcast), tried == 1
        if if_match is not None and if_match != (head.revision if head else 0):
            raise Conflict(Reason("changed_since"), current_revision=head.revision if head else None)
        if head is None:
            written = store.create(account, broadcast, body, clock.now())
        elif head.status not in editable:
            raise _not_editable(head)
        else:
            ready = claiming.claimed(head, body) if head.status == "scheduled" else head
            written = ready is not None and store.edit(ready, body, editable, by)
        tried = head.revision + 1 if head else 1
        if written:
            accounts.audit(account, by, "broadcast.saved", broadcast)
            audit.changed(f"broadcasts/{broadcast}", head.body if head else None, body)
            return get(account, broadcast), head is None


def require_known(account: str, broadcast: str) -> None:
    """Raises NotFound for a broadcast that is not there."""
    _get(account, broadcast)


def _not_editable(head: Head) -> Conflict | NotAllowed:
    if head.status not in EDITABLE:
        return _wrong_state(head, "edited")
    why = Reason("broadcast_goes_out", broadcast=head.id, status=head.status)
    return NotAllowed(Reason("needs_publisher", why=why), [Detail(f"broadcasts.{head.id}", why)])


def _wrong_state(head: Head, done: str) -> Conflict:
    status, _ = views.status_of(head)
    return Conflict(Reason("broadcast_state", status=status, done=done), status=status)


def _act(account: str, broadcast: str, done: str, by: str, change: Callable[[Head], bool]) -> dict[str, Any]:
    """Do ``change`` with a broadcast; False: its state does not allow it, or it has just been changed."""
    head = _get(account, broadcast)
    if not change(head):
        now = _get(account, broadcast)
        if now.status == head.status and now.revision != head.revision:
            raise Conflict(Reason("changed_since"), current_revision=now.revision)
        raise _wrong_state(now, done)
    accounts.audit(account, by, f"broadcast.{done.replace(' ', '_')}", broadcast)
    return get(account, broadcast)


def send(account: str, broadcast: str, by: str, asked: documents.Send | None = None) -> dict[str, Any]:
    """Send now. Raises Conflict when it was sent already and nobody says ``again``, and RuleViolation for the
    rest of a run that is not one of it.
    """
    rest_of = asked.rest_of if asked else None
    if rest_of and run_snapshots.find_frozen(account, broadcast, rest_of) is None:
        raise RuleViolation.at("rest_of", Reason("no_run", run=rest_of))
    again = asked is not None and asked.again
    return _start(account, broadcast, "sent", by, lambda _now: clock.now(), None, again, rest_of)


def set_schedule(account: str, broadcast: str, asked: documents.Schedule, by: str) -> dict[str, Any]:
    """Send at a moment, or again and again. A schedule may be replaced until planning begins."""
    zone = accounts.get_account(account).zone
    if asked.every is not None:
        every = asked.every.model_dump()
        return _start(
            account,
            broadcast,
            "scheduled",
            by,
            lambda now: recurrence.next_occurrence(every, zone, now),
            every,
        )
    at = asked.at
    assert at is not None  # the model has one of them
    now = clock.now()
    for wrong, why in (
        (at < now - _PAST, Reason("in_the_past")),
        (at > now + _FUTURE, Reason("days_away", most=_FUTURE.days)),
    ):
        if wrong:
            raise RuleViolation.at("at", why)
    return _start(account, broadcast, "scheduled", by, lambda _now: at, None)


def _start(
    account: str,
    broadcast: str,
    done: str,
    by: str,
    at: Callable[[datetime], datetime],
    every: dict[str, Any] | None,
    again: bool = False,
    rest_of: str | None = None,
) -> dict[str, Any]:
    def change(head: Head) -> bool:
        if head.status not in STARTABLE and not (again and head.is_final):
            return False
        _able(account, broadcast)
        ready = claiming.claimed(head, head.body)
        if ready is None or not lifecycle.begin(ready, at(clock.now()), every, by, rest_of):
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
    """Allow a broadcast that is larger than the account's policies let pass by themselves.

    Raises NotAllowed for whoever asked for it: two people see it before it goes out.
    """

    def change(head: Head) -> bool:
        if head.status != "awaiting_approval":
            return False
        if head.asked_by == by:
            raise NotAllowed(Reason("own_approval"))
        now = iso(clock.now())
        told: dict[str, str | bool] = {"approved": True, "approved_by": by, "approved_at": now}
        approved = store.move(head, "planning", ("awaiting_approval",), go_at=now, **told)
        if approved:
            lifecycle.nudge(head)
        return approved

    return _act(account, broadcast, "approved", by, change)


def cancel(account: str, broadcast: str, by: str) -> dict[str, Any]:
    """Send nothing more, ever. What LINE may have accepted already runs to its end."""

    def change(head: Head) -> bool:
        rejected = {"rejected_by": by} if head.status == "awaiting_approval" else {}
        if not store.move(head, "cancelled", ("scheduled", *MOVING), reason="operator", **rejected):
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
    sent = test_send.send(head, user_ids)
    accounts.audit(account, by, "broadcast.tested", broadcast)
    return {**views.view(head), "test_run": sent}


def preview(account: str, broadcast: str) -> dict[str, Any]:
    """What it would do now."""
    return previews.preview(_able(account, broadcast))


def _able(account: str, broadcast: str) -> Head:
    """A broadcast whose document can work now. Raises NotFound, RuleViolation."""
    head = _get(account, broadcast)
    wrong = documents.problems(head.id, head.body, catalog.snapshot(account))
    if wrong:
        raise RuleViolation.of(wrong)
    return head


def recipients(
    account: str, broadcast: str, status: str | None, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of ``{"user_id", "status", "reason"?, "variant"?, "at"?}`` of the newest run."""
    if status is not None and status not in STATUSES:
        raise InvalidInput.at("status", Reason("must_be_one_of", choices=list(STATUSES)))
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
