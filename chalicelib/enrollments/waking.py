"""What a change of a scenario means for those who wait: woken when it is resumed, armed anew when published.

Inside a request as far as its time goes, and from there on by a job (``sharded``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.accounts.service import Account
from chalicelib.catalog import service as catalog
from chalicelib.enrollments import decide, follow_ups, funnel, nodes, store
from chalicelib.enrollments.model import EARLY, Enrollment
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.segments import by_shard
from chalicelib.shared.times import parse_iso
from chalicelib.sheets import positions
from chalicelib.timers import service as timers

WAKE = "wake"
REARM = "rearm"


def everybody(account: Account, kind: str, scenario: str, by: str) -> tuple[int, str | None]:
    """Work on all friends: how many were touched within the time of a request, and the job that goes on."""
    left, each = by_shard.within(funnel.SYNCHRONOUS_S), EACH[kind](account, scenario)
    place = by_shard.Place()
    for shard in range(account.shards):
        place = by_shard.Place(shard, None, place.counts)
        place, is_over = by_shard.walk(account, place, each, left, funnel.NEEDS)
        touched = place.counts.get("touched", 0)
        if is_over and shard + 1 < account.shards and left.is_over:
            place, is_over = by_shard.Place(shard + 1), False
        if not is_over:
            since = by_shard.Place(place.shard, place.after)
            return touched, by_shard.start(account, kind, {"scenario": scenario}, by, since=since)
    return place.counts.get("touched", 0), None


def waker(account: Account, scenario: str) -> by_shard.Each:
    """Arms for now what fell due while a scenario was paused; nothing when it is paused again."""

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        program = _program(account, scenario)
        if program is None or program.paused:
            return {}
        now = clock.now()
        overdue = [item for item in _active(account, scenario, sheets) if _is_due(program, item)]
        timers.arm_all([follow_ups.entry(item, item.v, item.node, now) for item in overdue])
        return {"touched": len(overdue)}

    return each


def _is_due(program: decide.Program, item: Enrollment) -> bool:
    if not item.due_at or parse_iso(item.due_at) <= clock.now() + EARLY:
        return True
    # An event may have come while nobody was moved on: look at those who wait for one.
    node = program.node(item.node)
    return node is not None and nodes.kind_of(node).awaits_event


def rearmer(account: Account, scenario: str) -> by_shard.Each:
    """Arms those again whose wait now ends before the time for which they are armed."""

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        program = _program(account, scenario)
        if program is None:
            return {}
        earlier = []
        for item in _active(account, scenario, sheets):
            node = program.node(item.node)
            if node is None or node.get("until") or nodes.kind_of(node).sends:
                continue  # dates are followed as they change, and a hold ends when the policies say so
            due = decide.due_at(program, item.node, parse_iso(item.node_at), {})
            if item.due_at and not item.claim and due < parse_iso(item.due_at):
                earlier.append((item, due))
        timers.arm_all([follow_ups.entry(item, item.v, item.node, due) for item, due in earlier])
        return {"touched": sum(store.park(item, due) for item, due in earlier)}

    return each


EACH = {WAKE: waker, REARM: rearmer}


def _program(account: Account, scenario: str) -> decide.Program | None:
    return decide.find_program(catalog.snapshot(account.id), scenario, account.zone)


def _active(account: Account, scenario: str, sheets: Sequence[Sheet]) -> list[Enrollment]:
    """The active enrollments of these friends, consistent."""
    places: list[store.Place] = [
        (account.id, scenario, sheet["user_id"], value)
        for sheet in sheets
        for value, position in positions.runs(sheet, scenario).items()
        if position.get("state") == "active"
    ]
    found = store.load(places) if places else {}
    return [item for item in found.values() if item.state == "active"]
