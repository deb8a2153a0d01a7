"""The ``broadcasts`` table. Private to this room.

``account`` / ``<broadcast>`` the broadcast · ``account#open`` / ``<run>`` runs that are not at their end ·
``account#<broadcast>#runs`` / ``<run>`` the frozen document and, at the end, the outcome ·
``account#<run>#parts`` what a run is judged by (``run_snapshots``)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import DeleteError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.broadcasts.model import Broadcast
from chalicelib.gateways import dynamo
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso


class BroadcastRecord(dynamo.Record):
    """A broadcast."""

    class Meta:
        table_name = settings().table("broadcasts")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    body = dynamo.Document()
    revision = NumberAttribute()
    status = UnicodeAttribute()
    reason = UnicodeAttribute(null=True)
    run = UnicodeAttribute(null=True)
    start_at = UnicodeAttribute(null=True)
    every = dynamo.Document(null=True)
    step = UnicodeAttribute(null=True)
    token = UnicodeAttribute(null=True)
    executions = NumberAttribute(null=True)
    counted_by = UnicodeAttribute(null=True)
    watch = NumberAttribute(null=True)
    go_at = UnicodeAttribute(null=True)
    rest_of = UnicodeAttribute(null=True)
    asked_by = UnicodeAttribute(null=True)
    approved = BooleanAttribute(null=True)
    approved_by = UnicodeAttribute(null=True)
    approved_at = UnicodeAttribute(null=True)
    rejected_by = UnicodeAttribute(null=True)
    claim = UnicodeAttribute(null=True)
    claimed = dynamo.Items(null=True)
    created_at = UnicodeAttribute(null=True)
    started_at = UnicodeAttribute(null=True)
    finished_at = UnicodeAttribute(null=True)
    decides_at = UnicodeAttribute(null=True)


class RunRecord(dynamo.Record):
    """A run's frozen document and outcome; a part of what it is judged by; a line of open runs."""

    class Meta:
        table_name = settings().table("broadcasts")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    broadcast = UnicodeAttribute(null=True)
    body = dynamo.Document(null=True)
    text = UnicodeAttribute(null=True)
    parts = UnicodeAttribute(null=True)
    arms = dynamo.Items(null=True)
    now = UnicodeAttribute(null=True)
    shards = NumberAttribute(null=True)
    time_zone = UnicodeAttribute(null=True)
    revision = NumberAttribute(null=True)
    start_at = UnicodeAttribute(null=True)
    status = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    progress = dynamo.Document(null=True)
    started_at = UnicodeAttribute(null=True)
    finished_at = UnicodeAttribute(null=True)


_H = BroadcastRecord


def _update(account: str, broadcast_id: str, actions: Sequence[Action], condition: Condition) -> bool:
    return BroadcastRecord(account, broadcast_id).update_if(actions, condition)


# -- broadcasts ------------------------------------------------------------------------------------


def _broadcast(record: BroadcastRecord) -> Broadcast:
    return Broadcast(
        account=record.pk,
        id=record.sk,
        body=record.body,
        revision=int(record.revision),
        status=record.status,
        reason=record.reason,
        run=record.run,
        at=record.start_at,
        every=record.every,
        step=record.step,
        token=record.token,
        executions=int(record.executions or 0),
        watch=int(record.watch or 0),
        go_at=record.go_at,
        rest_of=record.rest_of,
        asked_by=record.asked_by,
        approved=bool(record.approved),
        approved_by=record.approved_by,
        approved_at=record.approved_at,
        rejected_by=record.rejected_by,
        claim=record.claim,
        claimed=tuple(record.claimed or ()),
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        decides_at=record.decides_at,
    )


def find(account: str, broadcast_id: str) -> Broadcast | None:
    """A broadcast, consistent."""
    try:
        return _broadcast(BroadcastRecord.get(account, broadcast_id, consistent_read=True))
    except BroadcastRecord.DoesNotExist:
        return None


def page(account: str, limit: int, after: str | None) -> tuple[list[Broadcast], str | None]:
    """A page of an account's broadcasts in order of id, and the id to go on after."""
    start = {"pk": {"S": account}, "sk": {"S": after}} if after else None
    query = BroadcastRecord.query(account, consistent_read=True, limit=limit, last_evaluated_key=start)
    found = [_broadcast(record) for record in query]
    return found, found[-1].id if len(found) == limit else None


def all_broadcasts(account: str) -> Iterator[Broadcast]:
    """Every broadcast of an account, in order of id."""
    after: str | None = None
    while True:
        found, after = page(account, 100, after)
        yield from found
        if after is None:
            return


def create(account: str, broadcast_id: str, body: dict[str, Any], now: datetime) -> bool:
    """Write a new draft unless there is one of this id."""
    at = iso(now)
    return BroadcastRecord(
        account, broadcast_id, body=body, revision=1, status="draft", created_at=at
    ).save_new()


def claim(broadcast: Broadcast, claim: str, used: Sequence[str]) -> bool:
    """Note on the broadcast that was seen what it is about to go out with. Takes an earlier claim's place."""
    seen = (_H.revision == broadcast.revision) & (_H.status == broadcast.status)
    return _update(broadcast.account, broadcast.id, [_H.claim.set(claim), _H.claimed.set(list(used))], seen)


def _is_claimed(broadcast: Broadcast, condition: Condition) -> Condition:
    return condition if broadcast.claim is None else condition & (_H.claim == broadcast.claim)


def edit(broadcast: Broadcast, body: dict[str, Any], editable: Sequence[str], by: str) -> bool:
    """Replace the document that was seen, while it may be edited. Who changes a scheduled one asks for it,
    and has claimed it.
    """
    condition = (_H.revision == broadcast.revision) & _H.status.is_in(*editable)
    actions: list[Action] = [_H.body.set(body), _H.revision.set(broadcast.revision + 1)]
    actions += [_H.claim.remove(), _H.claimed.remove()]
    if broadcast.status == "scheduled":
        actions.append(_H.asked_by.set(by))
        condition = _is_claimed(broadcast, condition)
    return _update(broadcast.account, broadcast.id, actions, condition)


def delete(broadcast: Broadcast) -> bool:
    """Take away the broadcast that was seen; False when it has changed since."""
    seen = _H.run.does_not_exist() if broadcast.run is None else _H.run == broadcast.run
    condition = (_H.revision == broadcast.revision) & (_H.status == broadcast.status) & seen
    try:
        BroadcastRecord(broadcast.account, broadcast.id).delete(condition=condition)
    except DeleteError as error:
        if dynamo.condition_failed(error):
            return find(broadcast.account, broadcast.id) is None
        raise
    return True


def begin(
    broadcast: Broadcast,
    run: str,
    at: str,
    status: str,
    every: dict[str, Any] | None,
    by: str | None,
    now: datetime,
    rest_of: str | None = None,
) -> bool:
    """Give a broadcast its next run, asked for ``by`` somebody: once, from just the state that was seen (and
    claimed, unless it goes on from an earlier run).

    Sent again because its answer was lost, it finds its own run, which nobody else can have named.
    """
    actions: list[Action] = [
        _H.run.set(run),
        _H.start_at.set(at),
        _H.status.set(status),
        _H.every.set(every) if every else _H.every.remove(),
        _H.started_at.set(iso(now)) if status == "planning" else _H.started_at.remove(),
        _H.asked_by.set(by) if by else _H.asked_by.remove(),
        _H.rest_of.set(rest_of) if rest_of else _H.rest_of.remove(),
        _H.executions.set(0),
        _H.watch.set(0),
    ]
    fresh = ("reason", "step", "token", "go_at", "finished_at", "decides_at", "claim", "claimed")
    answers = ("approved", "approved_by", "approved_at", "rejected_by")
    actions += [getattr(_H, name).remove() for name in (*fresh, *answers)]
    seen: Condition = _H.run.does_not_exist() if broadcast.run is None else _H.run == broadcast.run
    own = (_H.run == run) & (_H.status == status)
    seen = _is_claimed(broadcast, seen & (_H.status == broadcast.status))
    return _update(broadcast.account, broadcast.id, actions, seen | own)


def move(broadcast: Broadcast, status: str, of: Sequence[str], **fields: str | bool | None) -> bool:
    """Move the run that was seen to a status, from one of these; None removes a field.

    True also when it has come there meanwhile with just these fields: a move that was sent again because
    its answer was lost finds that it is made already.
    """
    actions: list[Action] = [_H.status.set(status)]
    for name, value in fields.items():
        attribute = getattr(_H, name)
        actions.append(attribute.remove() if value is None else attribute.set(value))
    if _update(broadcast.account, broadcast.id, actions, (_H.run == broadcast.run) & _H.status.is_in(*of)):
        return True
    now = find(broadcast.account, broadcast.id)
    wanted = {"run": broadcast.run, "status": status, **fields}
    return broadcast.status != status and now is not None and wanted.items() <= vars(now).items()


def note(broadcast: Broadcast, **fields: str | int | bool) -> bool:
    """Set fields of the run that was seen."""
    actions = [getattr(_H, name).set(value) for name, value in fields.items()]
    return _update(broadcast.account, broadcast.id, actions, _H.run == broadcast.run)


def count_execution(broadcast: Broadcast) -> bool:
    """Take the next execution's number; False when another has just done so."""
    number, by = broadcast.executions + 1, new_ulid()
    own = (_H.executions == number) & (_H.counted_by == by)
    seen = (_H.run == broadcast.run) & ((_H.executions == broadcast.executions) | own)
    return _update(broadcast.account, broadcast.id, [_H.executions.set(number), _H.counted_by.set(by)], seen)


# -- runs -----------------------------------------------------------------------------------------


def put_open(account: str, run: str, broadcast_id: str) -> None:
    """Put a run in the index of those that are not at their end."""
    RunRecord(f"{account}#open", run, broadcast=broadcast_id).save()


def close(account: str, run: str) -> None:
    """Take a run out of the index."""
    RunRecord(f"{account}#open", run).delete()


def open_runs(account: str) -> list[tuple[str, str]]:
    """``(run, broadcast)`` of every run that is not at its end."""
    query = RunRecord.query(f"{account}#open", consistent_read=True)
    return [(record.sk, str(record.broadcast)) for record in query]


def write_outcome(broadcast: Broadcast, status: str, progress: dict[str, Any], now: datetime) -> None:
    """Note how a run ended, in the history of its broadcast."""
    actions: list[Action] = [
        RunRecord.broadcast.set(broadcast.id),
        RunRecord.status.set(status),
        RunRecord.progress.set(progress),
        RunRecord.finished_at.set(iso(now)),
        RunRecord.start_at.set(broadcast.at or iso(now)),
    ]
    if broadcast.reason:
        actions.append(RunRecord.reason.set(broadcast.reason))
    if broadcast.started_at:
        actions.append(RunRecord.started_at.set(broadcast.started_at))
    RunRecord(f"{broadcast.account}#{broadcast.id}#runs", str(broadcast.run)).update(actions)


def runs(
    account: str, broadcast_id: str, limit: int, before: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of a broadcast's runs, newest first, and the run to go on before."""
    pk = f"{account}#{broadcast_id}#runs"
    start = {"pk": {"S": pk}, "sk": {"S": before}} if before else None
    query = RunRecord.query(
        pk, consistent_read=True, scan_index_forward=False, limit=limit, last_evaluated_key=start
    )
    found: list[dict[str, Any]] = [
        {
            "run": record.sk,
            "at": record.start_at,
            "status": record.status,
            "status_reason": record.reason,
            "progress": record.progress,
            "started_at": record.started_at,
            "finished_at": record.finished_at,
        }
        for record in query
    ]
    return found, found[-1]["run"] if len(found) == limit else None
