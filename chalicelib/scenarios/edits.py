"""What putting a draft in force means for the friends who are in the scenario, by the rows of the live-edit
table (docs/scenarios.md). Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from chalicelib.enrollments.nodes import NodeKind, kind_of
from chalicelib.scenarios import graph
from chalicelib.scenarios.nodes import AUTHORED
from chalicelib.shared.reasons import Reason

Body = Mapping[str, Any]

WHAT = {
    "longer": Reason("edit_longer"),
    "shorter": Reason("edit_shorter"),
    "shorter_rearmed": Reason("edit_shorter_rearmed"),
    "wait_until_a_time": Reason("edit_wait_until_a_time"),
    "until_changed": Reason("edit_until_changed"),
    "wait_became_message": Reason("edit_wait_became_message"),
    "became_other": Reason("edit_became_other"),
    "other_message": Reason("edit_other_message"),
    "inserted_after": Reason("edit_inserted_after"),
    "inserted_before": Reason("edit_inserted_before"),
    "appended": Reason("edit_appended"),
    "removed": Reason("edit_removed"),
    "redirected": Reason("edit_redirected"),
    "redirected_to_the_end": Reason("edit_redirected_to_the_end"),
    "branch_changed": Reason("edit_branch_changed"),
    "goal_added": Reason("edit_goal_added"),
    "re_entry_changed": Reason("edit_re_entry_changed"),
    "action_changed": Reason("edit_action_changed"),
    "event_changed": Reason("edit_event_changed"),
    "per_added": Reason("edit_per_added"),
    "held_other_message": Reason("edit_held_other_message"),
    "held_removed": Reason("edit_held_removed"),
    "held_redirected": Reason("edit_held_redirected"),
    "held_became_wait": Reason("edit_held_became_wait"),
    "held_late_added": Reason("edit_held_late_added"),
}
"""The rows that a publication may be, and what they come to."""


@dataclass(frozen=True)
class Change:
    """A row that applies: at which node (None: to the scenario as a whole), and to how many friends."""

    node: str | None
    row: str
    waiting: int

    @property
    def what(self) -> Reason:
        """What happens to them."""
        return WHAT[self.row]


@dataclass(frozen=True)
class Edit:
    """A definition that is to replace another, while so many friends wait at its nodes, and so many have come
    to an end (``finished`` those of them who went through). ``rearm``: with ``rearm_waiting``.
    """

    before: Body
    after: Body
    waiting: Mapping[str, int]
    finished: int = 0
    ended: int = 0
    rearm: bool = False

    def changes(self) -> list[Change]:
        """The rows that apply to anybody: node by node where friends wait, then what lies before and behind
        them, then what is for all.
        """
        found = [*self._where_they_wait(), *self._elsewhere(), *self._as_a_whole()]
        return [change for change in found if change.waiting]

    def _where_they_wait(self) -> Iterator[Change]:
        for name, count in sorted(self.waiting.items()):
            for row in self._rows_at(name):
                yield Change(name, row, count)

    def _rows_at(self, name: str) -> list[str]:
        old, new = self.before["nodes"].get(name), self.after["nodes"].get(name)
        if new is None:
            return [self._gone(name, old)]
        if old is None:
            return ["became_other"]
        if _behaviour(old) == _behaviour(new):
            return []
        if old["type"] != new["type"]:
            return [_other_kind(kind_of(old), kind_of(new))]
        if kind_of(old).acts:
            return ["action_changed"]
        rows = AUTHORED[old["type"]].changes(old, new)
        rows = ["shorter_rearmed" if row == "shorter" and self.rearm else row for row in rows]
        return rows + (["inserted_after"] if _ways(old) != _ways(new) else [])

    def _gone(self, name: str, old: Body | None) -> str:
        redirects, was_held = self.after.get("redirects") or {}, old is not None and kind_of(old).sends
        if name not in redirects:
            return "held_removed" if was_held else "removed"
        if redirects[name] is None:
            return "redirected_to_the_end"
        return "held_redirected" if was_held else "redirected"

    # nodes before and behind

    def _elsewhere(self) -> Iterator[Change]:
        old_nodes = self.before["nodes"]
        for name, new in self.after["nodes"].items():
            before = [at for at, reached in self._reached.items() if name in reached and at != name]
            count = sum(self.waiting[at] for at in before)
            if name in old_nodes:
                yield from (Change(name, row, count) for row in _behind(old_nodes[name], new))
                continue
            if not all("inserted_after" in self._rows_at(at) for at in before):
                yield Change(name, "inserted_after", count)
            yield Change(name, "inserted_before", self._have_passed(name))
            yield Change(name, "appended", self.finished if self._is_appended(name) else 0)

    @cached_property
    def _reached(self) -> dict[str, set[str]]:
        """The nodes that friends may still come to, by where they wait."""
        redirects, found = self.after.get("redirects") or {}, {}
        for at in self.waiting:
            start = at if at in self.after["nodes"] else redirects.get(at)
            found[at] = graph.reached_from(self.after, start) | ({start} if start and start != at else set())
        return found

    def _have_passed(self, name: str) -> int:
        """How many friends wait behind a node, and do not come to it."""
        behind = graph.reached_from(self.after, name)
        return sum(n for at, n in self.waiting.items() if at in behind and name not in self._reached[at])

    def _is_appended(self, name: str) -> bool:
        """Whether a node is where the scenario ended."""
        pairs = [
            (self.before["nodes"].get(other), node)
            for other, node in self.after["nodes"].items()
            if other != name
        ]
        return any(
            old is not None and _ways(old).get(path, name) is None and target == name
            for old, node in pairs
            for path, target in _ways(node).items()
        )

    # the scenario as a whole

    def _as_a_whole(self) -> Iterator[Change]:
        active, entry = sum(self.waiting.values()), self.before.get("entry") or {}
        new_entry, goals = self.after.get("entry") or {}, self.before.get("goals") or []
        if any(goal not in goals for goal in self.after.get("goals") or []):
            yield Change(None, "goal_added", active)
        if entry.get("re_entry", "never") != new_entry.get("re_entry", "never"):
            yield Change(None, "re_entry_changed", self.ended)
        if entry.get("per") != new_entry.get("per"):
            yield Change(None, "per_added", active)


def _behaviour(node: Body) -> dict[str, Any]:
    """What a node means to friends: everything but its name."""
    return {name: value for name, value in node.items() if name != "name"}


def _ways(node: Body) -> dict[str, str | None]:
    return {path: target for path, target, _ in graph.ways_out(node)}


def _other_kind(old: NodeKind, new: NodeKind) -> str:
    if old.sends and new.waits:
        return "held_became_wait"
    return "wait_became_message" if old.waits and new.sends else "became_other"


def _behind(old: Body, new: Body) -> Iterator[str]:
    """What a change of a node means to those who are still to come to it."""
    if kind_of(old).sends and kind_of(new).sends and old["message"] != new["message"]:
        yield "other_message"
    if kind_of(new).forks and _behaviour(old) != _behaviour(new):
        yield "branch_changed"
