"""The ``ledger`` table's manifests, chunk statuses and run controls. Private to this room.

``account#run#M<n>`` / ``chunk#<chunk>`` a manifest (n = a hash of the chunk's name, 0-63)
``account#run#C`` / ``<chunk>`` its status · ``account#run#C`` / ``#run`` the run's control

Every change of a status is one UpdateItem whose condition is the protocol's (docs/deliveries.md).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.deliveries.model import LEASE, Chunk, Control, Status
from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_CONTROL = "#run"


class ManifestRecord(dynamo.Record):
    """Who is to get what: written once."""

    class Meta:
        table_name = settings().table("ledger")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    account = UnicodeAttribute()
    run = UnicodeAttribute()
    chunk = UnicodeAttribute()
    kind = UnicodeAttribute()
    recipients = dynamo.Items()
    messages = dynamo.Items(null=True)
    payloads = dynamo.Document(null=True)
    skips = dynamo.Document(null=True)
    token = UnicodeAttribute()
    category = UnicodeAttribute()
    cause = dynamo.Document()
    variant = UnicodeAttribute(null=True)
    shard = NumberAttribute(null=True)
    at = UnicodeAttribute()


class StatusRecord(dynamo.Record):
    """What came of a chunk; under ``#run``, what workers may do with the run."""

    class Meta:
        table_name = settings().table("ledger")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute()
    kind = UnicodeAttribute(null=True)
    n = NumberAttribute(null=True)
    chars = UnicodeAttribute(null=True)
    attempts = NumberAttribute(null=True)
    unanswered = NumberAttribute(null=True)
    first_attempt_at = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute(null=True)
    lease_by = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    until = UnicodeAttribute(null=True)
    drop = dynamo.Items(null=True)
    parent = UnicodeAttribute(null=True)
    variant = UnicodeAttribute(null=True)
    own_watch = BooleanAttribute(null=True)
    watch = NumberAttribute(null=True)
    skipped = dynamo.Document(null=True)
    at = UnicodeAttribute(null=True)


_R = StatusRecord
_OPEN = _R.state.is_in("pending", "sending")


def _manifest_key(account: str, run: str, chunk: str) -> tuple[str, str]:
    return f"{account}#{run}#M{zlib.crc32(chunk.encode()) % 64}", f"chunk#{chunk}"


def _statuses_key(account: str, run: str) -> str:
    return f"{account}#{run}#C"


def put_manifest(chunk: Chunk, skips: Mapping[str, str], token: str, now: datetime) -> dict[str, Any]:
    """Write a chunk's manifest unless there is one; answers the one that stands."""
    pk, sk = _manifest_key(chunk.account, chunk.run, chunk.chunk)
    record = ManifestRecord(
        pk=pk,
        sk=sk,
        account=chunk.account,
        run=chunk.run,
        chunk=chunk.chunk,
        kind=chunk.kind,
        recipients=chunk.recipients,
        messages=chunk.messages,
        payloads=chunk.payloads,
        skips=dict(skips) or None,
        token=token,
        category=chunk.category,
        cause=chunk.cause,
        variant=chunk.variant,
        shard=chunk.shard,
        at=iso(now),
    )
    stored = None if _put_new(record) else find_manifest(chunk.account, chunk.run, chunk.chunk)
    return stored or _fields(record)


def find_manifest(account: str, run: str, chunk: str) -> dict[str, Any] | None:
    """A manifest, consistent: the fields of ``ManifestRecord`` that are set."""
    pk, sk = _manifest_key(account, run, chunk)
    try:
        found = ManifestRecord.get(pk, sk, consistent_read=True)
    except ManifestRecord.DoesNotExist:
        return None
    return _fields(found)


def _fields(record: ManifestRecord) -> dict[str, Any]:
    """The fields that are set, but for the keys."""
    return {
        name: value
        for name, value in record.attribute_values.items()
        if name not in {"pk", "sk"} and value is not None
    }


def put_status(account: str, run: str, status: Status) -> bool:
    """Write a chunk's first status unless there is one; False when there was."""
    return _put_new(
        StatusRecord(
            pk=_statuses_key(account, run),
            sk=status.chunk,
            state=status.state,
            kind=status.kind,
            n=status.n,
            chars=status.chars or None,
            attempts=0,
            unanswered=0,
            reason=status.reason,
            parent=status.parent,
            variant=status.variant,
            own_watch=status.own_watch,
            watch=0,
            skipped=dict(status.skipped) or None,
            at=status.at,
        )
    )


def _put_new(record: dynamo.Record) -> bool:
    try:
        record.save(condition=type(record).pk.does_not_exist())  # type: ignore[attr-defined]
    except PutError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def _status(record: StatusRecord) -> Status:
    return Status(
        chunk=record.sk,
        kind=record.kind or "push",
        n=int(record.n or 0),
        state=record.state,
        chars=record.chars or "",
        attempts=int(record.attempts or 0),
        unanswered=int(record.unanswered or 0),
        first_attempt_at=record.first_attempt_at,
        # A lease of an earlier life of the laptop's platform belongs to nobody.
        lease_until=record.lease_until if record.lease_by == settings().life else None,
        request_id=record.request_id,
        reason=record.reason,
        drop=tuple(record.drop or ()),
        parent=record.parent,
        variant=record.variant,
        own_watch=bool(record.own_watch),
        watch=int(record.watch or 0),
        skipped=record.skipped or {},
        at=record.at,
    )


def read(account: str, run: str, chunks: Sequence[str]) -> tuple[Control, dict[str, Status]]:
    """The run's control and the statuses of these chunks (those that exist), in one consistent read."""
    pk = _statuses_key(account, run)
    control, found = Control(), {}
    keys = [(pk, name) for name in dict.fromkeys([_CONTROL, *chunks])]
    for record in StatusRecord.batch_get(keys, consistent_read=True):
        if record.sk == _CONTROL:
            control = Control(record.state, record.reason, record.until)
        else:
            found[record.sk] = _status(record)
    return control, found


def statuses(account: str, run: str, since: str = "$") -> Iterator[Status]:
    """Every status of a run from a chunk's name on, consistent, in order of name (parents first)."""
    # "#run" sorts before "$", and every chunk's name after it.
    for record in StatusRecord.query(
        _statuses_key(account, run), StatusRecord.sk >= max(since, "$"), consistent_read=True
    ):
        yield _status(record)


def names(account: str, run: str) -> set[str]:
    """The names of a run's chunks whose status stands, consistent."""
    query = StatusRecord.query(
        _statuses_key(account, run),
        StatusRecord.sk >= "$",
        consistent_read=True,
        attributes_to_get=["pk", "sk", "state"],
    )
    return {record.sk for record in query}


def find_before(account: str, run: str, name: str) -> Status | None:
    """The status with the greatest name that is not greater than ``name``."""
    pk = _statuses_key(account, run)
    query = StatusRecord.query(
        pk, StatusRecord.sk.between("$", name), consistent_read=True, scan_index_forward=False, limit=1
    )
    for record in query:
        return _status(record)
    return None


def _update(account: str, run: str, name: str, actions: Sequence[Action], condition: Condition) -> bool:
    try:
        StatusRecord(_statuses_key(account, run), name).update(list(actions), condition=condition)
    except UpdateError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def set_control(
    account: str, run: str, control: Control, now: datetime, *, unless: Sequence[str], while_until: str = ""
) -> bool:
    """Set a run's control unless it is in one of these states (or, if given, waits for another moment)."""
    condition = _R.state.does_not_exist() | ~_R.state.is_in(*unless)
    if while_until:
        condition = (_R.state == "paused") & (_R.until == while_until)
    actions = [_R.state.set(control.state), _R.at.set(iso(now))]
    actions.append(_R.reason.set(control.reason) if control.reason else _R.reason.remove())
    actions.append(_R.until.set(control.until) if control.until else _R.until.remove())
    return _update(account, run, _CONTROL, actions, condition)


def mark(account: str, run: str, seen: Status, now: datetime, chars: str | None = None) -> bool:
    """The mark before the call: one attempt more, its lease, and who is about to be tried.

    False when the chunk is not as it was seen: somebody else is at it, or it has come to its end.
    """
    actions = [
        _R.state.set("sending"),
        _R.attempts.add(1),
        _R.lease_until.set(iso(now + LEASE)),
        _R.lease_by.set(settings().life),
        _R.first_attempt_at.set(_R.first_attempt_at | iso(now)),
    ]
    actions.append(_R.unanswered.add(1) if chars is None else _R.chars.set(chars))
    return _update(account, run, seen.chunk, actions, _OPEN & _unheld(seen, now))


def _unheld(seen: Status, now: datetime) -> Condition:
    """Nobody holds the chunk, and no attempt has begun since it was read."""
    over: Condition = (_R.lease_until < iso(now)) | (_R.lease_by != settings().life)
    unchanged: Condition = _R.attempts == seen.attempts
    free: Condition = (_R.lease_until.does_not_exist() | over) & unchanged
    return free


def accept(account: str, run: str, chunk: str, request_id: str | None, now: datetime) -> bool:
    """LINE took a multicast: final, whoever asked and whatever else was answered."""
    actions = [_R.state.set("accepted"), _R.at.set(iso(now)), _R.lease_until.remove()]
    if request_id:
        actions.append(_R.request_id.set(request_id))
    return _update(account, run, chunk, actions, _OPEN)


def finish(account: str, run: str, chunk: str, state: str, reason: str | None, now: datetime) -> bool:
    """A refusal of the only attempt that may still be accepted: final. False when it is not the only one."""
    return _finish(account, run, chunk, state, reason, now, _OPEN & (_R.unanswered == 1))


def finish_untouched(
    account: str, run: str, seen: Status, state: str, reason: str | None, now: datetime
) -> bool:
    """End a multicast that LINE cannot have accepted; False when an attempt has begun meanwhile."""
    condition = (_R.state == "pending") & (_R.attempts == seen.attempts)
    return _finish(account, run, seen.chunk, state, reason, now, condition)


def give_up(account: str, run: str, seen: Status, now: datetime) -> bool:
    """An unanswered attempt is too old to be repeated: ``unknown``."""
    return _finish(account, run, seen.chunk, "unknown", None, now, _OPEN & _unheld(seen, now))


def _finish(
    account: str, run: str, chunk: str, state: str, reason: str | None, now: datetime, condition: Condition
) -> bool:
    actions = [_R.state.set(state), _R.at.set(iso(now)), _R.lease_until.remove()]
    if reason:
        actions.append(_R.reason.set(reason))
    return _update(account, run, chunk, actions, condition)


def close_attempt(account: str, run: str, chunk: str, attempt: int) -> None:
    """An attempt was answered and nothing was accepted by it.

    If no other one is unanswered, the chunk waits as if it had never been tried.
    """
    again = [
        _R.state.set("pending"),
        _R.unanswered.set(0),
        _R.first_attempt_at.remove(),
        _R.lease_until.remove(),
    ]
    if not _update(account, run, chunk, again, _OPEN & (_R.unanswered == 1)) and _update(
        account, run, chunk, [_R.unanswered.add(-1)], _OPEN
    ):
        release(account, run, chunk, attempt)


def release(account: str, run: str, chunk: str, attempt: int) -> None:
    """Give the lease of an attempt back; a later attempt's lease stays."""
    _update(account, run, chunk, [_R.lease_until.remove()], _OPEN & (_R.attempts == attempt))


def split(account: str, run: str, chunk: str, drop: Sequence[str], now: datetime) -> bool:
    """Note that these recipients are refused and the others are to go on as a child."""
    actions = [_R.state.set("split"), _R.drop.set(list(drop)), _R.at.set(iso(now)), _R.lease_until.remove()]
    return _update(account, run, chunk, actions, _OPEN & (_R.unanswered == 1))


def replace(account: str, run: str, chunk: str) -> bool:
    """The child stands: the parent counts no more but for those it dropped."""
    return _update(account, run, chunk, [_R.state.set("replaced")], _R.state == "split")


def save_chars(
    account: str, run: str, chunk: str, attempt: int, chars: str, *, lease: bool, now: datetime
) -> bool:
    """Save what a push chunk's recipients came to; only the newest attempt may. Without ``lease``: the end
    of the attempt; nobody left to try ends the chunk.
    """
    actions = [_R.chars.set(chars), _R.at.set(iso(now))]
    if not lease:
        waiting = set(chars) & {".", "?"}
        state = "done" if not waiting else "sending" if "?" in waiting else "pending"
        actions += [_R.state.set(state), _R.lease_until.remove()]
    if "?" not in chars:
        actions.append(_R.first_attempt_at.remove())
    return _update(account, run, chunk, actions, (_R.state == "sending") & (_R.attempts == attempt))


def save_untouched_chars(account: str, run: str, seen: Status, chars: str, now: datetime) -> bool:
    """End recipients of a push chunk that nobody holds; False when an attempt has begun meanwhile."""
    waiting = set(chars) & {".", "?"}
    actions = [_R.chars.set(chars), _R.at.set(iso(now))]
    if not waiting:
        actions += [_R.state.set("done"), _R.lease_until.remove()]
    if "?" not in waiting:
        actions.append(_R.first_attempt_at.remove())
    return _update(account, run, seen.chunk, actions, _OPEN & _unheld(seen, now))


def set_watch(account: str, run: str, chunk: str, attempt: int) -> None:
    """Note that a chunk's watch has gone on to this attempt."""
    _update(account, run, chunk, [_R.watch.set(attempt)], (_R.watch < attempt) | _R.watch.does_not_exist())
