"""Judging friends, cutting slices, packing chunks. Pure: the same sheets and slices give the same plan."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.broadcasts.model import PART_RECIPIENTS, REST, SLICE_BYTES, Arm, Slice, Totals
from chalicelib.conditions.answer_leaves import bucket
from chalicelib.deliveries.model import MULTICAST_MAX, PUSH_MAX
from chalicelib.events.sheet import Sheet


class CannotRender(Exception):
    """An arm's message cannot be made for this friend."""


@dataclass(frozen=True)
class Judge:
    """What decides about one friend. ``render`` answers an arm's payload or raises CannotRender;
    ``opted_out``: the friend is out of something that the arm's message belongs to.
    """

    broadcast: str
    arms: Sequence[Arm]
    included: Callable[[Sheet], bool]
    excluded: Callable[[Sheet], bool]
    render: Callable[[Arm, Sheet], list[dict[str, Any]]]
    opted_out: Callable[[Arm, Sheet], bool] = lambda _arm, _sheet: False
    hold_out_percent: float = 0
    sample_percent: float = 100
    """Of those who are not held out, so many get an arm of the test; the others wait for its decision."""
    is_rest: bool = False
    """Whether everybody who is judged was meant before, and must come to something."""


@dataclass(frozen=True)
class Verdict:
    """``arm`` (with a payload where it is the friend's own), ``skipped`` for a reason, ``held_out`` or
    ``rest`` (not of the sample).
    """

    kind: str
    arm: Arm | None = None
    payload: list[dict[str, Any]] | None = None
    reason: str | None = None


HELD_OUT, LATER = Verdict("held_out"), Verdict("rest")


def judge(sheet: Sheet, by: Judge) -> Verdict | None:
    """What becomes of a friend; None: the broadcast does not mean this one."""
    if sheet.get("status") == "erased":
        return Verdict("skipped", reason="erased") if by.is_rest else None
    if not by.included(sheet) or by.excluded(sheet):
        return None
    if sheet.get("status") != "following":
        return Verdict("skipped", reason="blocked")
    user = str(sheet["user_id"])
    if bucket(f"{by.broadcast}:hold_out", user) < by.hold_out_percent:
        return HELD_OUT
    if bucket(f"{by.broadcast}:sample", user) >= by.sample_percent:
        return LATER
    arm = arm_of(by.broadcast, by.arms, user)
    if by.opted_out(arm, sheet):
        return Verdict("skipped", reason="opted_out")
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


def make_slice(from_key: str | None, sheets: Sequence[Sheet], next_key: str | None, by: Judge) -> Slice:
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
    elif verdict.kind == "rest":
        made.rest.append(user)
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
    arms = {arm: [user for user in users if user not in refused] for arm, users in made.arms.items()}
    payloads = {user: payload for user, payload in made.payloads.items() if user not in refused}
    return replace(made, arms=arms, payloads=payloads, skipped=skipped)


def totals(slices: Iterable[Slice]) -> Totals:
    """Counts over slices."""
    return add(
        Totals(
            {arm: len(users) for arm, users in part.arms.items()},
            {reason: len(users) for reason, users in part.skipped.items()},
            len(part.held_out),
            len(part.rest),
        )
        for part in slices
    )


def add(parts: Iterable[Totals]) -> Totals:
    """The sum of counts."""
    arms: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    held_out = rest = 0
    for part in parts:
        arms.update(part.arms)
        skipped.update(part.skipped)
        held_out += part.held_out
        rest += part.rest
    return Totals(dict(arms), dict(skipped), held_out, rest)


def with_rest(first: Totals, rest: Totals, dropped: str | None) -> Totals:
    """The counts of a run whose rest is being judged. ``dropped``: why nobody of it gets anything, if so."""
    waiting = first.rest - rest.planned
    arms = {arm.removesuffix(REST): n for arm, n in rest.arms.items()}
    skipped = {dropped: waiting} if dropped and waiting else {}
    left = Totals(arms, {**rest.skipped}, rest.held_out, 0 if skipped else waiting)
    return add([replace(first, rest=0), left, Totals({}, skipped, 0)])


@dataclass(frozen=True)
class Part:
    """What one message packs: the chunks that begin with a recipient of these consecutive shards.

    ``first`` and ``last``: by arm, the number of the first recipient, and the one after the last. ``totals``:
    how many the arms have in all shards.
    """

    number: int
    shards: range
    first: Mapping[str, int]
    last: Mapping[str, int]
    totals: Mapping[str, int]


def parts(done: Mapping[int, Totals]) -> list[Part]:
    """A run that is judged completely in parts of some ``PART_RECIPIENTS``: a pure function of its counts."""
    everybody = add(done.values()).arms
    found: list[Part] = []
    begin, first, at = 0, dict.fromkeys(everybody, 0), dict.fromkeys(everybody, 0)
    for shard in range(len(done)):
        for arm, n in done[shard].arms.items():
            at[arm] += n
        is_last = shard == len(done) - 1
        if is_last or sum(at.values()) - sum(first.values()) >= PART_RECIPIENTS:
            found.append(Part(len(found), range(begin, shard + 1), first, dict(at), everybody))
            begin, first = shard + 1, dict(at)
    return found


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


@dataclass(frozen=True)
class Position:
    """How far a part is packed: every chunk before ``following`` (by arm) is stored, ``chunks`` of them.
    Whoever goes on reads from this slice on, whose first recipients have these ``numbers``.
    """

    shard: int
    slice: int
    numbers: Mapping[str, int]
    following: Mapping[str, int]
    chunks: int = 0


def beginning(part: Part, arms: Sequence[Arm]) -> Position:
    """Where a part begins: its first chunks are those whose number lies in it."""
    cells = {arm.id: _cell(arm) for arm in arms}
    following = {arm: -(-n // cells[arm]) * cells[arm] for arm, n in part.first.items()}
    return Position(part.shards.start, 0, part.first, following)


def _cell(arm: Arm) -> int:
    return MULTICAST_MAX if arm.static else PUSH_MAX


class Packer:
    """Cuts a part into chunks, slice by slice in the order of shards, beyond its own as far as its last chunk
    needs.

    Recipients are numbered by arm over the whole run, and a chunk begins with each multiple of 500 (of 100
    where each has a payload of their own), and where the next payload would not fit. So chunks are a pure
    function of the slices, whoever cuts them, and where he began.
    """

    def __init__(self, arms: Sequence[Arm], part: Part, since: Position) -> None:
        self._arms = {arm.id: arm for arm in arms}
        self._part = part
        self._numbers, self._following = dict(since.numbers), dict(since.following)
        self._filling: dict[str, tuple[Piece, Position]] = {}
        self.chunks = since.chunks
        """How many chunks the part has so far."""

    def take(self, shard: int, number: int, made: Slice) -> Iterator[Piece]:
        """The chunks that a slice completes. Each must be stored before the next one is asked for."""
        here = Position(shard, number, dict(self._numbers), {})
        for name in sorted(made.arms):
            for user in made.arms[name]:
                yield from self._add(name, user, made.payloads.get(user), here)

    def _add(
        self, name: str, user: str, payload: list[dict[str, Any]] | None, here: Position
    ) -> Iterator[Piece]:
        number, cell = self._numbers[name], _cell(self._arms[name])
        self._numbers[name] += 1
        if number < self._following[name] or number - number % cell >= self._part.last[name]:
            return  # of a chunk that is stored, or that another part cuts
        size = size_of(payload)
        if name in self._filling and not self._arms[name].static:
            piece = self._filling[name][0]
            if piece.size + size > SLICE_BYTES:
                yield from self._end(name)
        if name not in self._filling:
            self._filling[name] = (Piece(self._arms[name], number, [], {}), here)
        piece = self._filling[name][0]
        piece.users.append(user)
        if payload is not None:
            piece.payloads[user] = payload
            piece.size += size
        if (number + 1) % cell == 0 or number + 1 == self._part.totals[name]:
            yield from self._end(name)

    def _end(self, name: str) -> Iterator[Piece]:
        piece, _ = self._filling.pop(name)
        yield piece
        self._following[name] = piece.start + len(piece.users)
        self.chunks += 1

    @property
    def is_complete(self) -> bool:
        """Whether every chunk of the part has been cut."""
        for name, last in self._part.last.items():
            cell = _cell(self._arms[name])
            end = min(self._part.totals[name], -(-last // cell) * cell)
            if self._following[name] < end:
                return False
        return True

    def position(self, shard: int, number: int) -> Position:
        """Where to go on instead of taking this slice: where the oldest chunk that is not full began."""
        here = Position(shard, number, dict(self._numbers), {})
        began = [place for _, place in self._filling.values()]
        oldest = min([here, *began], key=lambda place: (place.shard, place.slice))
        return replace(oldest, following=dict(self._following), chunks=self.chunks)


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
        "pending": chunks["pending"] + planned.to_be_sent - chunks["total"],
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
