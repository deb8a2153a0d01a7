"""The plan of a run, in the ``ledger`` table: every item is written once (parts: until they are packed); only
the payloads are taken out of the slices again, as soon as every chunk is stored. Private to this room.

``account#<run>#M<shard>`` / ``slice#<k>`` · ``account#<run>#S`` / ``<shard>`` a shard that is judged,
``part#<n>`` how far a part is packed, ``pack`` at the end, ``asked`` when the parts were last asked for
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.broadcasts.model import Slice, Totals
from chalicelib.broadcasts.plans.plan import Position
from chalicelib.gateways import dynamo
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

ASK_AGAIN = timedelta(seconds=90)
"""The parts of a run are not asked for again before this is over."""


class PlanRecord(dynamo.Record):
    """A slice, a shard or part that is done or under way, or the mark that everything is packed."""

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
    rest = dynamo.Items(null=True)
    counts = dynamo.Document(null=True)
    slices = NumberAttribute(null=True)
    chunks = NumberAttribute(null=True)
    at = UnicodeAttribute(null=True)
    emptied = BooleanAttribute(null=True)
    position = dynamo.Document(null=True)
    reached = UnicodeAttribute(null=True)
    asked_by = UnicodeAttribute(null=True)


@dataclass(frozen=True)
class Planned:
    """How far a run's plan is: shards that are judged with their counts, parts that are packed with their
    chunks, the chunks of all once everything is stored; of which parts the slices hold no payloads any more.
    """

    done: Mapping[int, Totals] = field(default_factory=dict)
    parts: Mapping[int, int] = field(default_factory=dict)
    emptied: frozenset[int] = frozenset()
    packed: int | None = None


def _slices_key(account: str, run: str, shard: int) -> str:
    return f"{account}#{run}#M{shard}"


def slices(account: str, run: str, shard: int, since: int = 0, *, payloads: bool = True) -> Iterator[Slice]:
    """A shard's slices in order from a number on, consistent; perhaps without their payloads."""
    query = PlanRecord.query(
        _slices_key(account, run, shard),
        PlanRecord.sk.between(_slice_key(since), "slice#~"),
        consistent_read=True,
        attributes_to_get=None if payloads else _WITHOUT_PAYLOADS,
    )
    for record in query:
        yield _slice(record)


_WITHOUT_PAYLOADS = ["pk", "sk", "from_key", "next_key", "arms", "skipped", "held_out", "rest", "emptied"]


def _slice_key(number: int) -> str:
    return f"slice#{number:06d}"


def _slice(record: PlanRecord) -> Slice:
    return Slice(
        from_key=record.from_key,
        next_key=record.next_key,
        arms=record.arms or {},
        payloads=record.payloads or {},
        skipped=record.skipped or {},
        held_out=record.held_out or [],
        rest=record.rest or [],
        emptied=bool(record.emptied),
    )


def put_slice(account: str, run: str, shard: int, number: int, made: Slice) -> Slice:
    """Write slice ``number`` of a shard unless it exists; returns the one that exists."""
    key = (_slices_key(account, run, shard), _slice_key(number))
    record = PlanRecord(
        *key,
        from_key=made.from_key,
        next_key=made.next_key,
        arms=made.arms or None,
        payloads=made.payloads or None,
        skipped=made.skipped or None,
        held_out=made.held_out or None,
        rest=made.rest or None,
    )
    return made if record.save_new() else _slice(PlanRecord.get(*key, consistent_read=True))


def put_shard(account: str, run: str, shard: int, counted: Totals, number: int) -> None:
    """Note that a shard is judged completely, and its counts."""
    PlanRecord(f"{account}#{run}#S", f"{shard:04d}", counts=vars(counted), slices=number).save_new()


def read_plan(account: str, run: str) -> Planned:
    """How far a run's plan is; consistent."""
    done: dict[int, Totals] = {}
    parts: dict[int, int] = {}
    emptied: set[int] = set()
    packed: int | None = None
    for record in PlanRecord.query(f"{account}#{run}#S", consistent_read=True):
        kind, _, number = record.sk.partition("#")
        if kind.isdigit():
            done[int(kind)] = _totals(record.counts or {})
        elif kind == "pack":
            packed = int(record.chunks or 0)
        elif kind == "part":
            if record.chunks is not None:
                parts[int(number)] = int(record.chunks)
            if record.emptied:
                emptied.add(int(number))
    return Planned(done, parts, frozenset(emptied), packed)


def _totals(counts: Mapping[str, Any]) -> Totals:
    numbers = {name: int(counts.get(name, 0)) for name in ("held_out", "rest")}
    return Totals(counts.get("arms", {}), counts.get("skipped", {}), **numbers)


def may_ask(account: str, run: str, now: datetime) -> bool:
    """Whether nobody has asked for the parts just now; then we have."""
    at, by = PlanRecord.at, new_ulid()
    free = at.does_not_exist() | (at < iso(now - ASK_AGAIN)) | (PlanRecord.asked_by == by)
    return _update(_key(account, run, "asked"), [at.set(iso(now)), PlanRecord.asked_by.set(by)], free)


# -- parts ----------------------------------------------------------------------------------------


def find_position(account: str, run: str, part: int) -> Position | None:
    """Where somebody stopped who packed a part and had no more time; consistent."""
    try:
        record = PlanRecord.get(*_part(account, run, part), consistent_read=True)
    except PlanRecord.DoesNotExist:
        return None
    return Position(**record.position) if record.position else None


def put_position(account: str, run: str, part: int, at: Position) -> None:
    """Note how far a part is packed; never back, and never once it is packed."""
    reached = f"{at.shard:04d}/{at.slice:06d}/{at.chunks:08d}"
    _update(
        _part(account, run, part),
        [PlanRecord.position.set(vars(at)), PlanRecord.reached.set(reached)],
        PlanRecord.chunks.does_not_exist()
        & (PlanRecord.reached.does_not_exist() | (PlanRecord.reached < reached)),
    )


def put_part(account: str, run: str, part: int, chunks: int) -> None:
    """Note that every chunk of a part is stored."""
    _update(
        _part(account, run, part),
        [PlanRecord.chunks.set(chunks), PlanRecord.position.remove()],
        PlanRecord.chunks.does_not_exist(),
    )


def put_pack(account: str, run: str, chunks: int, now: datetime) -> None:
    """Note that every chunk of the plan is stored."""
    PlanRecord(f"{account}#{run}#S", "pack", chunks=chunks, at=iso(now)).save_new()


def slices_with_payloads(account: str, run: str, shard: int) -> list[int]:
    """The numbers of a shard's slices that hold payloads; consistent."""
    query = PlanRecord.query(
        _slices_key(account, run, shard),
        PlanRecord.sk.startswith("slice#"),
        filter_condition=PlanRecord.payloads.exists(),
        attributes_to_get=["pk", "sk"],
        consistent_read=True,
    )
    return [int(record.sk.partition("#")[2]) for record in query]


def empty_slice(account: str, run: str, shard: int, number: int) -> None:
    """Take the payloads out of a slice: the manifests, which are stored, hold what is still to be sent."""
    PlanRecord(_slices_key(account, run, shard), _slice_key(number)).update(
        [PlanRecord.emptied.set(True), PlanRecord.payloads.remove()]
    )


def set_emptied(account: str, run: str, part: int) -> None:
    """Note that no slice of a part holds payloads."""
    PlanRecord(*_part(account, run, part)).update([PlanRecord.emptied.set(True)])


def _part(account: str, run: str, part: int) -> tuple[str, str]:
    return _key(account, run, f"part#{part:04d}")


def _key(account: str, run: str, name: str) -> tuple[str, str]:
    return f"{account}#{run}#S", name


def _update(key: tuple[str, str], actions: list[Any], condition: Condition) -> bool:
    return PlanRecord(*key).update_if(actions, condition)
