"""Judging friends, cutting slices, packing chunks. Pure: the same sheets and slices give the same plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.broadcasts.model import SLICE_BYTES, Arm, Slice, Totals
from chalicelib.deliveries.model import MULTICAST_MAX, PUSH_MAX
from chalicelib.segments.answers import bucket

Sheet = Mapping[str, Any]


class CannotRender(Exception):
    """An arm's message cannot be made for this friend."""


@dataclass(frozen=True)
class Judge:
    """What decides about one friend. ``render`` answers an arm's payload or raises CannotRender."""

    broadcast: str
    arms: Sequence[Arm]
    hold_out_percent: float
    included: Callable[[dict[str, Any]], bool]
    excluded: Callable[[dict[str, Any]], bool]
    render: Callable[[Arm, dict[str, Any]], list[dict[str, Any]]]


@dataclass(frozen=True)
class Verdict:
    """``arm`` (with a payload where it is the friend's own), ``skipped`` for a reason, or ``held_out``."""

    kind: str
    arm: Arm | None = None
    payload: list[dict[str, Any]] | None = None
    reason: str | None = None


HELD_OUT = Verdict("held_out")


def judge(sheet: dict[str, Any], by: Judge) -> Verdict | None:
    """What becomes of a friend; None: the broadcast does not mean this one."""
    if sheet.get("status") == "erased" or not by.included(sheet) or by.excluded(sheet):
        return None
    if sheet.get("status") != "following":
        return Verdict("skipped", reason="blocked")
    user = str(sheet["user_id"])
    if bucket(f"{by.broadcast}:hold_out", user) < by.hold_out_percent:
        return HELD_OUT
    arm = arm_of(by.broadcast, by.arms, user)
    if arm.static:
        return Verdict("arm", arm)
    try:
        payload = by.render(arm, sheet)
    except CannotRender:
        return Verdict("skipped", reason="unrenderable")
    if size_of(payload) > SLICE_BYTES:
        return Verdict("skipped", reason="unrenderable")
    return Verdict("arm", arm, payload)


def arm_of(broadcast: str, arms: Sequence[Arm], user: str) -> Arm:
    """The friend's arm, by weight, from a hash of broadcast and friend: always the same one."""
    position = bucket(f"{broadcast}:variant", user) / 100 * sum(arm.weight for arm in arms)
    for arm in arms:
        position -= arm.weight
        if position < 0:
            return arm
    return arms[-1]


def cut_slice(
    from_key: str | None, sheets: Sequence[dict[str, Any]], next_key: str | None, by: Judge
) -> Slice:
    """Judge sheets, in order, until they are used up or the slice is full.

    ``next_key`` is where the reader goes on after the last of ``sheets`` (None: the shard ends there).
    """
    made, size, judged = Slice(from_key), 0, from_key
    for sheet in sheets:
        user, verdict = str(sheet["user_id"]), judge(sheet, by)
        if verdict is not None:
            weight = 2 * len(user.encode()) + 10 + size_of(verdict.payload)
            if size and size + weight > SLICE_BYTES:
                made.next_key = judged
                return made
            size += weight
            _add(made, user, verdict)
        judged = user
    made.next_key = next_key
    return made


def _add(made: Slice, user: str, verdict: Verdict) -> None:
    if verdict.kind == "held_out":
        made.held_out.append(user)
    elif verdict.kind == "skipped":
        made.skipped.setdefault(verdict.reason or "unrenderable", []).append(user)
    elif verdict.arm is not None:
        made.arms.setdefault(verdict.arm.id, []).append(user)
        if verdict.payload is not None:
            made.payloads[user] = verdict.payload


def without(made: Slice, refused: Mapping[str, str]) -> Slice:
    """The slice with these recipients skipped, each for its reason (a cap)."""
    if not refused:
        return made
    skipped = {reason: list(users) for reason, users in made.skipped.items()}
    for user, reason in refused.items():
        skipped.setdefault(reason, []).append(user)
    return Slice(
        made.from_key,
        made.next_key,
        {arm: [user for user in users if user not in refused] for arm, users in made.arms.items()},
        {user: payload for user, payload in made.payloads.items() if user not in refused},
        skipped,
        made.held_out,
    )


def totals(slices: Iterable[Slice]) -> Totals:
    """Counts over slices."""
    arms: dict[str, int] = {}
    skipped: dict[str, int] = {}
    held_out = 0
    for part in slices:
        for arm, users in part.arms.items():
            arms[arm] = arms.get(arm, 0) + len(users)
        for reason, users in part.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + len(users)
        held_out += len(part.held_out)
    return Totals(arms, skipped, held_out)


def add(parts: Iterable[Totals]) -> Totals:
    """The sum of counts."""
    arms: dict[str, int] = {}
    skipped: dict[str, int] = {}
    held_out = 0
    for part in parts:
        for arm, n in part.arms.items():
            arms[arm] = arms.get(arm, 0) + n
        for reason, n in part.skipped.items():
            skipped[reason] = skipped.get(reason, 0) + n
        held_out += part.held_out
    return Totals(arms, skipped, held_out)


@dataclass
class Piece:
    """One chunk of the plan: recipients ``start`` to ``start + len(users)`` of an arm."""

    arm: Arm
    start: int
    users: list[str]
    payloads: dict[str, list[dict[str, Any]]]
    size: int = 0

    @property
    def name(self) -> str:
        """``<arm>-<start>``: names of an arm's chunks sort in the order of its recipients."""
        return chunk_name(self.arm.id, self.start)


def chunk_name(arm: str, start: int) -> str:
    """The chunk that begins with an arm's recipient number ``start``."""
    return f"{arm}-{start:08d}"


def pack(arms: Sequence[Arm], slices: Iterable[Slice]) -> Iterator[Piece]:
    """Chunks over all slices, given in the order of shards and slices: an arm's recipients in their order,
    ≤500 together where the payload is one, ≤100 where each has an own one.
    """
    known = {arm.id: arm for arm in arms}
    filling = {arm.id: Piece(arm, 0, [], {}) for arm in arms}
    for part in slices:
        for name in sorted(part.arms):
            for user in part.arms[name]:
                piece, payload = filling[name], part.payloads.get(user)
                if _is_full(piece, size_of(payload)):
                    yield piece
                    piece = filling[name] = Piece(known[name], piece.start + len(piece.users), [], {})
                piece.users.append(user)
                if payload is not None:
                    piece.payloads[user] = payload
                    piece.size += size_of(payload)
    yield from (piece for piece in filling.values() if piece.users)


def _is_full(piece: Piece, more: int) -> bool:
    if piece.arm.static:
        return len(piece.users) >= MULTICAST_MAX
    return len(piece.users) >= PUSH_MAX or (bool(piece.users) and piece.size + more > SLICE_BYTES)


def size_of(payload: Any) -> int:
    """Roughly the bytes that a payload takes in the store; 0 for none."""
    return 0 if payload is None else len(json.dumps(payload, ensure_ascii=False).encode()) + 40


def progress(planned: Totals, chunks: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of a run, from its plan and its chunks: ``planned`` is always the sum of the rest.

    Recipients that are in no chunk yet are pending; ``chunks`` must have been read before ``planned``.
    """
    skipped = dict(planned.skipped)
    for reason, n in chunks["skipped"].items():
        skipped[reason] = skipped.get(reason, 0) + n
    return {
        "planned": planned.planned,
        "pending": chunks["pending"] + planned.recipients - chunks["total"],
        "accepted": chunks["accepted"],
        "skipped": {reason: n for reason, n in sorted(skipped.items()) if n},
        "failed": dict(sorted(chunks["failed"].items())),
        "unknown": chunks["unknown"],
        "held_out": planned.held_out,
    }


NOTHING: dict[str, Any] = {
    "planned": 0,
    "pending": 0,
    "accepted": 0,
    "skipped": {},
    "failed": {},
    "unknown": 0,
    "held_out": 0,
}
"""The numbers of a broadcast that was never started."""
