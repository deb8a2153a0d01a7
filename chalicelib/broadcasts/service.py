"""What may be done with broadcasts. Every action answers the broadcast as it is afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts import audit
from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import documents, lifecycle, store, test_send, views
from chalicelib.broadcasts.documents import KIND
from chalicelib.broadcasts.model import EDITABLE, MOVING, STARTABLE, Broadcast
from chalicelib.broadcasts.narrowcasts import preview as narrowcast_preview
from chalicelib.broadcasts.narrowcasts.documents import is_one as is_narrowcast
from chalicelib.broadcasts.open_runs import (
    ensure_run,
    open_runs_count,
    resume_open_runs,
    run_done,
    with_open_runs,
)
from chalicelib.broadcasts.plans import line_check, lookup, quota, run_snapshots
from chalicelib.broadcasts.plans import preview as previews
from chalicelib.catalog import service as catalog
from chalicelib.catalog.validation import normal_body
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries.model import STATUSES
from chalicelib.gateways import clock
from chalicelib.messages import documents as messages
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
    "ensure_run",
    "get",
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
"""A schedule may name a time that has just passed."""
_FUTURE = timedelta(days=300)
"""An execution lives a year at most."""


def get(account: str, broadcast_id: str) -> dict[str, Any]:
    """A broadcast with its progress. Raises NotFound."""
    return views.view(_get(account, broadcast_id))


def _get(account: str, broadcast_id: str) -> Broadcast:
    broadcast = store.find(account, broadcast_id)
    if broadcast is None:
        raise NotFound(Reason("no_document", kind="broadcast", id=broadcast_id))
    return broadcast


def open_broadcasts(account: str) -> list[dict[str, Any]]:
    """The broadcasts whose runs are not at their end, as they are answered."""
    return [views.view(broadcast) for broadcast in with_open_runs(account)]


def put(
    account: str,
    broadcast_id: str,
    document: Any,
    if_match: int | None,
    by: str,
    editable: Sequence[str] = EDITABLE,
) -> tuple[dict[str, Any], bool]:
    """Write a broadcast's document; returns it and whether it is new.

    Raises InvalidInput, RuleViolation, NotAllowed when it is scheduled and that is not ``editable`` for
    whoever asks, and Conflict when planning has begun or ``if_match`` does not hold.
    """
    if broadcast_id == "calendar":
        raise RuleViolation.at("id", Reason("name_of_a_path"))
    body = normal_body(KIND, document)
    _with_companions(account, body, by)
    wrong = documents.problems(broadcast_id, body, catalog.snapshot(account))
    if wrong:
        raise RuleViolation.of(wrong)
    tried: int | None = None
    while True:
        broadcast = store.find(account, broadcast_id)
        if broadcast is not None and (broadcast.revision, broadcast.body) == (tried, body):
            # Written by us, and the answer was lost; or by somebody who wrote the same.
            accounts.audit(account, by, "broadcast.saved", broadcast_id)
            return get(account, broadcast_id), tried == 1
        if if_match is not None and if_match != (broadcast.revision if broadcast else 0):
            raise Conflict(
                Reason("changed_since"), current_revision=broadcast.revision if broadcast else None
            )
        if broadcast is None:
            written = store.create(account, broadcast_id, body, clock.now())
        elif broadcast.status not in editable:
            raise _not_editable(broadcast)
        else:
            ready = lifecycle.claimed(broadcast, body) if broadcast.status == "scheduled" else broadcast
            written = ready is not None and store.edit(ready, body, editable, by)
        tried = broadcast.revision + 1 if broadcast else 1
        if written:
            accounts.audit(account, by, "broadcast.saved", broadcast_id)
            audit.changed(f"broadcasts/{broadcast_id}", broadcast.body if broadcast else None, body)
            return get(account, broadcast_id), broadcast is None


def _with_companions(account: str, body: dict[str, Any], by: str) -> None:
    """Have the catalog keep what a broadcast's own messages need: links of addresses that are tracked."""
    if body.get("track"):

        def missing(seen: catalog.Snapshot) -> list[catalog.Write]:
            needed = messages.companions(body)
            return [catalog.Write(*one) for one in needed if one[:2] not in seen.documents]

        catalog.save(account, missing, lambda _: None, by)


def require_known(account: str, broadcast_id: str) -> None:
    """Raises NotFound for a broadcast that is not there."""
    _get(account, broadcast_id)


def _not_editable(broadcast: Broadcast) -> Conflict | NotAllowed:
    if broadcast.status not in EDITABLE:
        return _wrong_state(broadcast, "edited")
    why = Reason("broadcast_goes_out", broadcast=broadcast.id, status=broadcast.status)
    return NotAllowed(Reason("needs_publisher", why=why), [Detail(f"broadcasts.{broadcast.id}", why)])


def _wrong_state(broadcast: Broadcast, done: str) -> Conflict:
    status, _ = views.status_of(broadcast)
    return Conflict(Reason("broadcast_state", status=status, done=done), status=status)


def _act(
    account: str, broadcast_id: str, done: str, by: str, change: Callable[[Broadcast], bool]
) -> dict[str, Any]:
    """Do ``change`` with a broadcast; False: its state does not allow it, or it has just been changed."""
    broadcast = _get(account, broadcast_id)
    if not change(broadcast):
        now = _get(account, broadcast_id)
        if now.status == broadcast.status and now.revision != broadcast.revision:
            raise Conflict(Reason("changed_since"), current_revision=now.revision)
        raise _wrong_state(now, done)
    accounts.audit(account, by, f"broadcast.{done.replace(' ', '_')}", broadcast_id)
    return get(account, broadcast_id)


def send(account: str, broadcast_id: str, by: str, asked: documents.Send | None = None) -> dict[str, Any]:
    """Send now. Raises Conflict when it was sent already and nobody says ``again``, and RuleViolation for the
    rest of a run that is not one of it.
    """
    rest_of = asked.rest_of if asked else None
    if rest_of and run_snapshots.find_run_snapshot(account, broadcast_id, rest_of) is None:
        raise RuleViolation.at("rest_of", Reason("no_run", run=rest_of))
    again = asked is not None and asked.again
    return _start(account, broadcast_id, "sent", by, lambda _now: clock.now(), None, again, rest_of)


def set_schedule(account: str, broadcast_id: str, asked: documents.Schedule, by: str) -> dict[str, Any]:
    """Send at a time, or again and again. A schedule may be replaced until planning begins."""
    zone = accounts.get_account(account).zone
    if asked.every is not None:
        if any(variant.get("at") for variant in _get(account, broadcast_id).body.get("variants") or ()):
            raise RuleViolation.at("every", Reason("variant_at_every"))
        every = asked.every.model_dump()
        return _start(
            account,
            broadcast_id,
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
    return _start(account, broadcast_id, "scheduled", by, lambda _now: at, None)


def _start(
    account: str,
    broadcast_id: str,
    done: str,
    by: str,
    at: Callable[[datetime], datetime],
    every: dict[str, Any] | None,
    again: bool = False,
    rest_of: str | None = None,
) -> dict[str, Any]:
    def change(broadcast: Broadcast) -> bool:
        if broadcast.status not in STARTABLE and not (again and broadcast.is_final):
            return False
        unready = documents.unready(_able(account, broadcast_id).body, catalog.snapshot(account))
        if unready:
            raise RuleViolation.of(unready)
        ready = lifecycle.claimed(broadcast, broadcast.body)
        if ready is None or not lifecycle.begin(ready, at(clock.now()), every, by, rest_of):
            return False
        if broadcast.run is not None and broadcast.status == "scheduled":
            store.close(account, broadcast.run)  # its execution finds another run and ends
        return True

    return _act(account, broadcast_id, done, by, change)


def pause(account: str, broadcast_id: str, by: str) -> dict[str, Any]:
    """Send nothing more until somebody says so. A broadcast that is being planned is planned to its end."""

    def change(broadcast: Broadcast) -> bool:
        if broadcast.status not in MOVING or views.status_of(broadcast) == ("paused", "operator"):
            return False
        return deliveries.pause(account, str(broadcast.run), "operator")

    return _act(account, broadcast_id, "paused", by, change)


def resume(account: str, broadcast_id: str, by: str) -> dict[str, Any]:
    """Let a paused broadcast go on, whatever it was paused for."""

    def change(broadcast: Broadcast) -> bool:
        if (
            broadcast.status not in MOVING
            or deliveries.control(account, str(broadcast.run)).state != "paused"
        ):
            return False
        store.note(broadcast, go_at=iso(clock.now()))
        if not deliveries.resume(account, str(broadcast.run)):
            return False
        _push_on(broadcast)
        return True

    return _act(account, broadcast_id, "resumed", by, change)


def _push_on(broadcast: Broadcast) -> None:
    """Feed what is not sent, and let the machine look at once."""
    if broadcast.status in {"sending", "settling"}:
        lifecycle.ask(broadcast, "release", None)
    lifecycle.poll_now(broadcast)


def approve(account: str, broadcast_id: str, by: str) -> dict[str, Any]:
    """Allow a broadcast that is larger than the account's policies let pass by themselves.

    Raises NotAllowed for whoever asked for it: two people see it before it goes out.
    """

    def change(broadcast: Broadcast) -> bool:
        if broadcast.status != "awaiting_approval":
            return False
        if broadcast.asked_by == by:
            raise NotAllowed(Reason("own_approval"))
        now = iso(clock.now())
        approval: dict[str, str | bool] = {"approved": True, "approved_by": by, "approved_at": now}
        approved = store.move(broadcast, "planning", ("awaiting_approval",), go_at=now, **approval)
        if approved:
            lifecycle.poll_now(broadcast)
        return approved

    return _act(account, broadcast_id, "approved", by, change)


def cancel(account: str, broadcast_id: str, by: str) -> dict[str, Any]:
    """Send nothing more, ever. What LINE may have accepted already runs to its end."""

    def change(broadcast: Broadcast) -> bool:
        rejected = {"rejected_by": by} if broadcast.status == "awaiting_approval" else {}
        if not store.move(broadcast, "cancelled", ("scheduled", *MOVING), reason="operator", **rejected):
            return False
        if broadcast.status == "scheduled":
            lifecycle.finish(replace(broadcast, status="cancelled", reason="operator"))
            return True
        deliveries.cancel(account, str(broadcast.run))
        lifecycle.ask(broadcast, "cancel", None)
        lifecycle.poll_now(broadcast)
        return True

    return _act(account, broadcast_id, "cancelled", by, change)


def send_test(account: str, broadcast_id: str, user_ids: list[str], by: str) -> dict[str, Any]:
    """Send it to chosen friends as a run of its own, in any state; the answer has it under ``test_run``."""
    broadcast = _able(account, broadcast_id)
    sent = test_send.send(broadcast, user_ids)
    accounts.audit(account, by, "broadcast.tested", broadcast_id)
    return {**views.view(broadcast), "test_run": sent}


def preview(account: str, broadcast_id: str) -> dict[str, Any]:
    """What it would do now."""
    broadcast = _able(account, broadcast_id)
    if is_narrowcast(broadcast.body):
        found = narrowcast_preview.preview(broadcast)
        found |= {"needed": found["count"], "yen": found["count"] * quota.YEN_PER_MESSAGE}
    else:
        found = {**previews.preview(broadcast), "findings": []}
    of_month = quota.with_reservations(account, open_broadcasts(account), but=broadcast_id)
    found["quota"] = {**of_month, "needed": found.pop("needed")}
    return found | {"line_check": line_check.check(account, found["samples"])}


def _able(account: str, broadcast_id: str) -> Broadcast:
    """A broadcast whose document can work now. Raises NotFound, RuleViolation."""
    broadcast = _get(account, broadcast_id)
    wrong = documents.problems(broadcast.id, broadcast.body, catalog.snapshot(account))
    if wrong:
        raise RuleViolation.of(wrong)
    return broadcast


def recipients(
    account: str, broadcast_id: str, status: str | None, limit: int, cursor: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of ``{"user_id", "status", "reason"?, "variant"?, "at"?}`` of the newest run."""
    if status is not None and status not in STATUSES:
        raise InvalidInput.at("status", Reason("must_be_one_of", choices=list(STATUSES)))
    if is_narrowcast(_get(account, broadcast_id).body):
        return [], None  # LINE does not report it
    return lookup.recipients(_get(account, broadcast_id), status, limit, cursor)


def why(account: str, broadcast_id: str, user: str) -> dict[str, Any]:
    """Why a friend is in the newest run or not, and what came of it."""
    return lookup.why(_get(account, broadcast_id), user)


_OF_NOW = ("status", "status_reason", "why", "reason", "progress", "started_at")


def runs(
    account: str, broadcast_id: str, limit: int, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of runs, newest first: those at their end with their numbers, the current one as it is."""
    broadcast = _get(account, broadcast_id)
    found, following = store.runs(account, broadcast_id, limit, before)
    for line in found:
        line.update(views.shown_reason(line["status_reason"]))
        line["decision"] = views.decision(broadcast, line["run"])
        if line["run"] == broadcast.run:
            now = views.view(broadcast)
            line |= {name: now[name] for name in _OF_NOW}
    return found, following
