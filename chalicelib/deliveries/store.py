"""The ``ledger`` table's manifests, chunk statuses and run controls: first writes and reads. Private to this
room; what changes afterwards is in ``changes``.

``account#run#M<n>`` / ``chunk#<chunk>`` a manifest (n = a hash of the chunk's name, 0-63)
``account#run#C`` / ``<chunk>`` its status · ``account#run#C`` / ``#run`` the run's control
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import cast

from pynamodb.attributes import BooleanAttribute, NumberAttribute, NumberSetAttribute, UnicodeAttribute

from chalicelib.deliveries.model import Chunk, Control, Manifest, Status
from chalicelib.gateways import dynamo
from chalicelib.messages.together import arranged
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

CONTROL = "#run"
"""Where a run's control is among its statuses; every chunk's name sorts after it."""


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
    topic = UnicodeAttribute(null=True)
    repeats = BooleanAttribute(null=True)
    cause = dynamo.Document()
    variant = UnicodeAttribute(null=True)
    shard = NumberAttribute(null=True)
    reserved_at = UnicodeAttribute(null=True)
    not_before = UnicodeAttribute(null=True)
    unit = UnicodeAttribute(null=True)
    at = UnicodeAttribute()


class StatusRecord(dynamo.Record):
    """What came of a chunk; under ``#run``, what workers may do with the run."""

    class Meta:
        table_name = settings().table("ledger")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute(null=True)
    kind = UnicodeAttribute(null=True)
    n = NumberAttribute(null=True)
    chars = UnicodeAttribute(null=True)
    attempts = NumberAttribute(null=True)
    unanswered = NumberSetAttribute(null=True)
    marked_by = UnicodeAttribute(null=True)
    first_attempt_at = UnicodeAttribute(null=True)
    lease_until = UnicodeAttribute(null=True)
    lease_by = UnicodeAttribute(null=True)
    request_id = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)
    until = UnicodeAttribute(null=True)
    slowed_at = UnicodeAttribute(null=True)
    lifted = BooleanAttribute(null=True)
    drop = dynamo.Items(null=True)
    parent = UnicodeAttribute(null=True)
    variant = UnicodeAttribute(null=True)
    own_watch = BooleanAttribute(null=True)
    watch = NumberAttribute(null=True)
    skipped = dynamo.Document(null=True)
    at = UnicodeAttribute(null=True)
    not_before = UnicodeAttribute(null=True)


def _manifest_key(account: str, run: str, chunk: str) -> tuple[str, str]:
    return f"{account}#{run}#M{zlib.crc32(chunk.encode()) % 64}", f"chunk#{chunk}"


def statuses_key(account: str, run: str) -> str:
    """The partition of a run's statuses and its control."""
    return f"{account}#{run}#C"


def put_manifest(chunk: Chunk, skips: Mapping[str, str], token: str, now: datetime) -> Manifest:
    """Write a chunk's manifest unless there is one; returns the one that exists."""
    pk, sk = _manifest_key(chunk.account, chunk.run, chunk.chunk)
    record = ManifestRecord(
        pk=pk,
        sk=sk,
        account=chunk.account,
        run=chunk.run,
        chunk=chunk.chunk,
        kind=chunk.kind,
        recipients=chunk.recipients,
        messages=chunk.messages and arranged(chunk.messages),
        payloads=chunk.payloads and {user: arranged(messages) for user, messages in chunk.payloads.items()},
        skips=dict(skips) or None,
        token=token,
        category=chunk.category,
        topic=chunk.topic,
        repeats=chunk.repeats or None,
        cause=chunk.cause,
        variant=chunk.variant,
        shard=chunk.shard,
        reserved_at=chunk.reserved_at,
        not_before=chunk.not_before,
        unit=chunk.unit,
        at=iso(now),
    )
    stored = None if record.save_new() else find_manifest(chunk.account, chunk.run, chunk.chunk)
    return stored or _fields(record)


def find_manifest(account: str, run: str, chunk: str) -> Manifest | None:
    """A manifest, consistent: the fields of ``ManifestRecord`` that are set."""
    pk, sk = _manifest_key(account, run, chunk)
    try:
        found = ManifestRecord.get(pk, sk, consistent_read=True)
    except ManifestRecord.DoesNotExist:
        return None
    return _fields(found)


def empty_payloads(account: str, run: str, chunk: str, users: Iterable[str]) -> None:
    """Take out what a manifest has for these recipients; that it was something stays."""
    pk, sk = _manifest_key(account, run, chunk)
    actions = [dynamo.set_path(("payloads", user), []) for user in users]
    ManifestRecord(pk, sk).update(actions, condition=ManifestRecord.payloads.exists())


def _fields(record: ManifestRecord) -> Manifest:
    """The fields that are set, but for the keys."""
    fields = {
        name: value
        for name, value in record.attribute_values.items()
        if name not in {"pk", "sk"} and value is not None
    }
    return cast("Manifest", fields)


def put_status(account: str, run: str, status: Status) -> bool:
    """Write a chunk's first status unless there is one; False when there was."""
    return StatusRecord(
        pk=statuses_key(account, run),
        sk=status.chunk,
        state=status.state,
        kind=status.kind,
        n=status.n,
        chars=status.chars or None,
        attempts=0,
        reason=status.reason,
        parent=status.parent,
        variant=status.variant,
        own_watch=status.own_watch,
        watch=0,
        skipped=dict(status.skipped) or None,
        at=status.at,
        not_before=status.not_before,
    ).save_new()


def _status(record: StatusRecord) -> Status:
    return Status(
        chunk=record.sk,
        kind=record.kind or "push",
        n=int(record.n or 0),
        state=str(record.state),  # only a run's control may have none
        chars=record.chars or "",
        attempts=int(record.attempts or 0),
        unanswered=frozenset(int(number) for number in record.unanswered or ()),
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
        not_before=record.not_before,
    )


def read(account: str, run: str, chunks: Sequence[str]) -> tuple[Control, dict[str, Status]]:
    """The run's control and the statuses of these chunks (those that exist), in one consistent read."""
    pk = statuses_key(account, run)
    control, found = Control(), {}
    keys = [(pk, name) for name in dict.fromkeys([CONTROL, *chunks])]
    for record in StatusRecord.batch_get(keys, consistent_read=True):
        if record.sk == CONTROL:
            state = record.state or Control.state
            control = Control(state, record.reason, record.until, record.slowed_at, bool(record.lifted))
        else:
            found[record.sk] = _status(record)
    return control, found


def statuses(account: str, run: str, since: str = "$") -> Iterator[Status]:
    """Every status of a run from a chunk's name on, consistent, in order of name (parents first)."""
    # "#run" sorts before "$", and every chunk's name after it.
    for record in StatusRecord.query(
        statuses_key(account, run), StatusRecord.sk >= max(since, "$"), consistent_read=True
    ):
        yield _status(record)


def names(account: str, run: str, first: str, last: str) -> set[str]:
    """The names of a run's chunks whose status is stored, between two names, consistent."""
    query = StatusRecord.query(
        statuses_key(account, run),
        StatusRecord.sk.between(max(first, "$"), last),
        consistent_read=True,
        attributes_to_get=["pk", "sk", "state"],
    )
    return {record.sk for record in query}


def find_before(account: str, run: str, name: str) -> Status | None:
    """The status with the greatest name that is not greater than ``name``."""
    pk = statuses_key(account, run)
    query = StatusRecord.query(
        pk, StatusRecord.sk.between("$", name), consistent_read=True, scan_index_forward=False, limit=1
    )
    for record in query:
        return _status(record)
    return None
