"""Who may enter a scenario, and where they begin. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from chalicelib.enrollments import anchors, decide, nodes
from chalicelib.enrollments.model import (
    CANCELLED,
    CAUSES_KEPT,
    ERASED,
    MOST_RE_ENTRIES,
    RE_ENTRY_WINDOW,
    Cause,
    Enrollment,
    is_of_erased,
    led_by,
)
from chalicelib.enrollments.nodes import schedule
from chalicelib.events.sheet import Sheet
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import positions
from chalicelib.sheets.model import erased_at

REFUSED = MappingProxyType(
    {"active": "already_active", "ended_before": "already_entered", "too_often": "too_often"}
)
"""What is answered for the verdicts of ``entering`` that refuse."""


@dataclass(frozen=True)
class Entry:
    """For which value somebody enters (None: the scenario runs for none), and what the run is anchored to.
    ``heard_at``: when it was heard that they do, where that was before now.
    """

    value: str | None = None
    anchor: anchors.Anchor | None = None
    heard_at: datetime | None = None


def refusal(sheet: Sheet | None, program: decide.Program, entry: Entry | None = None) -> str | None:
    """Why this friend may not enter, whatever their earlier runs of that value; None when they may."""
    if sheet is None or sheet.get("status") == "erased":
        return "unknown_friend"
    if sheet.get("status") == "blocked" and decide.on_block(program) == "exit":
        return "blocked"
    return _refusal_of_value(sheet, program, entry or Entry())


def _refusal_of_value(sheet: Sheet, program: decide.Program, entry: Entry) -> str | None:
    if program.per is None:
        return None
    if entry.value is None:
        return "value_missing"
    if anchors.is_cancelled(entry.anchor, sheet):
        return "reservation_cancelled"
    others = positions.runs(sheet, program.scenario)
    others.pop(entry.value, None)
    under_way = sum(position.get("state") == "active" for position in others.values())
    return "too_many_runs" if under_way >= anchors.MOST_RUNS else None


def of_this_life(seen: Enrollment | None, sheet: Sheet) -> Enrollment | None:
    """What a friend has entered before. Of what was erased only the numbers are left, which go on."""
    if seen is None or not is_of_erased(seen, sheet):
        return seen
    return replace(seen, state="exited", reason=ERASED, causes=[], re_entries=[], used=[], claim=None)


def re_entry(program: decide.Program) -> str:
    """``never``, ``after_exit`` or ``restart``."""
    return str((program.body.get("entry") or {}).get("re_entry", "never"))


def fresh(
    program: decide.Program,
    sheet: Sheet,
    seen: Enrollment | None,
    now: datetime,
    cause: str,
    by: Cause | None = None,
    entry: Entry | None = None,
) -> Enrollment:
    """A new run, standing at the start; its numbers go on from those that were seen. ``by``: the event that
    entered the friend. It begins when that was heard, so that the start is not past by an outage.
    """
    entry = entry or Entry()
    start = program.body["start"]
    entered = parse_iso(iso(schedule.as_of(min(entry.heard_at or now, now), now)))
    if iso(entered) <= erased_at(sheet):
        entered = parse_iso(iso(now))
    waits = any(nodes.sent_by(program.body["nodes"][start]))
    item = Enrollment(
        account=sheet["account"],
        user_id=sheet["user_id"],
        scenario=program.scenario,
        state="active",
        run=seen.run + 1 if seen else 1,
        v=seen.v + 1 if seen else 1,
        node=start,
        node_at=iso(entered),
        entered_at=iso(entered),
        causes=[*(seen.causes if seen else []), cause][-CAUSES_KEPT:],
        re_entries=[*lately(seen, now), iso(now)] if seen else [],
        waits=waits,
        value=entry.value if program.per is not None else None,
        anchor=entry.anchor,
    )
    due = entered if waits else decide.due_at(program, start, entered, anchors.seen_by(item, sheet))
    since, used = led_by(item, by, item.node_at)
    return replace(item, due_at=iso(due), since=since, used=used)


def verdict(
    seen: Enrollment | None, re_entry: str, cause: str, now: datetime, *, is_off: bool = False
) -> Literal["enter", "again", "active", "ended_before", "too_often"]:
    """Whether a friend may enter; ``again``: this cause has entered them already. What was cancelled and is
    booked anew begins as if it had never been; ``is_off``: it is still cancelled.
    """
    if seen is None or seen.reason == ERASED:
        return "enter"
    if cause in seen.causes:
        return "again"
    if seen.state == "active" and re_entry != "restart":
        return "active"
    is_anew = seen.reason == CANCELLED and not is_off
    if seen.state != "active" and re_entry == "never" and not is_anew:
        return "ended_before"
    return "too_often" if len(lately(seen, now)) >= MOST_RE_ENTRIES else "enter"


def lately(seen: Enrollment, now: datetime) -> list[str]:
    """When a friend entered anew within the window that counts, oldest first."""
    return [at for at in seen.re_entries if parse_iso(at) > now - RE_ENTRY_WINDOW]
