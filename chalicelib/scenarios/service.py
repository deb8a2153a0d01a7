"""What other rooms may ask of scenarios: enter, leave, go on, and what has advanced."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Account
from chalicelib.catalog import service as catalog
from chalicelib.friends import store as friends
from chalicelib.gateways import clock
from chalicelib.scenarios import decide, entering, follow, hearing, store
from chalicelib.scenarios.advance import advance
from chalicelib.scenarios.model import EARLY, ERASED, Enrollment, Position, Result
from chalicelib.scenarios.moves import follow_moves, go_on, moved
from chalicelib.scenarios.publishing import funnel, pause, publish, resume
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import iso, parse_iso
from chalicelib.timers import service as timers

__all__ = [
    "Enrollment",
    "Result",
    "action_done",
    "advance",
    "advanced",
    "enroll",
    "enrollments",
    "exit",
    "forget",
    "funnel",
    "on_friend_event",
    "pause",
    "publish",
    "resume",
]

_TRIES = 5


def enroll(account: str, user_ids: Sequence[str], scenario: str, at: datetime, cause: str) -> list[Result]:
    """Enter friends into a scenario; answers one result per friend, in order.

    ``cause`` names what entered them (an event and rule, a request): the same cause enters a friend
    once, and asking again completes what a crash left undone. ``at`` is when that happened;
    the scenario's times count from now. Refused: ``unknown_friend``, ``blocked``, ``not_published``,
    ``already_active``, ``already_entered``, ``too_often``.
    """
    owner = accounts.get_account(account)
    program = decide.find_program(catalog.snapshot(account), scenario, owner.zone)
    if program is None:
        return [Result(user, accepted=False, why="not_published") for user in user_ids]
    sheets = friends.load_many(account, owner.shards, user_ids)
    results: dict[str, Result] = {}
    todo: list[str] = []
    for user in dict.fromkeys(user_ids):
        why = entering.refusal(sheets.get(user), program)
        if why:
            results[user] = Result(user, accepted=False, why=why)
        else:
            todo.append(user)
    for _ in range(_TRIES):
        if not todo:
            return [results[user] for user in user_ids]
        todo = _enter(owner, program, {user: sheets[user] for user in todo}, at, cause, results)
    raise Unavailable(f"{len(todo)} enrollments in {scenario} were changed by others meanwhile")


def _enter(
    account: Account,
    program: decide.Program,
    sheets: Mapping[str, dict[str, Any]],
    at: datetime,
    cause: str,
    results: dict[str, Result],
) -> list[str]:
    """One try for these friends: item, due entry, mirror, fact. Answers whom somebody else changed."""
    now = clock.now()
    re_entry = entering.re_entry(program)
    items = store.load_many(account.id, program.scenario, list(sheets))
    again: list[str] = []
    there: list[Enrollment] = []
    for user, sheet in sheets.items():
        seen = items.get(user)
        verdict = decide.entering(seen, re_entry, cause, now)
        if verdict in entering.REFUSED:
            results[user] = Result(user, accepted=False, why=entering.REFUSED[verdict])
            if seen is not None and _is_cut_off(seen, sheet):
                there.append(seen)
            continue
        if verdict == "again" and seen is not None:
            results[user] = Result(user, accepted=True)
            # Only what stands as it was entered is completed; a friend who has moved on needs nothing.
            if seen.causes[-1] == cause and _stands_as_entered(seen):
                there.append(seen)
            continue
        fresh = entering.fresh(program, sheet, seen, now, cause)
        if not store.enroll(seen, fresh):
            again.append(user)
            continue
        results[user] = Result(user, accepted=True)
        there.append(fresh)
    timers.arm_all([follow.entry(e, e.v, e.node, parse_iso(e.due_at or e.node_at)) for e in there])
    follow.tell([_entered(item, at, cause) for item in there])
    follow_moves(account, program, there)
    return again


def _stands_as_entered(item: Enrollment) -> bool:
    return item.state == "active" and item.node_at == item.entered_at


def _is_cut_off(seen: Enrollment, sheet: Mapping[str, Any]) -> bool:
    """Whether whoever entered a friend may have crashed before the due entry: the mirror comes last."""
    shown = (sheet.get("scenarios") or {}).get(seen.scenario) or {}
    return _stands_as_entered(seen) and shown.get("v", 0) < seen.v


def _entered(item: Enrollment, at: datetime, cause: str) -> FriendEvent:
    """The fact of entering; of somebody else's by their cause, at the moment that is known of it."""
    if item.causes[-1] == cause:
        return follow.entered(item, iso(at), cause)
    return follow.entered(item, item.entered_at, item.causes[-1])


def exit(  # noqa: A001 (the action's own name)
    account: str, user_ids: Sequence[str], scenario: str, reason: str, at: datetime
) -> list[Result]:
    """Take friends out of a scenario, whatever is claimed: a message on its way may still go out.

    Refused: ``not_active``. Repeating it (same reason and moment) completes what a crash left undone.
    """
    owner, moment = accounts.get_account(account), iso(at)
    results = {user: Result(user, accepted=False, why="not_active") for user in user_ids}
    todo = list(results)
    there: list[Enrollment] = []
    for _ in range(_TRIES):
        again: list[str] = []
        for user, seen in store.load_many(account, scenario, todo).items():
            position = Position("exited", seen.node, reason=reason)
            if seen.state == "exited" and (seen.reason, seen.ended_at) == (reason, moment):
                there.append(seen)
            elif seen.state == "active":
                if not store.exit_now(seen, position, moment):
                    again.append(user)
                    continue
                there.append(moved(seen, position, moment))
        todo = again
        if not todo:
            break
    if todo:
        raise Unavailable(f"{len(todo)} enrollments in {scenario} were changed by others meanwhile")
    follow_moves(owner, None, there)
    for item in there:
        results[item.user_id] = Result(item.user_id, accepted=True)
    return [results[user] for user in user_ids]


def on_friend_event(account: str, user_id: str, sheet: dict[str, Any], event: FriendEvent) -> list[str]:
    """What an event means for the scenarios of its friend; answers those that were touched.

    A block leaves every scenario that does not keep blocked friends; what a ``wait_for`` waits for moves
    on; a date that has moved is waited for anew. Repeating it is harmless. Called with the sheet after the
    event.
    """
    owner, snapshot = accounts.get_account(account), catalog.snapshot(account)
    touched: list[str] = []
    for item in store.of_friend(account, user_id):
        program = decide.find_program(snapshot, item.scenario, owner.zone)
        meant = hearing.meaning(program, item, sheet, event)
        if meant == "exit":
            done = exit(account, [user_id], item.scenario, "blocked", parse_iso(event.at))[0].accepted
        elif meant == "go_on":
            done = not (program and program.paused) and go_on(owner, program, item, sheet)
        else:
            done = meant is not None and _follow_date(item, meant)
        if done:
            touched.append(item.scenario)
    return touched


def _follow_date(item: Enrollment, due: datetime) -> bool:
    """A friend who waits until a date that is another one now: due then, at the same version."""
    timers.arm(follow.entry(item, item.v, item.node, due))
    return store.park(item, due)


def action_done(account: str, user_id: str, event: FriendEvent) -> bool:
    """The engine has carried out an action node (the actions of this ``scenario_action``): go on.

    False when the friend does not stand there any more.
    """
    owner, props = accounts.get_account(account), event.props
    program = decide.find_program(catalog.snapshot(account), props["scenario"], owner.zone)
    item = store.find(account, props["scenario"], user_id)
    if item is None or item.state != "active" or (item.run, item.v) != (props["run"], props["v"]):
        return False
    return go_on(owner, program, item, friends.load(account, owner.shards, user_id))


def advanced(entries: Sequence[timers.Entry]) -> list[bool]:
    """For drained steps: whether the friend has moved past them (or is not in that run any more)."""
    wanted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in entries:
        wanted[entry.account, entry.body["scenario"]].append(entry.body["user_id"])
    items = {
        (account, scenario, user): item
        for (account, scenario), users in wanted.items()
        for user, item in store.load_many(account, scenario, users).items()
    }
    return [
        _has_advanced(items.get((entry.account, entry.body["scenario"], entry.body["user_id"])), entry)
        for entry in entries
    ]


def _has_advanced(item: Enrollment | None, entry: timers.Entry) -> bool:
    if item is None or item.state != "active" or item.run != entry.body["run"] or item.v > entry.version:
        return True
    # Parked again: another entry of the same version stands for the later moment.
    return (
        item.v == entry.version and bool(item.due_at) and parse_iso(item.due_at or "") > entry.due_at + EARLY
    )


def enrollments(account: str, user_id: str) -> list[Enrollment]:
    """Every scenario that a friend has entered, by its id."""
    kept = (item for item in store.of_friend(account, user_id) if item.reason != ERASED)
    return [replace(item, causes=[], re_entries=[]) for item in kept]


def forget(account: str, user_id: str, at: str) -> None:
    """A friend was erased at that moment: leave nothing of what they had entered before. Safe to repeat.

    Raises Unavailable when others keep moving the friend.
    """
    for _ in range(_TRIES):
        left = [i for i in store.of_friend(account, user_id) if i.reason != ERASED and i.entered_at <= at]
        for item in left:
            store.erase(item, at)
        if not left:
            return
    raise Unavailable(f"enrollments of an erased friend of {account} are being moved")
