"""What became of friends in a scenario and what came of its messages, as a whole and node by node."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from statistics import median
from typing import Any

from chalicelib.deliveries.chunk_counts import ChunkCounts
from chalicelib.enrollments.nodes import GONE, NODES
from chalicelib.reports.delivered import effect_lines, outcomes
from chalicelib.reports.delivered.deliveries import rate
from chalicelib.reports.lines import ENTERED, EXITED, FINISHED, PASSED, Line
from chalicelib.reports.numbers import TOTAL, Entry, Fold, Measurement, Part, Tally
from chalicelib.reports.periods import Span
from chalicelib.shared.times import iso, parse_iso

GOAL = "goal"
LOOKED_BACK = timedelta(days=90)
NUMBERS = (ENTERED, FINISHED, EXITED, GOAL)
_KINDS = frozenset({ENTERED, FINISHED, EXITED, PASSED})
_TOOK = "took"
"""How long each run took that has ended: in seconds, with the friend."""
_AT = "@"
"""Between a number, its node and its reason."""


def fold(span: Span) -> Fold:
    """Who entered, finished and left each scenario in a span, and which messages were passed."""

    def entries(part: Part) -> Iterator[Entry]:
        began: dict[_Run, str] = {}
        for line in part.lines(_KINDS):
            scenario = str(line.props.get("scenario", ""))
            if line.kind == ENTERED:
                began[_run(line)] = line.at
            if span.holds(line.at):
                yield from _of(line, scenario, began)

    return entries


def asked(span: Span) -> Measurement:
    """What of the lines is needed: of who ended in the span also when they entered, if not long before."""
    return Measurement(fold(span), iso(parse_iso(span.since) - LOOKED_BACK), span.until)


_Run = tuple[str, str, str]
"""Scenario, friend, and the value for which the run is (empty: it has none)."""


def _run(line: Line) -> _Run:
    return str(line.props.get("scenario", "")), line.user, str(line.props.get("value", ""))


def _of(line: Line, scenario: str, began: Mapping[_Run, str]) -> Iterator[Entry]:
    if line.kind == PASSED:
        for node, why in line.props.get("nodes", {}).items():
            yield Entry(scenario, f"{PASSED}{_AT}{node}{_AT}{why}", (line.user,))
    elif line.kind in NUMBERS:
        yield Entry(scenario, line.kind, (line.user,))
    if line.kind == EXITED:
        reason, node = line.props.get("reason", "unnamed"), line.props.get("node", "")
        yield Entry(scenario, f"{EXITED}{_AT}{node}{_AT}{reason}", (line.user,))
        if reason == GOAL:
            yield Entry(scenario, GOAL, (line.user,))
    if line.kind in {FINISHED, EXITED} and (since := began.get(_run(line))):
        seconds = (parse_iso(line.at) - parse_iso(since)).total_seconds()
        yield Entry(scenario, _TOOK, (line.user,), round(seconds))


@dataclass
class Found:
    """What lines and chunks say of one scenario; ``came``: what came of its messages, by step."""

    scenario: str
    came: Tally = field(default_factory=Tally)
    tally: Tally = field(default_factory=Tally)
    took: list[int] = field(default_factory=list)
    sent: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    def add(self, entries: Iterable[Entry]) -> None:
        """Add what one part of the friends did."""
        own = [entry for entry in entries if entry.row == self.scenario]
        self.took += [int(entry.amount) for entry in own if entry.number == _TOOK]
        self.tally.add(own)

    def add_chunks(self, chunks: Iterable[ChunkCounts]) -> None:
        """Add what was sent, node by node; of a status with reasons under ``status@reason``."""
        for chunk in chunks:
            for status, value in chunk.numbers.items():
                reasons = value.items() if isinstance(value, Mapping) else [("", value)]
                self.sent[chunk.node].update({f"{status}{_AT}{reason}": int(n) for reason, n in reasons})

    def of(self, number: str) -> int:
        """A number of the scenario as a whole."""
        return int(self.tally.of(self.scenario, number))

    def reasons(self, number: str, node: str | None = None) -> dict[str, int]:
        """A number of a node (None: of all), by reason."""
        found: Counter[str] = Counter()
        for name in self.tally.numbers(self.scenario):
            kind, _, rest = name.partition(_AT)
            place, _, reason = rest.partition(_AT)
            if kind == number and reason and node in {None, place}:
                found[reason] += self.of(name)
        return dict(sorted(found.items()))

    def status(self, node: str, status: str) -> dict[str, int]:
        """How many of a node's messages came to a status, by reason; those of its actions too."""
        names = Counter(
            {
                name.partition(_AT)[2]: n
                for name, n in self.sent[node].items()
                if name.startswith(status + _AT)
            }
        )
        row = self.row(node)
        reasons = effect_lines.reasons(self.came, status, row)
        names.update(reasons or {"": int(self.came.of(row, status))})
        return dict(sorted((+names).items()))

    def row(self, node: str) -> str:
        """The row of a node in the report of deliveries by step."""
        return f"scenario:{self.scenario}:{node}"

    def outcomes(self, row: str, sent: int) -> dict[str, Any]:
        """What came of what was sent."""
        found = {name: self.came.of(row, name) for name in outcomes.NUMBERS}
        return found | {"click_rate": rate(found["clickers"], sent)}


def items(found: Found, nodes: Mapping[str, Any], waiting: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row for each node, in the order of the definition."""
    return [_node(found, name, str(node["type"]), waiting.get(name, 0)) for name, node in nodes.items()]


def _node(found: Found, name: str, kind: str, waiting: int) -> dict[str, Any]:
    skipped = Counter(found.status(name, "skipped")) + Counter(found.reasons(PASSED, name))
    failed = found.status(name, "failed")
    sent, unknown, pending = (
        sum(found.status(name, status).values()) for status in ("accepted", "unknown", "pending")
    )
    came = sent + unknown + pending + skipped.total() + sum(failed.values())
    return {
        "row": found.row(name),
        "node": name,
        "type": kind,
        "entered": came if NODES.get(kind, GONE).sends else None,
        "waiting": waiting,
        "sent": sent,
        "skipped": dict(sorted(skipped.items())),
        "failed": failed,
        "unknown": unknown,
        "exited": found.reasons(EXITED, name),
        **found.outcomes(found.row(name), sent),
    }


def total(found: Found, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The scenario as a whole."""
    rows, entered = list(rows), found.of(ENTERED)
    sent = sum(row["sent"] for row in rows)
    return {
        "entered": entered,
        "waiting": sum(row["waiting"] for row in rows),
        "sent": sent,
        "finished": found.of(FINISHED),
        "exited": found.reasons(EXITED),
        "goal_rate": round(found.of(GOAL) / entered, 4) if entered else None,
        "median_s": int(median(found.took)) if found.took else None,
        **found.outcomes(TOTAL, sent),
    }
