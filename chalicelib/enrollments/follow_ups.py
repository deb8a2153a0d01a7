"""What follows a move: the next due entry before it; the mirror on the sheet and the facts after it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from chalicelib.accounts.service import Account
from chalicelib.enrollments import anchors
from chalicelib.enrollments.model import Enrollment, Position
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, inbox
from chalicelib.gateways.expressions import Condition
from chalicelib.shared.events import FriendEvent, reported_at
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Kept
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets import positions
from chalicelib.timeline import service as activities
from chalicelib.timers import service as timers

RUNS_SHOWN, _RUNS_SHOWN_FOR = 20, timedelta(days=1)
_LOOKED_AT = 50
"""How many of a friend's newest events are looked at for one that is waited for."""


def entry(of: Enrollment, v: int, node: str | None, due_at: datetime) -> timers.Entry:
    """The due entry for a version: friends at one node travel together."""
    return timers.Entry(
        account=of.account,
        kind="step",
        id=f"{of.scenario}#{of.user_id}{_of_value(of)}",
        version=v,
        due_at=due_at,
        group=f"{of.scenario}#{node}",
        body={"user_id": of.user_id, "scenario": of.scenario, "run": of.run}
        | ({"value": of.value} if of.value is not None else {}),
    )


def _of_value(of: Enrollment, mark: str = "#") -> str:
    """What the names of a run's entries and facts have of its value: runs of one friend are distinguished."""
    return "" if of.value is None else f"{mark}{digest(of.value)[:24]}"


def arm_next(moves: Iterable[tuple[Enrollment, Position]]) -> None:
    """Arm the entries of v+1 for those who go on: before the move, so that nobody is ever without one."""
    timers.arm_all(
        [
            entry(item, item.v + 1, position.node, position.due_at)
            for item, position in moves
            if position.state == "active" and position.due_at is not None
        ]
    )


def mirror(account: Account, of: Enrollment, *, grow_rev: bool = False) -> None:
    """Show on the sheet where a friend is when they enter, when it ends and where facts matter, unless
    something newer is shown already, or they were erased since they entered. At which other node they are,
    the enrollment alone says (``friends.nodes``).

    ``grow_rev``: facts matter there; an event that is being decided on the sheet before is decided anew then.
    """
    if of.state != "active" or grow_rev or of.node_at == of.entered_at:
        show(account, of, grow_rev=grow_rev)


def show(account: Account, of: Enrollment, *, grow_rev: bool = False) -> None:
    """The same, wherever they are."""
    path = ("scenarios", of.shown_as)
    older = [Condition(path, "absent"), Condition((*path, "v"), "<", of.v)]
    adds = [(("rev",), 1)] if grow_rev else []
    sets = [(path, shown(of))]
    living = [Condition(("erased_at",), "absent"), Condition(("erased_at",), "<", of.entered_at)]
    friends.update_paths(account.id, account.shards, of.user_id, sets, [], [older, living], adds=adds)


def forget_runs(account: Account, of: Enrollment) -> None:
    """Let the sheet show the last ended runs alone of a scenario that runs for each value of something.

    An entry that is gone holds nobody up who writes an older one, so it stays for a day first: no worker
    lives as long.
    """
    sheet = friends.load(account.id, account.shards, of.user_id, nodes_of=()) or {}
    ended = [one for one in positions.runs(sheet, of.scenario).items() if one[1]["state"] != "active"]
    by_age = sorted((position["at"], value or "", position["v"]) for value, position in ended)
    oldest = iso(clock.now() - _RUNS_SHOWN_FOR)
    for at, value, v in by_age[:-RUNS_SHOWN]:
        if at < oldest and value:
            name = positions.name(of.scenario, value)
            path = ("scenarios", name)
            same = [Condition((*path, "v"), "=", v)]
            friends.update_paths(account.id, account.shards, of.user_id, [], [path], same)


def shown(of: Enrollment) -> dict[str, Any]:
    """Where a friend is, as the sheet shows it."""
    return {"state": of.state, "node": of.node, "run": of.run, "v": of.v, "at": of.node_at}


def report(events: Sequence[FriendEvent]) -> None:
    """Put events in the inbox; each has an id of its own, so reporting again is harmless."""
    inbox.put_all(events)


def _event(of: Enrollment, name: str, suffix: str, at: str, **props: Any) -> FriendEvent:
    return FriendEvent(
        event_id=f"{name}:{of.scenario}{_of_value(of, ':')}:{suffix}",
        account_id=of.account,
        user_id=of.user_id,
        type=name,
        at=at,
        props={**anchors.props_of(of), "scenario": of.scenario, **props},
        source="scenario",
    )


def entered(of: Enrollment, at: str, cause: str) -> FriendEvent:
    """The fact that a run has begun, by this cause at that time."""
    return _event(of, "scenario_entered", str(of.run), at, cause=cause)


def ended(of: Enrollment) -> FriendEvent:
    """The fact that a run has ended: finished (the graph's end) or exited, with the reason."""
    why = {name: value for name, value in (("reason", of.reason), ("node", of.node)) if value}
    return _event(of, f"scenario_{of.state}", str(of.run), of.ended_at or of.node_at, **why)


def skipped(of: Enrollment, reasons: dict[str, Kept], now: datetime) -> FriendEvent:
    """The fact that messages were passed without being sent, each with its reason."""
    nodes = [{"node": node, "why": why} for node, why in reasons.items()]
    return _event(of, "scenario_skipped", f"{of.run}:{of.v}", iso(now), nodes=nodes)


def action(of: Enrollment, then: Sequence[Any]) -> FriendEvent:
    """The request to the reaction to carry out an action node; the friend waits there at version ``v``."""
    return _event(
        of,
        "scenario_action",
        f"{of.run}:{of.v}",
        of.node_at,
        run=of.run,
        v=of.v,
        node=of.node,
        then=list(then),
    )


def due_of(claim: dict[str, Any]) -> Position:
    """The position that a claim leads to."""
    due_at, since = (parse_iso(claim[name]) if claim.get(name) else None for name in ("due_at", "since"))
    ways = (line.split(":") for line in claim.get("passed") or ())
    return Position(
        claim["state"],
        claim.get("node"),
        due_at,
        claim.get("reason"),
        since,
        waits=bool(claim.get("waits")),
        passed=tuple((node, way) for node, way in ways),
    )


def seen_since(of: Enrollment, sheet: Sheet) -> list[Mapping[str, Any]]:
    """The friend's events, as ``event_handling`` takes them, that may count for the node.

    The sheet must have been read before: an event that is being reacted to is pending there, until its
    activity is stored.
    """
    pending = {
        event_id: {**record, **record["event"], "event_id": event_id, "changes": record.get("changes") or ()}
        for event_id, record in (sheet.get("pending") or {}).items()
        if "event" in record
    }
    found, _ = activities.recent(of.account, of.user_id, _LOOKED_AT, consistent=True, lines=False)
    recorded = {a["event_id"]: a for a in found if a["type"] != activities.SENT}
    since = of.since or of.node_at
    return [event for event in {**pending, **recorded}.values() if _reported(event) >= since]


def _reported(event: Mapping[str, Any]) -> str:
    return reported_at(event["type"], event.get("props") or {}, event.get("at", ""))
