"""What other rooms may ask of scenarios: enter, leave, go on, and what has advanced."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.enrollments import anchors, decide, event_handling, follow_ups, store
from chalicelib.enrollments import entry as scenario_entry
from chalicelib.enrollments.advance import advance
from chalicelib.enrollments.advance import begin as begin_advance
from chalicelib.enrollments.entry import Entry
from chalicelib.enrollments.model import (
    EARLY,
    ERASED,
    NOWHERE,
    Cause,
    Enrollment,
    Position,
    Result,
    is_of_erased,
)
from chalicelib.enrollments.moves import cancel, follow_date, follow_moves, go_on, moved
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock
from chalicelib.shared import side_by_side
from chalicelib.shared.errors import RuleViolation, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import positions
from chalicelib.timers import service as timers

__all__ = [
    "Cause",
    "Enrollment",
    "Entry",
    "Result",
    "action_done",
    "advance",
    "advanced",
    "begin_advance",
    "enroll",
    "enrollments",
    "exit",
    "forget",
    "on_change",
    "on_friend_event",
]

_TRIES = 5


def enroll(
    account_id: str,
    user_ids: Sequence[str],
    scenario: str,
    at: datetime,
    cause: str,
    by: Cause | None = None,
    entry: Entry | None = None,
) -> list[Result]:
    """Enter friends into a scenario; answers one result per friend, in order. ``entry``: for which value, and
    what the run is anchored to; a scenario that runs for each value of something needs one.

    ``cause`` names what entered them (an event and rule, a request): the same cause enters a friend
    once, and calling again completes what a crash left undone. ``by``: the event, if one entered them.
    ``at`` is when that happened; the scenario's times count from when it was heard. Refused:
    ``unknown_friend``, ``blocked``, ``not_published``, ``already_active``, ``already_entered``,
    ``too_often``, ``value_missing``, ``reservation_cancelled``, ``too_many_runs``.
    """
    account = accounts.get_account(account_id)
    snapshot = catalog.snapshot(account_id)
    program = decide.find_program(snapshot, scenario, account.zone)
    if program is None:
        return [Result(user, accepted=False, why="not_published") for user in user_ids]
    entry = entry or Entry()
    if program.per is None:
        entry = replace(entry, value=None)
    sheets = friends.load_many(account_id, account.shards, user_ids, nodes_of=language.nodes_named(snapshot))
    results: dict[str, Result] = {}
    todo: list[str] = []
    for user in dict.fromkeys(user_ids):
        why = scenario_entry.refusal(sheets.get(user), program, entry)
        if why:
            results[user] = Result(user, accepted=False, why=why)
        else:
            todo.append(user)
    for _ in range(_TRIES):
        if not todo:
            return [results[user] for user in user_ids]
        todo = _enter(account, program, {user: sheets[user] for user in todo}, at, cause, results, by, entry)
    raise Unavailable(Reason("enrollments_busy", n=len(todo), scenario=scenario))


def by_hand(account_id: str, scenario: str, value: str | None) -> Entry:
    """What somebody enters friends by who is no event. Raises RuleViolation where the scenario runs for each
    value of something and none is given, or the other way round.
    """
    account = accounts.get_account(account_id)
    program = decide.find_program(catalog.snapshot(account_id), scenario, account.zone)
    per = program.per if program else None
    if program is not None and (per is None) is not (value is None):
        why = (
            Reason("run_value_unwanted", scenario=scenario)
            if per is None
            else Reason("run_value_wanted", per=per)
        )
        raise RuleViolation.at("value", why)
    if per is None or value is None:
        return Entry()
    return Entry(value, anchors.by_hand(per, value, iso(clock.now())))


def _enter(
    account: Account,
    program: decide.Program,
    sheets: Mapping[str, Sheet],
    at: datetime,
    cause: str,
    results: dict[str, Result],
    by: Cause | None,
    entry: Entry,
) -> list[str]:
    """One try for these friends: item, due entry, mirror, fact. Returns whom somebody else changed."""
    now = clock.now()
    re_entry = scenario_entry.re_entry(program)
    items = store.load_many(account.id, program.scenario, list(sheets), entry.value)
    again: list[str] = []
    there: list[Enrollment] = []
    for user, sheet in sheets.items():
        seen = scenario_entry.of_this_life(items.get(user), sheet)
        is_off = anchors.is_off(entry.anchor, sheet)
        verdict = scenario_entry.verdict(seen, re_entry, cause, now, is_off=is_off)
        if verdict in scenario_entry.REFUSED:
            results[user] = Result(user, accepted=False, why=scenario_entry.REFUSED[verdict])
            if seen is not None and _is_unfinished(seen, sheet):
                there.append(seen)
            continue
        if verdict == "again" and seen is not None:
            results[user] = Result(user, accepted=True)
            # What is still as it was entered is completed; of one who has moved on, what the sheet shows.
            if seen.causes[-1] == cause and (_is_as_entered(seen) or _is_unfinished(seen, sheet)):
                there.append(seen)
            continue
        fresh = scenario_entry.fresh(program, sheet, seen, now, cause, by, entry)
        if not store.enroll(seen, fresh):
            again.append(user)
            continue
        results[user] = Result(user, accepted=True)
        there.append(fresh)
    timers.arm_all([follow_ups.entry(e, e.v, e.node, parse_iso(e.due_at or e.node_at)) for e in there])
    follow_ups.report([_entered(item, at, cause) for item in there])
    follow_moves(account, program, there)
    side_by_side.each(
        lambda item: follow_ups.show(account, item), [item for item in there if not _is_as_entered(item)]
    )
    return again


def standing_at(places: Iterable[store.Place]) -> dict[store.Place, positions.Position]:
    """Where those are who are active at those places (account, scenario, user, value), consistent."""
    found = store.load(places)
    return {place: follow_ups.shown(item) for place, item in found.items() if item.state == "active"}


def _is_as_entered(item: Enrollment) -> bool:
    return item.state == "active" and item.node_at == item.entered_at


def _is_unfinished(seen: Enrollment, sheet: Mapping[str, Any]) -> bool:
    """Whether whoever entered a friend may have crashed before the end: the mirror comes last."""
    shown = (sheet.get("scenarios") or {}).get(seen.shown_as) or {}
    if _is_as_entered(seen):
        return bool(shown.get("v", 0) < seen.v)
    return seen.state == "active" and shown.get("run", 0) < seen.run


def _entered(item: Enrollment, at: datetime, cause: str) -> FriendEvent:
    """The fact of entering; of somebody else's by their cause, at the time that is known of it."""
    if item.causes[-1] == cause:
        return follow_ups.entered(item, iso(at), cause)
    return follow_ups.entered(item, item.entered_at, item.causes[-1])


def exit(  # noqa: A001 (the action's own name)
    account_id: str,
    user_ids: Sequence[str],
    scenario: str,
    reason: str,
    at: datetime,
    value: str | None = None,
) -> list[Result]:
    """Take friends out of a scenario, whatever is claimed: a message on its way may still go out. ``value``:
    out of the run for that one alone.

    Refused: ``not_active``. Repeating it (same reason and time) completes what a crash left undone.
    """
    account, timestamp = accounts.get_account(account_id), iso(at)
    results = {user: Result(user, accepted=False, why="not_active") for user in user_ids}
    todo = runs_of(account, scenario, list(results), value)
    there: list[Enrollment] = []
    for _ in range(_TRIES):
        again: list[store.Place] = []
        for place, seen in store.load(todo).items():
            position = Position("exited", seen.node, reason=reason)
            if seen.state == "exited" and (seen.reason, seen.ended_at) == (reason, timestamp):
                there.append(seen)
            elif seen.state == "active":
                if not store.exit_now(seen, position, timestamp):
                    again.append(place)
                    continue
                there.append(moved(seen, position, timestamp))
        todo = again
        if not todo:
            break
    if todo:
        raise Unavailable(Reason("enrollments_busy", n=len(todo), scenario=scenario))
    follow_moves(account, None, there)
    for item in there:
        results[item.user_id] = Result(item.user_id, accepted=True)
    return [results[user] for user in user_ids]


def runs_of(account: Account, scenario: str, users: Sequence[str], value: str | None) -> list[store.Place]:
    """The runs of these friends: for that value, or the one for none and whichever their sheets show."""
    if value is not None:
        return [(account.id, scenario, user, value) for user in users]
    sheets = friends.load_many(account.id, account.shards, users, nodes_of=())
    return [
        (account.id, scenario, user, one)
        for user in users
        for one in (None, *(v for v in positions.runs(sheets.get(user) or {}, scenario) if v is not None))
    ]


def on_friend_event(
    account_id: str,
    user_id: str,
    sheet: Sheet,
    event: FriendEvent,
    changes: Sequence[Mapping[str, Any]] = (),
    *,
    fires: bool = True,
) -> list[str]:
    """What an event and the facts among its ``changes`` mean for the scenarios of its friend; returns those
    that were touched. ``fires``: whether the event is news.

    A block leaves every scenario that does not keep blocked friends; what a ``wait_for`` waits for moves
    on, unless the event is history; a date or reservation that has moved is waited for anew, and what was
    cancelled ends. Repeating it is harmless. Called with the sheet after the event, which says in which runs
    for some value the friend is: nothing is searched for them.
    """
    account, snapshot = accounts.get_account(account_id), catalog.snapshot(account_id)
    heard = event_handling.heard(event, changes, fires=fires)
    touched: list[str] = []
    places = [
        (account_id, scenario, user_id, value)
        for scenario, value in positions.active(sheet)
        if value is not None
    ]
    for item in [*store.of_friend(account_id, user_id), *(store.load(places).values() if places else ())]:
        if is_of_erased(item, sheet):
            continue
        program = decide.find_program(snapshot, item.scenario, account.zone)
        if _hear(account, program, item, sheet, heard):
            touched.append(item.scenario)
    return touched


def _hear(
    account: Account,
    program: decide.Program | None,
    item: Enrollment,
    sheet: Sheet,
    event: event_handling.Heard,
) -> bool:
    meant = event_handling.meaning(program, item, sheet, event)
    if meant == "exit":
        at = parse_iso(event["at"])
        return exit(account.id, [item.user_id], item.scenario, "blocked", at, item.value)[0].accepted
    if meant == "cancelled":
        return cancel(account, program, item)
    if isinstance(meant, Cause):
        return not (program and program.paused) and go_on(account, program, item, sheet, meant)
    if isinstance(meant, datetime):
        return program is not None and follow_date(account, program, item)
    if _has_led(item, event["event_id"]) or _is_shown_late(item, sheet):
        follow_moves(account, program, [item])
    return False


def _is_shown_late(item: Enrollment, sheet: Mapping[str, Any]) -> bool:
    """Whether a run for some value has ended, and the sheet does not show it: somebody died in between."""
    position = (sheet.get("scenarios") or {}).get(item.shown_as) or {}
    return item.value is not None and item.state != "active" and position.get("v", 0) < item.v


def _has_led(item: Enrollment, event_id: str) -> bool:
    """Whether this very event has led the friend to where they are: what follows may have been cut off."""
    return bool(item.used) and item.used[-1][0] == event_id


def on_change(account: Account, snapshot: Snapshot, sheet: Mapping[str, Any]) -> None:
    """Facts of a friend changed without an event (an import): who waits until a date waits until the one that
    the sheet has now. Reads nothing for friends who are in no scenario that waits for dates. Repeating it
    is harmless.
    """
    for scenario, value in list(positions.active(sheet)):
        program = decide.find_program(snapshot, scenario, account.zone)
        if program is None or not any(node.get("until") for node in program.body["nodes"].values()):
            continue
        item = store.find(account.id, scenario, sheet["user_id"], value)
        if item is not None:
            follow_date(account, program, item)


def action_done(account_id: str, user_id: str, event: FriendEvent) -> bool:
    """The reaction has carried out an action node (the actions of this ``scenario_action``): go on.

    False when the friend is not there any more.
    """
    account, props = accounts.get_account(account_id), event.props
    snapshot = catalog.snapshot(account_id)
    program = decide.find_program(snapshot, props["scenario"], account.zone)
    item = store.find(account_id, props["scenario"], user_id, props.get("value"))
    if item is not None and _has_led(item, event.event_id):
        follow_moves(account, program, [item])
    if item is None or item.state != "active" or (item.run, item.v) != (props["run"], props["v"]):
        return False
    cause = Cause(event.event_id, event.at)
    sheet = friends.load(account_id, account.shards, user_id, nodes_of=language.nodes_named(snapshot))
    return go_on(account, program, item, sheet, cause)


def advanced(entries: Sequence[timers.Entry]) -> list[bool]:
    """For drained steps: whether the friend has moved past them (or is not in that run any more)."""
    items = store.load({_place(entry) for entry in entries})
    return [_has_advanced(items.get(_place(entry)), entry) for entry in entries]


def _place(entry: timers.Entry) -> store.Place:
    body = entry.body
    return (entry.account, body["scenario"], body["user_id"], body.get("value"))


def _has_advanced(item: Enrollment | None, entry: timers.Entry) -> bool:
    if item is None or item.state != "active" or item.run != entry.body["run"] or item.v > entry.version:
        return True
    # Parked again: another entry of the same version has the later due time.
    return (
        item.v == entry.version and bool(item.due_at) and parse_iso(item.due_at or "") > entry.due_at + EARLY
    )


def enrollments(account: str, user_id: str) -> list[Enrollment]:
    """Every scenario that a friend has entered, by its id, and for each value each of its runs."""
    kept = [item for item in _every(account, user_id) if item.reason != ERASED]
    kept.sort(key=lambda item: (item.scenario, item.entered_at if item.value is not None else ""))
    return [replace(item, causes=[], re_entries=[], since=None, used=[]) for item in kept]


def _every(account: str, user_id: str) -> list[Enrollment]:
    return [*store.of_friend(account, user_id), *store.runs_of_friend(account, user_id)]


def forget(account: str, user_id: str, at: str) -> None:
    """A friend was erased at that time: leave nothing of what they had entered before. Safe to repeat.

    Raises Unavailable when others keep moving the friend.
    """
    for _ in range(_TRIES):
        left = [i for i in _every(account, user_id) if i.node != NOWHERE and i.entered_at <= at]
        for item in left:
            store.erase(item, at)
        if not left:
            return
    raise Unavailable(Reason("erased_moving", account=account))
