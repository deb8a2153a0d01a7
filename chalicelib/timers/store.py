"""The ``timers`` table: due entries, one bucket per minute, the index of minutes, the cursor.

``DUE#<minute>#<shard>`` / ``<ms>#<kind>#<account>#<id>#<version>`` an entry · ``BKT#<minute>`` / ``BKT``
its bucket · ``BKT#index`` / ``<minute>`` which minutes there are · ``BKT#cursor`` / ``BKT`` how far all
minutes are VERIFIED · ``WATCH#<kind>#<account>#<id>`` / ``BKT`` the newest watch of a run or chunk.
"""

from __future__ import annotations

import heapq
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, UpdateError
from pynamodb.expressions.condition import Condition

from chalicelib.gateways import aws, clock, dynamo
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso, to_ms
from chalicelib.timers.model import Entry, Slot, minute_key, minute_of, parse_minute

KEEP = timedelta(days=14)
"""Entries and buckets are removed by TTL this long after their minute."""

_TABLE = settings().table("timers")


class Timer(dynamo.Record):
    """One due entry."""

    class Meta:
        table_name = _TABLE
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    account = UnicodeAttribute()
    kind = UnicodeAttribute()
    id = UnicodeAttribute()
    version = NumberAttribute()
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
    expires_at = NumberAttribute(null=True)


@dataclass(frozen=True)
class BucketState:
    """``state`` is OPEN, SEALED, DRAINED, VERIFIED or ABSENT; ``started``: its execution was started."""

    state: str
    started: bool


ABSENT = BucketState("ABSENT", started=False)


def _expires(minute: datetime) -> int:
    return int((minute + KEEP).timestamp())


def open_bucket(minute: datetime) -> None:
    """Make sure that a minute is in the index and has a bucket: first the index, so none is overlooked."""
    key = minute_key(minute)
    Bucket(pk="BKT#index", sk=key, expires_at=_expires(minute)).save()
    try:
        Bucket(pk=f"BKT#{key}", sk="BKT", state="OPEN", expires_at=_expires(minute)).save(
            condition=Bucket.pk.does_not_exist()
        )
    except PutError as error:
        if not dynamo.condition_failed(error):
            raise


def read_bucket(minute: datetime) -> BucketState:
    """A minute's bucket, consistent."""
    try:
        found = Bucket.get(f"BKT#{minute_key(minute)}", "BKT", consistent_read=True)
    except Bucket.DoesNotExist:
        return ABSENT
    return BucketState(found.state or "OPEN", started=bool(found.started))


def read_buckets(minutes: Sequence[datetime]) -> dict[datetime, BucketState]:
    """The buckets of many minutes, consistent; absent ones are ABSENT."""
    found = dict.fromkeys(minutes, ABSENT)
    keys = [(f"BKT#{minute_key(minute)}", "BKT") for minute in minutes]
    for bucket in Bucket.batch_get(keys, consistent_read=True):
        minute = parse_minute(bucket.pk.removeprefix("BKT#"))
        found[minute] = BucketState(bucket.state or "OPEN", started=bool(bucket.started))
    return found


def _move(minute: datetime, state: str, condition: Condition, **more: Any) -> bool:
    actions = [
        Bucket.state.set(state),
        Bucket.expires_at.set(_expires(minute)),
        *(getattr(Bucket, name).set(value) for name, value in more.items()),
    ]
    try:
        Bucket(f"BKT#{minute_key(minute)}", "BKT").update(actions, condition=condition)
    except UpdateError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def seal(minute: datetime, now: datetime) -> bool:
    """OPEN (or absent, or SEALED before) becomes SEALED; False when it is DRAINED or VERIFIED already."""
    condition = Bucket.pk.does_not_exist() | Bucket.state.is_in("OPEN", "SEALED")
    return _move(minute, "SEALED", condition, sealed_at=iso(now))


def set_drained(minute: datetime, now: datetime, sent: int) -> bool:
    """SEALED becomes DRAINED; False when it was not SEALED."""
    return _move(minute, "DRAINED", Bucket.state == "SEALED", drained_at=iso(now), sent=sent)


def set_verified(minute: datetime, now: datetime) -> bool:
    """DRAINED becomes VERIFIED; False when it was not DRAINED."""
    return _move(minute, "VERIFIED", Bucket.state == "DRAINED", verified_at=iso(now))


def set_started(minute: datetime) -> None:
    """Note that a minute's execution was started, so that others need not."""
    try:
        Bucket(f"BKT#{minute_key(minute)}", "BKT").update(
            [Bucket.started.set(True)], condition=Bucket.pk.exists()
        )
    except UpdateError as error:
        if not dynamo.condition_failed(error):
            raise


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
    try:
        Bucket("BKT#cursor", "BKT").update(
            [Bucket.minute.set(key)], condition=Bucket.minute.does_not_exist() | (Bucket.minute < key)
        )
    except UpdateError as error:
        if not dynamo.condition_failed(error):
            raise


def watched(kind: str, account: str, id: str) -> int:  # noqa: A002
    """The newest attempt that a watch of this run or chunk was set for; 0 when never after the first."""
    try:
        found = Bucket.get(f"WATCH#{kind}#{account}#{id}", "BKT", consistent_read=True)
    except Bucket.DoesNotExist:
        return 0
    return int(found.attempt or 0)


def set_watched(kind: str, account: str, id: str, attempt: int, at: datetime) -> None:  # noqa: A002
    """Note the newest attempt; it only grows."""
    try:
        Bucket(f"WATCH#{kind}#{account}#{id}", "BKT").update(
            [Bucket.attempt.set(attempt), Bucket.expires_at.set(_expires(at))],
            condition=Bucket.attempt.does_not_exist() | (Bucket.attempt < attempt),
        )
    except UpdateError as error:
        if not dynamo.condition_failed(error):
            raise


def put(slots: Iterable[Slot]) -> None:
    """Write slots, 25 in a call. When this returns every one of them is durable."""
    writes = {
        (w["PutRequest"]["Item"]["pk"]["S"], w["PutRequest"]["Item"]["sk"]["S"]): w for w in _puts(slots)
    }
    pending, pause = list(writes.values()), 0.05
    while pending:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={_TABLE: pending[:25]})
        left = answer.get("UnprocessedItems", {}).get(_TABLE, [])
        pending = left + pending[25:]
        if left:
            clock.sleep(pause)
            pause = min(pause * 2, 2.0)


def _puts(slots: Iterable[Slot]) -> Iterator[dict[str, Any]]:
    for slot in slots:
        entry, minute = slot.entry, minute_of(slot.at)
        item = {
            "pk": f"DUE#{minute_key(minute)}#{_shard(entry)}",
            "sk": f"{to_ms(slot.at):013d}#{entry.kind}#{entry.account}#{entry.id}#{entry.version}",
            "account": entry.account,
            "kind": entry.kind,
            "id": entry.id,
            "version": entry.version,
            "due_at": iso(entry.due_at),
            "at": iso(slot.at),
            "expires_at": _expires(minute),
        }
        optional = {"group": entry.group, "body": entry.body, "direct": slot.direct, "tries": slot.tries}
        item.update({name: value for name, value in optional.items() if value})
        yield {"PutRequest": {"Item": {name: dynamo.to_av(value) for name, value in item.items()}}}


def _shard(entry: Entry) -> int:
    return zlib.crc32(f"{entry.account}#{entry.id}".encode()) % settings().timers_shards


def slots(minute: datetime) -> Iterator[Slot]:
    """Every slot of a minute in order of its moment: all shards, consistent, a page at a time."""
    shards = [_shard_items(minute, shard) for shard in range(settings().timers_shards)]
    return (_slot(item) for item in heapq.merge(*shards, key=lambda item: str(item["sk"])))


def _shard_items(minute: datetime, shard: int) -> Iterator[dict[str, Any]]:
    ask: dict[str, Any] = {
        "TableName": _TABLE,
        "ConsistentRead": True,
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": f"DUE#{minute_key(minute)}#{shard}"}},
    }
    while True:
        answer = aws.client("dynamodb").query(**ask)
        yield from (dynamo.plain_item(item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return
        ask["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _slot(item: dict[str, Any]) -> Slot:
    entry = Entry(
        account=item["account"],
        kind=item["kind"],
        id=item["id"],
        version=item["version"],
        due_at=parse_iso(item["due_at"]),
        group=item.get("group", ""),
        body=item.get("body", {}),
    )
    return Slot(
        entry,
        at=parse_iso(item["at"]),
        direct=bool(item.get("direct", False)),
        tries=item.get("tries", 0),
    )
