"""Packing a run that is judged: part by part, each from where the last who packed it stopped.

A run is cut into parts of consecutive shards, some 10,000 recipients each, by its counts alone. One message
packs a part, and comes again as long as it takes; a small run has one part, packed by whoever sees that all
is judged. The chunks are a pure function of the slices (``plan.Packer``) and put if absent, so it does no
harm when two pack the same part. Once every part is packed the run is, and the payloads are taken out of the
slices.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.broadcasts.model import Arm, RunSnapshot, Slice
from chalicelib.broadcasts.plans import plan
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.broadcasts.plans.store import Planned
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock, queues
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft


def ask(run_snapshot: RunSnapshot, wanted: Sequence[Mapping[str, Any]]) -> None:
    """Put commands in the queue of planning. Raises RuntimeError when it refuses some."""
    names = {"account": run_snapshot.account, "broadcast": run_snapshot.broadcast, "run": run_snapshot.run}
    if run_snapshot.stage:
        names["stage"] = run_snapshot.stage
    refused = queues.send_all("shards", [queues.Message({**names, **one}) for one in wanted])
    if refused:
        raise RuntimeError(f"queue shards refused {len(refused)} messages")


def go_on(run_snapshot: RunSnapshot, left: TimeLeft = NO_LIMIT) -> bool:
    """Pack a small run that is judged, ask for the parts of a large one; True when everything is packed."""
    at = plan_store.read_plan(run_snapshot.account, run_snapshot.plan)
    if at.packed is None and len(at.done) < run_snapshot.shards:
        return False
    parts = plan.parts(at.done)
    if len(parts) == 1:
        return work_on(run_snapshot, 0, left, at)
    if at.packed is None and plan_store.may_ask(run_snapshot.account, run_snapshot.plan, clock.now()):
        # One at least: whoever packed the last part may have died before it noted that all are.
        missing = [part.number for part in parts if part.number not in at.parts] or [0]
        ask(run_snapshot, [{"part": number} for number in missing])
    return at.packed is not None


def work_on(
    run_snapshot: RunSnapshot, number: int, left: TimeLeft, at: Planned | None = None, *, again: bool = False
) -> bool:
    """Pack a part, or empty its slices when the run is packed; asks for itself when the time is over first.

    True when everything is packed. ``again``: whoever did it before may have died before asking for the rest.
    """
    at = at or plan_store.read_plan(run_snapshot.account, run_snapshot.plan)
    parts = plan.parts(at.done)
    if at.packed is None:
        at = _pack(run_snapshot, parts, number, at, left)
        if at is None:
            ask(run_snapshot, [{"part": number}])
            return False
        if at.packed is None:
            return False
        again = True
    own = {arm.id for arm in run_snapshot.arms if not arm.static}
    full = [part for part in parts if part.number not in at.emptied and _has_any(part, own)]
    others = [part.number for part in full if part.number != number]
    if again and others:
        ask(run_snapshot, [{"part": other} for other in others])
    for part in full:
        if part.number == number and not _empty(run_snapshot, part, left):
            ask(run_snapshot, [{"part": number}])
    return True


def _has_any(part: plan.Part, arms: set[str]) -> bool:
    return any(part.last[arm] > part.first[arm] for arm in arms & part.last.keys())


def _pack(
    run_snapshot: RunSnapshot, parts: Sequence[plan.Part], number: int, at: Planned, left: TimeLeft
) -> Planned | None:
    """Pack a part, and note it; how far the plan is then. None: the time was over first."""
    account, run = run_snapshot.account, run_snapshot.plan
    chunks = dict(at.parts)
    if number not in chunks:
        try:
            packed = _pack_part(run_snapshot, parts[number], left)
        except _IsPacked:
            return plan_store.read_plan(account, run)
        if packed is None:
            return None
        if len(parts) > 1:
            plan_store.put_part(account, run, number, packed)
            # After our own: whoever is last to look sees all of them.
            at = plan_store.read_plan(account, run)
        chunks = {**at.parts, number: packed}
    if at.packed is None and len(chunks) == len(parts):
        plan_store.put_pack(account, run, sum(chunks.values()), clock.now())
        return Planned(at.done, chunks, at.emptied, sum(chunks.values()))
    return at


class _IsPacked(Exception):
    """Somebody else has packed, and begun to empty the slices."""


def _pack_part(run_snapshot: RunSnapshot, part: plan.Part, left: TimeLeft) -> int | None:
    """Put the chunks of a part that are missing; how many it has. None: the time was over, and how far it is
    is kept.
    """
    account, run = run_snapshot.account, run_snapshot.plan
    since = plan_store.find_position(account, run, part.number) or plan.beginning(part, run_snapshot.arms)
    packer, standing = plan.Packer(run_snapshot.arms, part, since), _standing(run_snapshot, part)
    reached = (since.shard, since.slice)
    for shard, number, made in _slices(run_snapshot, since):
        if packer.is_complete:
            break
        at = packer.position(shard, number)
        if left.is_over and ((at.shard, at.slice) > reached or packer.chunks > since.chunks):
            plan_store.put_position(account, run, part.number, at)
            return None
        for piece in packer.take(shard, number, made):
            if piece.name not in standing:
                _put(run_snapshot, piece)
    return packer.chunks


def _slices(run_snapshot: RunSnapshot, since: plan.Position) -> Iterator[tuple[int, int, Slice]]:
    """Every slice from a position on, with its shard and number. Raises when the run is packed and they are
    not whole: chunks cut from emptied slices would not be those that are stored.
    """
    for shard in range(since.shard, run_snapshot.shards):
        first = since.slice if shard == since.shard else 0
        for number, made in enumerate(
            plan_store.slices(run_snapshot.account, run_snapshot.plan, shard, first), first
        ):
            if made.emptied:
                raise _IsPacked
            yield shard, number, made


def _standing(run_snapshot: RunSnapshot, part: plan.Part) -> set[str]:
    """The chunks of a part that are stored already."""
    found: set[str] = set()
    for arm, last in part.last.items():
        if last > part.first[arm]:
            first = plan.chunk_name(arm, part.first[arm])
            found |= deliveries.chunk_names(
                run_snapshot.account, run_snapshot.run, first, plan.chunk_name(arm, last)
            )
    return found


def message_of(body: dict[str, Any], arm: Arm) -> str | None:
    """The id of the message that an arm sends; None: it was given whole."""
    variants = {variant["id"]: variant["message"] for variant in body.get("variants") or ()}
    return variants[arm.variant] if variants else body.get("message")


def cause_of(broadcast: str, body: dict[str, Any], arm: Arm) -> dict[str, Any]:
    """How an arm's chunks name where they come from."""
    message = message_of(body, arm)
    return {"broadcast": broadcast, **({"message": message} if message else {})}


def _put(run_snapshot: RunSnapshot, piece: plan.Piece) -> None:
    """Write a chunk. It is not fed: that is for the run's release."""
    deliveries.put_chunk(
        deliveries.Chunk(
            account=run_snapshot.account,
            run=run_snapshot.run,
            chunk=piece.name,
            kind="multicast" if piece.arm.static else "push",
            recipients=piece.users,
            messages=piece.arm.body["messages"] if piece.arm.static else None,
            payloads=None if piece.arm.static else piece.payloads,
            category=piece.arm.category,
            topic=piece.arm.topic,
            repeats=bool(piece.arm.body.get("repeats")),
            cause=cause_of(run_snapshot.broadcast, run_snapshot.body, piece.arm),
            variant=piece.arm.variant,
            reserved_at=piece.arm.goes_at or run_snapshot.now,
            not_before=piece.arm.at,
            unit=piece.arm.unit,
        ),
        watch=False,
        feed=False,
    )


def _empty(run_snapshot: RunSnapshot, part: plan.Part, left: TimeLeft) -> bool:
    """Take the payloads out of the slices of a part; False when the time is over first. Safe to repeat."""
    done = 0
    for shard in part.shards:
        for number in plan_store.slices_with_payloads(run_snapshot.account, run_snapshot.plan, shard):
            if left.is_over and done:
                return False
            plan_store.empty_slice(run_snapshot.account, run_snapshot.plan, shard, number)
            done += 1
    plan_store.set_emptied(run_snapshot.account, run_snapshot.plan, part.number)
    return True
