"""Moving on: what an enrollment is after a move, and what follows one. Every move goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chalicelib.accounts.service import Account
from chalicelib.friends import store as friends
from chalicelib.gateways import clock
from chalicelib.scenarios import decide, follow, store
from chalicelib.scenarios.model import Enrollment, Position
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso


def moved(item: Enrollment, position: Position, moment: str) -> Enrollment:
    """The enrollment as it stands after a move."""
    over = position.state != "active"
    return replace(
        item,
        state=position.state,
        v=item.v + 1,
        node=position.node if position.node is not None else item.node,
        node_at=moment,
        due_at=iso(position.due_at) if position.due_at else None,
        claim=None,
        reason=position.reason if over else None,
        ended_at=moment if over else None,
    )


def follow_moves(account: Account, program: decide.Program | None, items: Sequence[Enrollment]) -> None:
    """Mirror moves, tell what they mean (ends, actions), and look whether what is waited for is there.

    An event is heard of in any case: its reaction writes the sheet either before the mirror, and is seen
    here, or after it, and then sees the friend waiting (the mirror grows ``rev``, so it decides anew).
    """
    waiting = [item for item in items if _waits_for(program, item)]
    for item in items:
        follow.mirror(account, item, grow_rev=item in waiting)
    follow.tell(facts(program, items))
    for item in waiting:
        sheet = friends.load(account.id, account.shards, item.user_id)
        if sheet is not None and has_happened(program, item, sheet):
            go_on(account, program, item, sheet)


def _waits_for(program: decide.Program | None, item: Enrollment) -> bool:
    node = program.node(item.node) if program and item.state == "active" else None
    return node is not None and node["type"] == "wait_for"


def has_happened(program: decide.Program | None, item: Enrollment, sheet: dict[str, Any]) -> bool:
    """Whether what a friend's ``wait_for`` waits for has come since the node was entered."""
    node = program.node(item.node) if program else None
    if program is None or node is None or node["type"] != "wait_for":
        return False
    return any(decide.is_awaited(program, item, event) for event in follow.seen_since(item, sheet))


def go_on(
    account: Account, program: decide.Program | None, item: Enrollment, sheet: dict[str, Any] | None
) -> bool:
    """Move a friend on from a node whose event has come, or whose action is done; False if not there."""
    now = clock.now()
    position = decide.go_on(program, item, sheet, now).position
    follow.arm_next([(item, position)])
    there = moved(item, position, iso(now))
    if not store.move(item, position, iso(now), None) and not _stands(there):
        return False
    follow_moves(account, program, [there])
    return True


def _stands(there: Enrollment) -> bool:
    """Whether a move that was refused is there all the same: its first answer was lost on the way."""
    found = store.find(there.account, there.scenario, there.user_id)
    return found is not None and (found.v, found.node, found.node_at) == (there.v, there.node, there.node_at)


def facts(program: decide.Program | None, items: Sequence[Enrollment]) -> list[FriendEvent]:
    """What the house is to know of friends who stand there now: ends, and actions to carry out."""
    found: list[FriendEvent] = []
    for item in items:
        node = program.node(item.node) if program else None
        if item.state != "active":
            found.append(follow.ended(item))
        elif node is not None and node["type"] == "action":
            found.append(follow.action(item, node["then"]))
    return found
