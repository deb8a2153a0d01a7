"""The ``timers`` table: due entries, one bucket per minute, the index of minutes, the cursor.

``DUE#<minute>#<shard>`` / ``<ms>#<kind>#<account>#<id>#<version>`` an entry, or
``<ms>#<kind>#<account>#<group>#<hash>`` several that travel together · ``BKT#<minute>`` / ``BKT`` its
bucket · ``BKT#index`` / ``<minute>`` which minutes there are · ``BKT#cursor`` / ``BKT`` how far all minutes
are VERIFIED · ``WATCH#<kind>#<account>#<id>`` / ``BKT`` the newest watch of a run or chunk.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.gateways import aws, clock, dynamo
from chalicelib.shared import side_by_side
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.timers.model import Entry, Slot, minute_key, minute_of, parse_minute

KEEP = timedelta(days=14)
"""Entries and buckets are removed by TTL this long after their minute."""

_PER_ITEM = 100
"""So many entries that travel together are one item, of some 15 KB."""

_TABLE = settings().table("timers")


class Timer(dynamo.Record):
    """A due entry; or ``entries``, ``[{"id", "version", "body"}]``, that have the rest in common."""

    class Meta:
        table_name = _TABLE
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    account = UnicodeAttribute()
    kind = UnicodeAttribute()
    id = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)
    entries: dynamo.Items = dynamo.Items(null=True)
    due_at = UnicodeAttribute()
    at = UnicodeAttribute()
    group = UnicodeAttribute(null=True)
    body = dynamo.Document(null=True)
    direct = BooleanAttribute(null=True)
    tries = NumberAttribute(null=True)
    expires_at = NumberAttribute()


class Bucket(dynamo.Record):
    """The state of one minute, an index line, the cursor (``minute``), or the newest watch (``attempt``)."""

    class Meta:
        table_name = _TABLE
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute(null=True)
    started = BooleanAttribute(null=True)
    minute = UnicodeAttribute(null=True)
    sealed_at = UnicodeAttribute(null=True)
    drained_at = UnicodeAttribute(null=True)
    verified_at = UnicodeAttribute(null=True)
    sent = NumberAttribute(null=True)
    attempt = NumberAttribute(null=True)
    drain_after = UnicodeAttribute(null=True)
    drain_count = NumberAttribute(null=True)
    verify_after = UnicodeAttribute(null=True)
    verify_count = NumberAttribute(null=True)
    moved_at = UnicodeAttribute(null=True)
    expires_at = NumberAttribute(null=True)


Walk = Literal["drain", "verify"]
"""What walks through a minute's entries, each walk with a position of its own."""


@dataclass(frozen=True)
class Position:
    """How far a walk has come: past the entries up to this sort key, and how many it has sent."""

    after: str | None = None
    count: int = 0


@dataclass(frozen=True)
class BucketState:
    """``state`` is OPEN, SEALED, DRAINED, VERIFIED or ABSENT; ``started``: its execution was started.

    ``moved_at``: when a walk through its entries has last saved how far it is.
    """

    state: str
    started: bool
    drain: Position = Position()
    verify: Position = Position()
    moved_at: str | None = None


ABSENT = BucketState("ABSENT", started=False)


def _state(found: Bucket) -> BucketState:
    return BucketState(
        found.state or "OPEN",
        started=bool(found.started),
        drain=Position(found.drain_after, int(found.drain_count or 0)),
        verify=Position(found.verify_after, int(found.verify_count or 0)),
        moved_at=found.moved_at,
    )


def _expires(minute: datetime) -> int:
    return int((minute + KEEP).timestamp())


def open_bucket(minute: datetime) -> bool:
    """Make sure that a minute is in the index and has a bucket: first the index, so none is overlooked.
    Answers whether it had none.
    """
    key = minute_key(minute)
    Bucket(pk="BKT#index", sk=key, expires_at=_expires(minute)).save()
    return Bucket(pk=f"BKT#{key}", sk="BKT", state="OPEN", expires_at=_expires(minute)).save_new()


def read_bucket(minute: datetime) -> BucketState:
    """A minute's bucket, consistent."""
    try:
        found = Bucket.get(f"BKT#{minute_key(minute)}", "BKT", consistent_read=True)
    except Bucket.DoesNotExist:
        return ABSENT
    return _state(found)


def read_buckets(minutes: Sequence[datetime]) -> dict[datetime, BucketState]:
    """The buckets of many minutes, consistent; absent ones are ABSENT."""
    found = dict.fromkeys(minutes, ABSENT)
    keys = [(f"BKT#{minute_key(minute)}", "BKT") for minute in minutes]
    for bucket in Bucket.batch_get(keys, consistent_read=True):
        minute = parse_minute(bucket.pk.removeprefix("BKT#"))
        found[minute] = _state(bucket)
    return found


def _move(minute: datetime, condition: Condition, **values: Any) -> BucketState | None:
    """Set these of a minute, if the condition holds; as the bucket is then."""
    bucket = Bucket(f"BKT#{minute_key(minute)}", "BKT")
    actions = [
        Bucket.expires_at.set(_expires(minute)),
        *(getattr(Bucket, name).set(value) for name, value in values.items()),
    ]
    return _state(bucket) if bucket.update_if(actions, condition) else None


def seal(minute: datetime, now: datetime) -> BucketState | None:
    """OPEN (or absent, or SEALED before) becomes SEALED; None when it is DRAINED or VERIFIED already."""
    condition = Bucket.pk.does_not_exist() | Bucket.state.is_in("OPEN", "SEALED")
    return _move(minute, condition, state="SEALED", sealed_at=iso(now))


def save_position(minute: datetime, walk: Walk, at: Position, now: datetime) -> None:
    """Note how far a walk through a minute is; it only goes forward."""
    after: UnicodeAttribute = getattr(Bucket, f"{walk}_after")
    values = {f"{walk}_after": at.after, f"{walk}_count": at.count, "moved_at": iso(now)}
    _move(minute, after.does_not_exist() | (after < at.after), **values)


def set_drained(minute: datetime, now: datetime, sent: int) -> None:
    """SEALED becomes DRAINED; nothing when it was not SEALED."""
    _move(minute, Bucket.state == "SEALED", state="DRAINED", drained_at=iso(now), sent=sent)


def set_verified(minute: datetime, now: datetime) -> None:
    """DRAINED becomes VERIFIED; nothing when it was not DRAINED."""
    _move(minute, Bucket.state == "DRAINED", state="VERIFIED", verified_at=iso(now))


def set_started(minute: datetime) -> None:
    """Note that a minute's execution was started, so that others need not."""
    Bucket(f"BKT#{minute_key(minute)}", "BKT").update_if([Bucket.started.set(True)], Bucket.pk.exists())


def index(since: datetime | None, until: datetime | None = None, limit: int | None = None) -> list[datetime]:
    """The minutes that may hold entries, oldest first, ends included."""
    low = minute_key(since) if since else "0"
    high = minute_key(until) if until else "9999"
    found = Bucket.query("BKT#index", Bucket.sk.between(low, high), consistent_read=True, limit=limit)
    return [parse_minute(line.sk) for line in found]


def read_cursor() -> datetime | None:
    """The minute before which every minute is VERIFIED, if the sweeper has been here."""
    try:
        found = Bucket.get("BKT#cursor", "BKT", consistent_read=True)
    except Bucket.DoesNotExist:
        return None
    return parse_minute(found.minute) if found.minute else None


def move_cursor(minute: datetime) -> None:
    """Move the cursor forward; it never goes back."""
    key = minute_key(minute)
    forward = Bucket.minute.does_not_exist() | (Bucket.minute < key)
    Bucket("BKT#cursor", "BKT").update_if([Bucket.minute.set(key)], forward)


def watched(kind: str, account: str, id: str) -> int:  # noqa: A002
    """The newest attempt that a watch of this run or chunk was set for; 0 when never after the first."""
    try:
        found = Bucket.get(f"WATCH#{kind}#{account}#{id}", "BKT", consistent_read=True)
    except Bucket.DoesNotExist:
        return 0
    return int(found.attempt or 0)


def set_watched(kind: str, account: str, id: str, attempt: int, at: datetime) -> None:  # noqa: A002
    """Note the newest attempt; it only grows."""
    Bucket(f"WATCH#{kind}#{account}#{id}", "BKT").update_if(
        [Bucket.attempt.set(attempt), Bucket.expires_at.set(_expires(at))],
        Bucket.attempt.does_not_exist() | (Bucket.attempt < attempt),
    )


def put(slots: Iterable[Slot]) -> None:
    """Write slots, 25 items in a call. When this returns every one of them is durable."""
    writes = {
        (w["PutRequest"]["Item"]["pk"]["S"], w["PutRequest"]["Item"]["sk"]["S"]): w for w in _puts(slots)
    }
    side_by_side.each(_write, side_by_side.parts(list(writes.values()), 25))


def _write(pending: list[dict[str, Any]]) -> None:
    pause = 0.05
    while pending:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={_TABLE: pending})
        pending = answer.get("UnprocessedItems", {}).get(_TABLE, [])
        if pending:
            clock.sleep(pause)
            pause = min(pause * 2, 2.0)


def _puts(slots: Iterable[Slot]) -> Iterator[dict[str, Any]]:
    for together in _together(slots):
        slot = together[0]
        entry, minute, key = slot.entry, minute_of(slot.at), sort_key(together)
        item = {
            "pk": f"DUE#{minute_key(minute)}#{_shard(together)}",
            "sk": key,
            "account": entry.account,
            "kind": entry.kind,
            "due_at": iso(entry.due_at),
            "at": iso(slot.at),
            "expires_at": _expires(minute),
        }
        optional = {"group": entry.group, "direct": slot.direct, "tries": slot.tries}
        each = [{"id": s.entry.id, "version": s.entry.version, "body": s.entry.body} for s in together]
        optional |= each[0] if len(each) == 1 else {"entries": each}
        item.update({name: value for name, value in optional.items() if value or name == "version"})
        yield {"PutRequest": {"Item": {name: dynamo.to_av(value) for name, value in item.items()}}}


def _together(slots: Iterable[Slot]) -> Iterator[list[Slot]]:
    """Slots that one item holds: of one group and due time, ``_PER_ITEM`` at most. A wave is few writes."""
    packs: dict[tuple[Any, ...], list[Slot]] = {}
    for slot in slots:
        entry = slot.entry
        if not entry.group:
            yield [slot]
            continue
        alike = (entry.kind, entry.account, entry.group, entry.due_at, slot.at, slot.direct, slot.tries)
        pack = packs.setdefault(alike, [])
        pack.append(slot)
        if len(pack) == _PER_ITEM:
            yield packs.pop(alike)
    yield from packs.values()


def sort_key(together: Sequence[Slot]) -> str:
    """Where slots that are kept together are in their minute; the same slots are at the same place."""
    entry, own = together[0].entry, _name(together)
    return f"{to_ms(together[0].at):013d}#{entry.kind}#{entry.account}#{own}"


def _name(together: Sequence[Slot]) -> str:
    names = [f"{slot.entry.id}#{slot.entry.version}" for slot in together]
    return names[0] if len(names) == 1 else f"{together[0].entry.group}#{digest(*names)[:32]}"


def _shard(together: Sequence[Slot]) -> int:
    """Entries alone are spread by their owners, so that all of one owner are in one partition."""
    entry = together[0].entry
    own = entry.id if len(together) == 1 else _name(together)
    return zlib.crc32(f"{entry.account}#{own}".encode()) % settings().timers_shards


def slots(minute: datetime, after: str | None = None) -> Iterator[Slot]:
    """Every slot of a minute past a sort key, in order: all shards, consistent, a page at a time."""
    shards = [_shard_items(minute, shard, after) for shard in range(settings().timers_shards)]
    merged = heapq.merge(*shards, key=lambda item: str(item["sk"]))
    return (slot for item in merged for slot in _slots(item))


def _shard_items(minute: datetime, shard: int, after: str | None) -> Iterator[dict[str, Any]]:
    ask: dict[str, Any] = {
        "TableName": _TABLE,
        "ConsistentRead": True,
        "KeyConditionExpression": "pk = :pk AND sk > :after",
        "ExpressionAttributeValues": {
            ":pk": {"S": f"DUE#{minute_key(minute)}#{shard}"},
            ":after": {"S": after or "#"},
        },
    }
    while True:
        answer = aws.client("dynamodb").query(**ask)
        yield from (dynamo.plain_item(item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _slots(item: dict[str, Any]) -> Iterator[Slot]:
    for own in item.get("entries") or [item]:
        entry = Entry(
            account=item["account"],
            kind=item["kind"],
            id=own["id"],
            version=own["version"],
            due_at=parse_iso(item["due_at"]),
            group=item.get("group", ""),
            body=own.get("body", {}),
        )
        yield Slot(
            entry,
            at=parse_iso(item["at"]),
            direct=bool(item.get("direct", False)),
            tries=item.get("tries", 0),
            key=item["sk"],
        )
