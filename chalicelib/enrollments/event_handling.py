"""What an event means for a friend who is in a scenario. Pure.

A ``wait_for`` hears whatever can wake a rule: the event itself, and every fact that its reaction produced, in
their order (number 0, 1, 2 …). Each leads a friend on once: an enrollment remembers what has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from chalicelib.enrollments import anchors, decide, nodes
from chalicelib.enrollments.model import MOST_PRODUCED, RE_ENTRY_WINDOW, Cause, Enrollment, Position, Step
from chalicelib.events.matching import holds
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent, reported_at
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import fact_lines

Heard = Mapping[str, Any]
"""An event: ``event_id``, ``type``, ``at``, ``props``, and ``changes`` with the facts that it produced."""


def heard(event: FriendEvent, changes: Iterable[Mapping[str, Any]] = (), *, fires: bool = True) -> Heard:
    """An event with what its reaction changed, as its record and its activity show it."""
    shown = {"event_id": event.event_id, "type": event.type, "at": event.at, "props": event.props}
    return {**shown, "changes": list(changes), "fires": fires}


def is_news(event: Heard) -> bool:
    """Whether an event is more than counted: not one that an import made without firing, nor history."""
    return bool(event.get("fires", True)) and "history" not in event


def meaning(
    program: decide.Program | None, item: Enrollment, sheet: Sheet, event: Heard
) -> Literal["exit", "cancelled"] | Cause | datetime | None:
    """``exit`` (a block), ``cancelled`` (there is nothing to remind of any more), what leads the friend on
    (it has been waited for), the time at which the friend is due since the date waited for has moved, or
    None. ``sheet`` is the one after the event.
    """
    blocked = event["type"] == "unfollowed" and sheet.get("status") == "blocked"
    if blocked and (program is None or decide.on_block(program) == "exit"):
        return "exit"
    if program is None or item.state != "active":
        return None
    if anchors.ends_cancelled(item, program.node(item.node), sheet):
        return "cancelled"
    return ended_by(program, item, event) or moved_date(program, item, sheet)


def listens(program: decide.Program | None, item: Enrollment) -> bool:
    """Whether a friend is where facts matter: at a ``wait_for``, or waiting until a date; in a run for a
    reservation anywhere.
    """
    node = program.node(item.node) if program and item.state == "active" else None
    if node is None:
        return False
    return nodes.kind_of(node).awaits_event or bool(node.get("until")) or anchors.is_for_reservation(item)


def ended_by(program: decide.Program, item: Enrollment, event: Heard) -> Cause | None:
    """What of an event ends the ``wait_for`` at which a friend is: the first fact that counts and has not
    led them on before.
    """
    node = program.node(item.node)
    if node is None or not nodes.kind_of(node).awaits_event or not is_news(event):
        return None
    since = item.since or item.node_at
    used = max((number for event_id, number, _ in item.used if event_id == event["event_id"]), default=-1)
    tests = program.awaited[item.node or ""]
    for number, (kind, props, at) in enumerate(_facts(event)):
        is_in_time = at is not None and at >= since and _is_of_run(item, props, event)
        if is_in_time and kind == node["event"] and number > used and holds(tests, props):
            return Cause(event["event_id"], event["at"], number)
    return None


def _is_of_run(item: Enrollment, props: Mapping[str, Any], event: Heard) -> bool:
    """Whether a fact may be about the run's value: one that has another value is not."""
    per = (item.anchor or {}).get("per")
    if item.value is None or per is None:
        return True
    known = {**(event.get("props") or {}), **props}
    return per not in known or anchors.value_of(per, known) == item.value


def _facts(event: Heard) -> Iterable[tuple[str, dict[str, Any], str | None]]:
    """The event and what its reaction produced: what, with which properties, and when (None: history)."""
    props = event.get("props") or {}
    yield event["type"], props, reported_at(event["type"], props, event["at"])
    for change in event.get("changes") or ():
        for kind, _, produced in fact_lines.facts([change]):
            yield kind, produced, fact_lines.news_at(change, event["at"])


def ended_by_any(program: decide.Program | None, item: Enrollment, events: Iterable[Heard]) -> Cause | None:
    """What of these events ends a friend's ``wait_for``: of the earliest that counts."""
    if program is None or item.state != "active":
        return None
    causes = [ended_by(program, item, event) for event in events]
    return min((cause for cause in causes if cause), key=lambda cause: cause.at, default=None)


def step_on(
    program: decide.Program | None,
    item: Enrollment,
    sheet: Sheet | None,
    cause: Cause,
    now: datetime,
) -> Step:
    """What follows when what a friend waits for has come. Who is led round and round by facts that reactions
    produce leaves, as ``circle``.
    """
    since = iso(now - RE_ENTRY_WINDOW)
    produced = [number for _, number, at in item.used if number and at > since]
    if cause.number and len(produced) >= MOST_PRODUCED:
        return Step(Position("exited", item.node, reason="circle"))
    return decide.go_on(program, item, sheet, now, parse_iso(cause.at))


def moved_date(program: decide.Program, item: Enrollment, sheet: Sheet) -> datetime | None:
    """When a friend who waits until a date is due, if it is another time than was armed; else None."""
    node = program.node(item.node)
    if node is None or item.claim or not node.get("until"):
        return None
    due = decide.due_at(program, item.node, parse_iso(item.node_at), anchors.seen_by(item, sheet))
    return None if item.due_at == iso(due) else due
