"""What is reported of one friend's rehearsal: the timeline, and what is counted along the way."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.enrollments import decide, nodes
from chalicelib.enrollments.model import Enrollment, Step
from chalicelib.shared.reasons import Kept, Reason
from chalicelib.shared.times import iso, local_date

Entry = dict[str, Any]

_SHOWN = ("rule", "action", "status", "why", "message", "scenario", "menu", "to", "form")
"""What the timeline shows of an effect."""
_SUMMED = {"unrenderable_for": "unrenderable"}
"""As which reason those that say more are counted."""


class Story:
    """One friend's timeline (at most ``most`` entries; all are counted), sums per day and per node."""

    def __init__(self, program: decide.Program, most: int) -> None:
        self.entries: list[Entry] = []
        self.days: dict[str, dict[str, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
        self.nodes: dict[str, Counter[str]] = defaultdict(Counter)
        self._program, self._most, self._hidden = program, most, 0

    def report(self, at: datetime, node: str | None, what: str, **more: Any) -> None:
        """One entry; what is None is left out."""
        if len(self.entries) < self._most:
            self._add(at, node, what, more)
        else:
            self._hidden += 1

    def close(self, at: datetime, node: str | None, stopped: Reason | None) -> None:
        """Say how many entries are not shown, and why the end is not the rehearsal's (``cut``)."""
        if self._hidden:
            self._add(at, None, "more", {"why": Reason("more_entries", n=self._hidden).kept()})
        if stopped is not None:
            self._add(at, node, "cut", {"why": stopped.kept()})

    def _add(self, at: datetime, node: str | None, what: str, more: Mapping[str, Any]) -> None:
        kind = (self._program.node(node) or {}).get("type")
        entry = {"at": iso(at), "node": node, "type": kind, "what": what, **more}
        self.entries.append({name: value for name, value in entry.items() if value is not None})

    # Nodes

    def entered(self, at: datetime, item: Enrollment, why: Kept | None) -> None:
        """A run begins; ``why``: what would keep this friend out in earnest."""
        self.report(at, item.node, "entered", why=why, value=item.value)
        self.arrived(at, item)

    def arrived(self, at: datetime, item: Enrollment) -> None:
        """The friend is there now: at a node, or at the end."""
        if item.state != "active":
            self.report(at, item.node, item.state, why=_exit_reason(item), value=item.value)
            return
        self.nodes[item.node or ""]["entered"] += 1
        node, kind = self._at(item.node)
        if kind.waits:
            event = {"event": node["event"]} if kind.awaits_event else {}
            why = Reason("until_event" if event else "until", **event, at=item.due_at).kept()
            self.report(at, item.node, "waiting", why=why, value=item.value)

    def left(self, at: datetime, item: Enrollment, *, happened: bool) -> None:
        """A wait is over, or what was waited for has come, or an action is done."""
        node, kind = self._at(item.node)
        if not _is_left(kind):
            return
        self.count(item.node, "left")
        if kind.waits and not kind.awaits_event:
            was_past = (item.due_at or "") <= item.node_at
            self.report(at, item.node, "passed" if was_past else "waited", value=item.value)
        elif kind.waits:
            what = "answered" if happened else "timed_out"
            self.report(at, item.node, what, why=_on_event(node["event"]), value=item.value)
            self.count(item.node, "answered" if happened else "timed_out")

    def passed(self, at: datetime, item: Enrollment, step: Step, index: int) -> None:
        """One node of a turn's trail; a message that is sent is reported by the delivery."""
        name, way = step.trail[index]
        _, kind = self._at(name)
        if index or name != item.node or _is_left(kind):
            self.count(name, "entered")
        if way in {"exit", "late"}:
            return
        self.count(name, "left")
        if kind.forks:
            self.report(at, name, "branched", why=Reason("took_way", way=way).kept(), value=item.value)
        elif kind.waits and not kind.awaits_event:
            self.report(at, name, "passed", why="moment_past", value=item.value)
        elif name in step.skipped:
            self.skipped(at, name, step.skipped[name], value=item.value)

    def _at(self, name: str | None) -> tuple[Mapping[str, Any], nodes.NodeKind]:
        """A node and its type."""
        node = self._program.node(name)
        return (node, nodes.kind_of(node)) if node is not None else ({}, nodes.GONE)

    def count(self, node: str | None, what: str) -> None:
        """One more friend at a node of the graph."""
        if node is not None and self._program.node(node) is not None:
            self.nodes[node][what] += 1

    # Messages

    def sent(self, at: datetime, node: str | None, **more: Any) -> None:
        """A message that is charged goes out."""
        self._of(at)["messages"]["messages"] += 1
        self.count(node, "sent")
        self.report(at, node, "sent", **more)

    def skipped(self, at: datetime, node: str | None, why: Kept, **more: Any) -> None:
        """A message that is not sent, and why."""
        self._of(at)["skipped"][_SUMMED.get(code := Reason.of(why).code, code)] += 1
        self.count(node, "skipped")
        self.report(at, node, "skipped", why=why, **more)

    def deferred(self, at: datetime, node: str | None, why: str, until: datetime, **more: Any) -> None:
        """A message that waits until policies allow it."""
        self._of(at)["deferred"][why] += 1
        self.report(
            at, node, "deferred", why=Reason("held_until", why=Reason.of(why), at=iso(until)).kept(), **more
        )

    def acted(
        self,
        at: datetime,
        node: str | None,
        changes: Sequence[Mapping[str, Any]],
        effects: Sequence[Mapping[str, Any]],
    ) -> None:
        """What a reaction (of an action node, or of rules) changes and causes."""
        shown = [{name: effect[name] for name in _SHOWN if name in effect} for effect in effects]
        for effect in shown:
            effect["status"] = "would_run" if effect["status"] == "pending" else effect["status"]
        if shown or changes:
            self.report(at, node, "acted", changes=list(changes) or None, effects=shown or None)

    def _of(self, at: datetime) -> dict[str, Counter[str]]:
        return self.days[local_date(at, self._program.zone).isoformat()]


def _is_left(kind: nodes.NodeKind) -> bool:
    """Whether it is left when its time is over; any other one the next turn still goes through."""
    return kind.waits or kind.acts


def _exit_reason(item: Enrollment) -> Kept | None:
    """Why a run has ended, if there is more to say than that it went through."""
    return Reason("exit_reason", reason=item.reason).kept() if item.reason else None


def _on_event(kind: str) -> Kept:
    return Reason("on_event", event=kind).kept()
