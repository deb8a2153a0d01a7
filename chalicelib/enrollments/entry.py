"""Who may enter a scenario, and where they begin. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from chalicelib.enrollments import decide
from chalicelib.enrollments.model import CAUSES_KEPT, ERASED, Cause, Enrollment, is_of_erased, led_by
from chalicelib.shared.times import iso, parse_iso

REFUSED = MappingProxyType(
    {"active": "already_active", "ended_before": "already_entered", "too_often": "too_often"}
)
"""What is answered for the verdicts of ``decide.entering`` that refuse."""


def refusal(sheet: Mapping[str, Any] | None, program: decide.Program) -> str | None:
    """Why this friend may not enter, whatever their earlier runs; None when they may."""
    if sheet is None or sheet.get("status") == "erased":
        return "unknown_friend"
    if sheet.get("status") == "blocked" and decide.on_block(program) == "exit":
        return "blocked"
    return None


def of_this_life(seen: Enrollment | None, sheet: dict[str, Any]) -> Enrollment | None:
    """What a friend has entered before. Of what was erased only the numbers are left, which go on."""
    if seen is None or not is_of_erased(seen, sheet):
        return seen
    return replace(seen, state="exited", reason=ERASED, causes=[], re_entries=[], used=[], claim=None)


def re_entry(program: decide.Program) -> str:
    """``never``, ``after_exit`` or ``restart``."""
    return str((program.body.get("entry") or {}).get("re_entry", "never"))


def fresh(
    program: decide.Program,
    sheet: Mapping[str, Any],
    seen: Enrollment | None,
    now: datetime,
    cause: str,
    by: Cause | None = None,
) -> Enrollment:
    """A new run, standing at the start; its numbers go on from those that were seen. ``by``: the event that
    entered the friend.
    """
    start = program.body["start"]
    entered = parse_iso(iso(now))
    waits = any(decide.sent_by(program.body["nodes"][start]))
    item = Enrollment(
        account=sheet["account"],
        user_id=sheet["user_id"],
        scenario=program.scenario,
        state="active",
        run=seen.run + 1 if seen else 1,
        v=seen.v + 1 if seen else 1,
        node=start,
        node_at=iso(now),
        entered_at=iso(now),
        due_at=iso(entered if waits else decide.due_at(program, start, entered, sheet)),
        causes=[*(seen.causes if seen else []), cause][-CAUSES_KEPT:],
        re_entries=[*decide.lately(seen, now), iso(now)] if seen else [],
        waits=waits,
    )
    since, used = led_by(item, by, item.node_at)
    return replace(item, since=since, used=used)
