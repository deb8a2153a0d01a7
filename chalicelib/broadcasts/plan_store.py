"""The plan of a run, in the ``ledger`` table: every item is written once; only the payloads are taken out of
the slices again, as soon as every chunk stands. Private to this room.

``account#<run>#M<shard>`` / ``slice#<k>`` · ``account#<run>#S`` / ``<shard>``, and ``pack`` at the end
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError

from chalicelib.broadcasts.model import Slice, Totals
from chalicelib.gateways import dynamo
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso


class PlanRecord(dynamo.Record):
    """A slice, a shard that is done, or the mark that everything is packed."""

    class Meta:
        table_name = settings().table("ledger")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    from_key = UnicodeAttribute(null=True)
    next_key = UnicodeAttribute(null=True)
    arms = dynamo.Document(null=True)
    payloads = dynamo.Document(null=True)
    skipped = dynamo.Document(null=True)
    held_out = dynamo.Items(null=True)
    counts = dynamo.Document(null=True)
    slices = NumberAttribute(null=True)
    chunks = NumberAttribute(null=True)
    at = UnicodeAttribute(null=True)
    emptied = BooleanAttribute(null=True)


def _put_new(record: PlanRecord) -> bool:
    try:
        record.save(condition=PlanRecord.pk.does_not_exist())
    except PutError as error:
        if dynamo.condition_failed(error):
            return False
        raise
    return True


def _slices_key(account: str, run: str, shard: int) -> str:
    return f"{account}#{run}#M{shard}"


def slices(account: str, run: str, shard: int) -> Iterator[Slice]:
    """A shard's slices in order, consistent."""
    query = PlanRecord.query(
        _slices_key(account, run, shard), PlanRecord.sk.startswith("slice#"), consistent_read=True
    )
    for record in query:
        yield _slice(record)


def _slice(record: PlanRecord) -> Slice:
    return Slice(
        from_key=record.from_key,
        next_key=record.next_key,
        arms=record.arms or {},
        payloads=record.payloads or {},
        skipped=record.skipped or {},
        held_out=record.held_out or [],
        emptied=bool(record.emptied),
    )


def put_slice(account: str, run: str, shard: int, number: int, made: Slice) -> Slice:
    """Write slice ``number`` of a shard unless it stands; answers the one that stands."""
    key = (_slices_key(account, run, shard), f"slice#{number:06d}")
    record = PlanRecord(
        *key,
        from_key=made.from_key,
        next_key=made.next_key,
        arms=made.arms or None,
        payloads=made.payloads or None,
        skipped=made.skipped or None,
        held_out=made.held_out or None,
    )
    return made if _put_new(record) else _slice(PlanRecord.get(*key, consistent_read=True))


def put_shard(account: str, run: str, shard: int, counted: Totals, number: int) -> None:
    """Note that a shard is judged completely, and its counts."""
    counts = {"arms": counted.arms, "skipped": counted.skipped, "held_out": counted.held_out}
    _put_new(PlanRecord(f"{account}#{run}#S", f"{shard:04d}", counts=counts, slices=number))


def read_plan(account: str, run: str) -> tuple[dict[int, Totals], int | None]:
    """Counts of the shards that are done, and the number of chunks once everything is packed; consistent."""
    done: dict[int, Totals] = {}
    chunks: int | None = None
    for record in PlanRecord.query(f"{account}#{run}#S", consistent_read=True):
        if record.sk == "pack":
            chunks = int(record.chunks or 0)
            continue
        counts = record.counts or {}
        done[int(record.sk)] = Totals(
            counts.get("arms", {}), counts.get("skipped", {}), int(counts.get("held_out", 0))
        )
    return done, chunks


def has_payloads(account: str, run: str) -> bool:
    """Whether a plan that is packed may still hold payloads."""
    return not PlanRecord.get(f"{account}#{run}#S", "pack", consistent_read=True).emptied


def empty(account: str, run: str, shards: Iterable[int]) -> None:
    """Take the payloads out of the slices of these shards, and note that no shard has any: the manifests,
    which stand, hold what is still to be sent. Safe to repeat.
    """
    for shard in shards:
        key = _slices_key(account, run, shard)
        query = PlanRecord.query(
            key,
            PlanRecord.sk.startswith("slice#"),
            filter_condition=PlanRecord.payloads.exists(),
            attributes_to_get=["pk", "sk"],
            consistent_read=True,
        )
        for record in query:
            PlanRecord(key, record.sk).update([PlanRecord.emptied.set(True), PlanRecord.payloads.remove()])
    PlanRecord(f"{account}#{run}#S", "pack").update([PlanRecord.emptied.set(True)])


def put_pack(account: str, run: str, chunks: int, now: datetime) -> None:
    """Note that every chunk of the plan stands."""
    _put_new(PlanRecord(f"{account}#{run}#S", "pack", chunks=chunks, at=iso(now)))
