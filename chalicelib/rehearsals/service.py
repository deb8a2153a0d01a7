"""A rehearsal: some friends' ways through a scenario under a simulated clock, and what they sum up to.

Deterministic and without any effect: the same definition, catalog, sheets and events give the same answer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.enrollments import decide
from chalicelib.events.sheet import Sheet
from chalicelib.rehearsals.simulation import Simulation, Stage
from chalicelib.scenarios import publishing
from chalicelib.shared.errors import Conflict
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.reasons import Reason, as_answered
from chalicelib.timeline.views import line_of

MAX_FRIENDS = 200
MAX_DAYS = 366
MAX_EVENTS = 100
_STEPS = 20_000
_ENTRIES = 20_000
_MOST_STEPS = 4_000
"""Steps and entries of one rehearsal, shared by its friends; of one friend at most so many."""


def limits(friends: int) -> tuple[int, int]:
    """How many steps each friend may take, and how many entries their timelines show."""
    return min(_MOST_STEPS, _STEPS // max(1, friends)), min(_MOST_STEPS, _ENTRIES // max(1, friends))


def program_of(
    snapshot: Snapshot, scenario: str, zone: ZoneInfo, version: str
) -> tuple[decide.Program, int | None]:
    """What is rehearsed, and its number if it is published: the ``draft``, or the version in force.

    Raises NotFound, RuleViolation for a draft that cannot be published, Conflict when nothing is published.
    """
    draft = snapshot.get("scenarios", scenario).body
    document = snapshot.find("published", scenario)
    if version == "draft":
        publishing.refuse_faults(scenario, draft, snapshot)
        return decide.build(scenario, {"version": 0, "definition": draft}, snapshot, zone), None
    if document is None:
        raise Conflict(Reason("scenario_unpublished", scenario=scenario))
    return decide.build(scenario, document.body, snapshot, zone), document.body["version"]


def rehearse(
    stage: Stage, sheets: Sequence[Sheet], events: Mapping[str, Sequence[FriendEvent]]
) -> dict[str, Any]:
    """``{"timelines", "per_day", "funnel", "messages"}`` of these friends; ``events``: by user id."""
    played = []
    for sheet in sheets:
        one = Simulation(stage, sheet, events.get(sheet["user_id"], ()))
        one.run()
        played.append(one)
    per_day = _per_day(played)
    return {
        "timelines": {one.sheet["user_id"]: [_view(entry) for entry in one.story.entries] for one in played},
        "per_day": per_day,
        "funnel": _funnel(played, stage.program),
        "messages": sum(day["messages"] for day in per_day.values()),
    }


def _per_day(played: Iterable[Simulation]) -> dict[str, dict[str, Any]]:
    days: dict[str, dict[str, Counter[str]]] = {}
    for one in played:
        for day, counts in one.story.days.items():
            for what, counted in counts.items():
                days.setdefault(day, {}).setdefault(what, Counter()).update(counted)
    return {
        day: {
            "messages": counts.get("messages", Counter())["messages"],
            "skipped": dict(sorted(counts.get("skipped", Counter()).items())),
            "deferred": dict(sorted(counts.get("deferred", Counter()).items())),
        }
        for day, counts in sorted(days.items())
    }


def _funnel(played: Iterable[Simulation], program: decide.Program) -> dict[str, Any]:
    """As the real funnel (where friends are at the end), and what went through every node."""
    positions: Counter[tuple[str, str]] = Counter()
    nodes: dict[str, Counter[str]] = {name: Counter() for name in program.body["nodes"]}
    for one in played:
        positions.update((item.state, item.node or "") for item in one.items.values())
        for name, counted in one.story.nodes.items():
            nodes[name].update(counted)
    return {
        "entered": sum(positions.values()),
        "active": {node: n for (state, node), n in sorted(positions.items()) if state == "active"},
        "finished": sum(n for (state, _), n in positions.items() if state == "finished"),
        "exited": {node: n for (state, node), n in sorted(positions.items()) if state == "exited"},
        "nodes": {name: {"entered": 0, "left": 0, **dict(sorted(n.items()))} for name, n in nodes.items()},
    }


def _view(entry: Mapping[str, Any]) -> dict[str, Any]:
    """An entry with what it says in words."""
    lines = {
        name: [line_of(line) for line in entry[name]] for name in ("changes", "effects") if name in entry
    }
    return as_answered({**entry, **lines})
