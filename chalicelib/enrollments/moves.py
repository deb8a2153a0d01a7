"""Moving on: what an enrollment is after a move, and what follows one. Every move goes through here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from chalicelib.accounts.service import Account
from chalicelib.enrollments import anchors, decide, event_handling, follow_ups, nodes, store
from chalicelib.enrollments.model import CANCELLED, ERASED, Cause, Enrollment, Position, led_by, passed_by
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.shared import side_by_side
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import service as timers

_TRIES = 5


def moved(item: Enrollment, position: Position, timestamp: str, cause: Cause | None = None) -> Enrollment:
    """The enrollment as it is after a move; ``cause``: what led there, if it was not time."""
    over = position.state != "active"
    since, used = led_by(item, cause, timestamp)
    return replace(
        item,
        state=position.state,
        v=item.v + 1,
        node=position.node if position.node is not None else item.node,
        node_at=position.entered(timestamp),
        due_at=iso(position.due_at) if position.due_at else None,
        claim=None,
        reason=position.reason if over else None,
        ended_at=timestamp if over else None,
        since=since,
        used=used,
        waits=position.waits,
        passed=passed_by(item, position, timestamp),
    )


def follow_moves(account: Account, program: decide.Program | None, items: Sequence[Enrollment]) -> None:
    """Mirror moves, report what they mean (ends, actions), and look whether what is listened for is there.

    A fact is heard of in any case: whoever makes it writes the sheet either before the mirror, and is seen
    here, or after it, and then sees the friend waiting (the mirror grows ``rev``, so it decides anew).
    """
    listening = [item for item in items if event_handling.listens(program, item)]
    rev_of = {id(item) for item in listening}
    side_by_side.each(lambda item: follow_ups.mirror(account, item, grow_rev=id(item) in rev_of), items)
    follow_ups.report(facts(program, items))
    named = program.nodes_named if program else ()
    users = [item.user_id for item in listening]
    sheets = friends.load_many(account.id, account.shards, users, nodes_of=named)
    for item in listening:
        sheet = sheets.get(item.user_id)
        if program is not None and sheet is not None:
            _listen(account, program, item, sheet)
    for item in items:
        if item.value is not None and item.state != "active":
            follow_ups.forget_runs(account, item)


def _listen(account: Account, program: decide.Program, item: Enrollment, sheet: Sheet) -> None:
    if anchors.ends_cancelled(item, program.node(item.node), sheet):
        cancel(account, program, item)
        return
    cause = has_happened(program, item, sheet)
    if cause is not None:
        go_on(account, program, item, sheet, cause)
    elif event_handling.moved_date(program, item, sheet) is not None:
        follow_date(account, program, item)


def has_happened(program: decide.Program | None, item: Enrollment, sheet: Sheet) -> Cause | None:
    """What has come of what a friend's ``wait_for`` waits for, since the node was entered."""
    node = program.node(item.node) if program else None
    if program is None or node is None or not nodes.kind_of(node).awaits_event:
        return None
    return event_handling.ended_by_any(program, item, follow_ups.seen_since(item, sheet))


def follow_date(account: Account, program: decide.Program, item: Enrollment) -> bool:
    """A friend who waits until a date that is another one now: due then, at the same version.

    The sheet is read after the enrollment, and the enrollment written if it is as it was read: of several
    who change the date the last one to look sees the last date. Where it has moved into the past, now is the
    time: who is due already is so without it.
    """
    for _ in range(_TRIES):
        sheet = friends.load(account.id, account.shards, item.user_id, nodes_of=())
        due = event_handling.moved_date(program, item, sheet) if sheet and item.state == "active" else None
        now = parse_iso(iso(clock.now()))
        if due is None or max(due, parse_iso(item.due_at or item.node_at)) <= now:
            return False
        due = max(due, now)
        timers.arm(follow_ups.entry(item, item.v, item.node, due))
        if store.park(item, due):
            return True
        found = store.find(account.id, item.scenario, item.user_id, item.value)
        if found is None:
            return False
        item = found
    raise Unavailable(Reason("enrollments_busy", n=1, scenario=item.scenario))


def cancel(account: Account, program: decide.Program | None, item: Enrollment) -> bool:
    """End a run whose reservation was cancelled, whatever is claimed; False when it is over or anew by now.
    Repeating it completes what a crash left undone.
    """
    run, timestamp = item.run, iso(clock.now())
    for _ in range(_TRIES):
        if item.run != run:
            return False
        if item.state != "active":
            if item.reason == CANCELLED:
                follow_moves(account, program, [item])
            return item.reason == CANCELLED
        position = Position("exited", item.node, reason=CANCELLED)
        if store.exit_now(item, position, timestamp):
            follow_moves(account, program, [moved(item, position, timestamp)])
            return True
        found = store.find(account.id, item.scenario, item.user_id, item.value)
        if found is None:
            return False
        item = found
    raise Unavailable(Reason("enrollments_busy", n=1, scenario=item.scenario))


def go_on(
    account: Account,
    program: decide.Program | None,
    item: Enrollment,
    sheet: Sheet | None,
    cause: Cause,
) -> bool:
    """Move a friend on from a node whose event has come, or whose action is done; False if not there."""
    now = clock.now()
    position = event_handling.step_on(program, item, sheet, cause, now).position
    follow_ups.arm_next([(item, position)])
    there = moved(item, position, iso(now), cause)
    if not store.move(item, position, iso(now), None, cause) and not _is_stored(there):
        return False
    follow_moves(account, program, [there])
    return True


def _is_stored(there: Enrollment) -> bool:
    """Whether a move that was refused is there all the same: its first answer was lost on the way."""
    found = store.find(there.account, there.scenario, there.user_id, there.value)
    return found is not None and (found.v, found.node, found.node_at) == (there.v, there.node, there.node_at)


def facts(program: decide.Program | None, items: Sequence[Enrollment]) -> list[FriendEvent]:
    """What the house is to know of friends who are there now: ends, and actions to carry out."""
    found: list[FriendEvent] = []
    for item in items:
        node = program.node(item.node) if program else None
        if item.reason == ERASED:
            continue  # nothing is reported of what was erased, least of all to a friend who came back
        if item.state != "active":
            found.append(follow_ups.ended(item))
        elif node is not None and nodes.kind_of(node).acts and not item.waits:
            found.append(follow_ups.action(item, node["then"]))
    return found
