"""Advance: up to 500 friends of one scenario whose turn has come. The order of writes is the protocol's.

A message that policies hold back is waited for: the friend is at its node, due when the hold ends, and
is judged anew then. Per friend with a message: claim, then (for all together) manifest, status, watch,
queue message, then the next due entries, then version v becomes v+1 and the claim is gone, then the mirror
and the facts. A crash anywhere leaves a claim that is honoured, a manifest that closes it, or a version
that has moved.

What comes after the queue message may wait (``begin`` answers it as a function): of a wave that is thousands
of friends large, all messages are on their way before anybody is moved on.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import friend_tokens
from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.deliveries import service as deliveries
from chalicelib.enrollments import anchors, decide, follow_ups, moves, rendering, store
from chalicelib.enrollments.model import (
    Cause,
    Enrollment,
    Park,
    Pointer,
    Position,
    Step,
    is_of_erased,
    one_per_friend,
    triage,
)
from chalicelib.enrollments.rendering import Payload
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, queues
from chalicelib.messages import render
from chalicelib.shared import side_by_side
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers

LATER_S = 5
"""A pointer that is newer than its item comes back after this long."""
_ROUNDS = 5


@dataclass(frozen=True)
class _Turn:
    """One friend in one round, and what was decided."""

    item: Enrollment
    step: Step
    payload: Payload | None = None
    cause: Cause | None = None


_Move = tuple[Enrollment, Position, Cause | None]
"""Who moves on, whereto and why."""


@dataclass
class _Round:
    """What one round reads once, and whom it leaves for the next."""

    account: Account
    snapshot: Snapshot
    program: decide.Program | None
    now: datetime
    sheets: Mapping[str, Sheet]
    scenario: str
    are_many: bool = False
    again: list[str] = field(default_factory=list)
    moving: list[tuple[list[_Move], str]] = field(default_factory=list)
    _settled: dict[tuple[str, str], dict[str, Any] | None] = field(default_factory=dict)

    def message(self, node: str, message: str) -> dict[str, Any] | None:
        """A node's message with what is the same for all of the round; None: there is none."""
        if (node, message) not in self._settled:
            whose = friend_tokens.FriendToken("", self.scenario, "", node) if self.are_many else None
            found = rendering.of_many(self.account, self.snapshot, message, self.now, whose)
            self._settled[node, message] = found
        return self._settled[node, message]

    def render(self, node: str, body: Mapping[str, Any], sheet: Mapping[str, Any]) -> Payload:
        """A node's message for a friend. Raises Unrenderable."""
        tokens = friend_tokens.make
        return rendering.words(
            self.account, self.snapshot, self.scenario, node, body, sheet, self.now, tokens
        )


def advance(pointers: Sequence[Pointer], *, redelivered: bool = False) -> None:
    """Carry out the turns of these friends. Raises when some must be tried again; repeating is harmless.

    ``redelivered``: an earlier try did not come to its end, so what follows a move is done again.
    """
    begin(pointers, redelivered=redelivered)()


def begin(pointers: Sequence[Pointer], *, redelivered: bool = False) -> Callable[[], None]:
    """The same as far as the queue messages; the function that is answered does the rest, and must be called.
    Where a friend has several turns there is no rest: one must end before the next begins.
    """
    groups = one_per_friend(pointers)
    rest: Callable[[], None] = _nothing
    for (account_id, scenario), group in groups:
        account = accounts.find_account(account_id)
        if account is not None:
            at = _round(account, scenario, group, redelivered=redelivered)
            rest = functools.partial(_end, at, account, scenario, group)
            if len(groups) > 1:
                rest()
    return rest if len(groups) == 1 else _nothing


def _nothing() -> None:
    """Nothing is left to do."""


def _end(at: _Round | None, account: Account, scenario: str, pointers: dict[str, Pointer]) -> None:
    """Move on whom a round has sent; then further rounds for those who were changed by somebody else."""
    for number in range(1, _ROUNDS + 1):
        pointers = {user: pointers[user] for user in _moved(at)}
        if not pointers:
            return
        if number < _ROUNDS:
            # It may find a move of its own whose answer was lost.
            at = _round(account, scenario, pointers, redelivered=True)
    raise Unavailable(Reason("enrollments_busy", n=len(pointers), scenario=scenario))


def _moved(at: _Round | None) -> list[str]:
    """Move on whom a round lets go; returns those who were changed by somebody else in between."""
    if at is None:
        return []
    for steps, timestamp in at.moving:
        _move(at, steps, timestamp)
    return at.again


def _round(
    account: Account, scenario: str, pointers: Mapping[str, Pointer], *, redelivered: bool
) -> _Round | None:
    """One pass over these friends as far as their messages; None: it is nobody's turn."""
    snapshot = catalog.snapshot(account.id)
    program = decide.find_program(snapshot, scenario, account.zone)
    items = store.load_runs(account.id, scenario, {user: p.value for user, p in pointers.items()})
    ready, before = _ready(pointers, items)
    _follow_again(account, program, before, redelivered=redelivered)
    if program is not None and program.paused:
        ready = [item for item in ready if item.claim]
    if not ready:
        return None
    users, named = [item.user_id for item in ready], language.nodes_named(snapshot)
    sheets = friends.load_many(account.id, account.shards, users, nodes_of=named)
    at = _Round(account, snapshot, program, clock.now(), sheets, scenario, are_many=len(ready) > 1)
    anew = _finish_claims(at, [item for item in ready if item.claim])
    turns = [_decide(at, item) for item in [*anew, *(item for item in ready if not item.claim)]]
    _park(at, [(item, found) for item, found in turns if isinstance(found, Park)])
    steps = [found for _, found in turns if isinstance(found, _Turn)]
    follow_ups.report([follow_ups.skipped(t.item, t.step.skipped, at.now) for t in steps if t.step.skipped])
    _send(at, [turn for turn in steps if turn.step.send])
    silent = [(turn.item, turn.step.position, turn.cause) for turn in steps if not turn.step.send]
    at.moving.append((silent, iso(at.now)))
    return at


def _ready(
    pointers: Mapping[str, Pointer], items: Mapping[str, Enrollment]
) -> tuple[list[Enrollment], list[Enrollment]]:
    """The friends whose turn it is, and those whom these very pointers have moved already."""
    ready: list[Enrollment] = []
    before: list[Enrollment] = []
    later: list[Pointer] = []
    for user, pointer in pointers.items():
        item = items.get(user)
        verdict = triage(item, pointer)
        if item is None or verdict == "drop":
            continue
        if verdict == "later":
            later.append(pointer)
        else:
            (before if verdict == "moved" else ready).append(item)
    _come_back(later)
    return ready, before


def _follow_again(
    account: Account, program: decide.Program | None, items: Sequence[Enrollment], *, redelivered: bool
) -> None:
    """A crash may have come between a move and what follows it; an end is followed in any case."""
    moves.follow_moves(account, program, [i for i in items if redelivered or i.state != "active"])


def _come_back(pointers: Iterable[Pointer]) -> None:
    messages = [queues.Message({"kind": "step", "entries": [_entry(p)]}, delay_s=LATER_S) for p in pointers]
    if messages and queues.send_all("due", messages):
        raise Unavailable(Reason("due_refused"))


def _entry(pointer: Pointer) -> dict[str, Any]:
    """A pointer as a message brings it."""
    p, of_value = pointer, {} if pointer.value is None else {"value": pointer.value}
    return {
        "account": p.account,
        "id": f"{p.scenario}#{p.user_id}",
        "version": p.v,
        "due_at": p.due_at,
        "body": {"user_id": p.user_id, "scenario": p.scenario, "run": p.run, **of_value},
    }


def _decide(at: _Round, item: Enrollment) -> tuple[Enrollment, Park | _Turn]:
    """A friend's step, its message rendered; what cannot be rendered is passed, and reported."""
    sheet = at.sheets.get(item.user_id)
    cause = moves.has_happened(at.program, item, sheet) if sheet is not None else None
    found, payload = rendering.take(
        *(at.account, at.snapshot, at.program, item, sheet, at.now),
        happened=cause,
        settled=at.message,
    )
    return item, found if isinstance(found, Park) else _Turn(item, found, payload, cause)


def _park(at: _Round, parks: Sequence[tuple[Enrollment, Park]]) -> None:
    """The same version, later: the entry first, then the item says so."""
    if not parks:
        return
    timers.arm_all([follow_ups.entry(item, item.v, item.node, park.due_at) for item, park in parks])
    side_by_side.each(lambda one: store.park(one[0], one[1].due_at), parks)
    again = [item for item, park in parks if park.again]
    follow_ups.report(moves.facts(at.program, again))


def _send(at: _Round, turns: Sequence[_Turn]) -> None:
    """Claim, one chunk per message node and as many friends as it holds, finish."""
    by_node: dict[str, list[_Turn]] = defaultdict(list)
    for turn in turns:
        by_node[turn.step.send or ""].append(turn)
    for node, group in by_node.items():
        by_user = {turn.item.user_id: turn for turn in group}
        payloads = {user: turn.payload for user, turn in by_user.items() if turn.payload is not None}
        for users in rendering.pieces(by_user, payloads):
            _send_together(at, node, [by_user[user] for user in users])


def _send_together(at: _Round, node: str, group: Sequence[_Turn]) -> None:
    """Claim these friends for one chunk, and put it."""
    claim = {
        "run": run_id(group[0].item.scenario, at.now),
        "chunk": new_ulid(),
        "send": node,
        "message": group[0].step.message,
        "at": iso(at.now),
    }

    def take(turn: _Turn) -> Enrollment | None:
        mine = claim | _stored(turn.step.position)
        return replace(turn.item, claim=mine) if store.claim(turn.item, mine) else None

    found = side_by_side.each(take, group)
    claimed = [item for item in found if item is not None]
    mine = {item.user_id for item in claimed}
    at.again += [turn.item.user_id for turn in group if turn.item.user_id not in mine]
    payloads = {t.item.user_id: t.payload for t in group if t.payload is not None and t.item.user_id in mine}
    at.again += [item.user_id for item in _deliver(at, claim, claimed, payloads)]


def _finish_claims(at: _Round, items: Sequence[Enrollment]) -> list[Enrollment]:
    """Honour claims that are stored; returns those whom their claim's manifest leaves out."""
    by_chunk: dict[str, list[Enrollment]] = defaultdict(list)
    for item in items:
        assert item.claim is not None
        by_chunk[item.claim["chunk"]].append(item)
    left_out: list[Enrollment] = []
    for members in by_chunk.values():
        claim = members[0].claim
        assert claim is not None
        payloads, able = _render_again(at, claim, members)
        left_out += _deliver(at, claim, members, payloads, able)
    return left_out


def _render_again(
    at: _Round, claim: dict[str, Any], members: Sequence[Enrollment]
) -> tuple[dict[str, Payload], set[str]]:
    """Payloads for a claimed message, and who can be sent it; used only if no manifest is stored yet."""
    body = at.message(claim["send"], claim["message"])
    if body is None:
        return {}, set()
    runs = {item.user_id: item for item in members}
    users = {user for user, item in runs.items() if not is_of_erased(item, at.sheets.get(user))}
    if render.is_static(body):
        return {}, users
    payloads: dict[str, Payload] = {}
    for user in users & at.sheets.keys():
        try:
            payloads[user] = at.render(claim["send"], body, anchors.seen_by(runs[user], at.sheets[user]))
        except render.Unrenderable:
            continue  # left out of the manifest, and decided anew
    # What was claimed together may have grown meanwhile: who does not fit any more is left out too.
    fitting = rendering.pieces(sorted(payloads), payloads)[:1]
    return payloads, {user for piece in fitting for user in piece}


def _deliver(
    at: _Round,
    claim: dict[str, Any],
    members: Sequence[Enrollment],
    payloads: Mapping[str, Payload],
    able: set[str] | None = None,
) -> list[Enrollment]:
    """Put the claim's chunk, and let whom its manifest lists move on; returns the others.

    The first manifest closes the claim: whoever it leaves out is never sent this chunk, by anybody.
    """
    if not members:
        return []
    users = [item.user_id for item in members if able is None or item.user_id in able]
    body = at.message(claim["send"], claim["message"])
    chunk = deliveries.Chunk(
        account=at.account.id,
        run=claim["run"],
        chunk=claim["chunk"],
        kind="push" if payloads else "multicast",
        recipients=users,
        messages=None if payloads else (body["messages"] if body else []),
        payloads={user: payloads[user] for user in users} if payloads else None,
        category=body.get("category", "marketing") if body else "marketing",
        topic=body.get("topic") if body else None,
        repeats=rendering.may_repeat(body, members[0].value),
        cause={
            "scenario": members[0].scenario,
            "node": claim["send"],
            "message": claim["message"],
            "version": at.program.version if at.program else None,
        },
    )
    manifest = deliveries.read_manifest(at.account.id, chunk.run, chunk.chunk) if able is not None else None
    if manifest is None:
        manifest = deliveries.put_chunk(chunk, watch=True)
    else:
        deliveries.put_rest(at.account.id, chunk.run, manifest, watch=True)
    listed = set(manifest["recipients"])
    steps: list[_Move] = [
        (item, follow_ups.due_of(item.claim), None)
        for item in members
        if item.user_id in listed and item.claim is not None
    ]
    at.moving.append((steps, claim["at"]))
    return [item for item in members if item.user_id not in listed]


def _move(at: _Round, steps: Sequence[_Move], timestamp: str) -> None:
    """The next entries, then v+1 from now on, then the mirrors and the facts."""
    follow_ups.arm_next([(item, position) for item, position, _ in steps])

    def move(step: _Move) -> bool:
        item, position, cause = step
        return store.move(item, position, timestamp, item.claim["chunk"] if item.claim else None, cause)

    done = list(zip(steps, side_by_side.each(move, steps), strict=True))
    at.again += [item.user_id for (item, *_), is_moved in done if not is_moved]
    there = [moves.moved(item, to, timestamp, cause) for (item, to, cause), is_moved in done if is_moved]
    moves.follow_moves(at.account, at.program, there)


def _stored(position: Position) -> dict[str, Any]:
    """A position as a claim keeps it."""
    found = {
        "state": position.state,
        "node": position.node,
        "due_at": iso(position.due_at) if position.due_at else None,
        "reason": position.reason,
        "since": iso(position.since) if position.since else None,
        "waits": position.waits or None,
        "passed": [f"{node}:{way}" for node, way in position.passed] or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def run_id(scenario: str, now: datetime) -> str:
    """The run that a scenario's chunks of one minute belong to: ``scn.<scenario>.20261122T0606Z``.

    The same for all versions of the definition; minutes keep the ledger's partitions small.
    """
    return f"scn.{scenario}.{now:%Y%m%dT%H%MZ}"
