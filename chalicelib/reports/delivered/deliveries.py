"""What deliveries reached and what came of them: the ledger's numbers of broadcasts and scenarios, and those
of lines: of what rules, schedules, forms and staff sent, and of what came of all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from chalicelib.accounts.model import Account
from chalicelib.broadcasts.insight import service as insight
from chalicelib.broadcasts.plans.quota import YEN_PER_MESSAGE
from chalicelib.broadcasts.started_runs import StartedRun, started_between
from chalicelib.catalog.service import snapshot
from chalicelib.deliveries import chunk_counts
from chalicelib.reports import journal
from chalicelib.reports.delivered import outcomes
from chalicelib.reports.delivered.outcomes import Delivery
from chalicelib.reports.numbers import TOTAL, Measurement, Tally
from chalicelib.reports.periods import Span, name_of
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_duration
from chalicelib.timeline import service as activities

By = Literal["day", "delivery", "variant", "step", "segment"]
Kind = Literal["all", "broadcast", "scenario", "rule", "schedule", "form", "many", "chat"]
OTHERS: tuple[Kind, ...] = ("rule", "schedule", "form", "many", "chat")
"""Who sends besides broadcasts and scenarios, as rows begin with it; the latter two without documents."""
SENT = ("planned", "accepted", "skipped", "failed", "unknown", "pending", "held_out")
COLUMNS = (*SENT, "by_reply", *outcomes.NUMBERS, "click_rate", "cost_yen")
NO_SEGMENT = NO_VARIANT = NO_STEP = "-"
BY_LINE = ("impressions", "media_plays", "clicks")
"""What LINE counts itself."""
_WINDOW = "7d"
_LOOKED_AT = 50
_ONE_KIND: dict[By, Kind] = {"variant": "broadcast", "segment": "broadcast", "step": "scenario"}
"""Groups that only one kind of delivery has."""

Numbers = Mapping[str, int | None]
Row = tuple[str, dict[str, Any], Numbers]
"""A row's name, what it is in the words of its group, and what the ledger says."""


@dataclass(frozen=True)
class Runs:
    """The broadcasts' runs that started in a span, the scenarios and the other kinds (of these ``only`` one),
    and the row in which each counts.
    """

    account: str
    by: By
    span: Span
    runs: Mapping[str, StartedRun]
    scenarios: Mapping[str, str]
    others: Collection[str] = ()
    only: str | None = None

    def row(self, run: StartedRun, variant: str) -> str:
        """The row of what a run sent; ``variant`` empty: it has none."""
        if self.by == "day":
            return name_of(self.span.day_of(run.at), "day")
        if self.by == "segment":
            return run.segment or NO_SEGMENT
        return f"{run.broadcast}:{variant or NO_VARIANT}" if self.by == "variant" else run.broadcast

    def step(self, scenario: str, node: str, at: str) -> str:
        """The row of what a node of a scenario sent at a moment."""
        if self.by == "day":
            return name_of(self.span.day_of(at), "day")
        return f"scenario:{scenario}" + (f":{node or NO_STEP}" if self.by == "step" else "")

    def row_of(self, delivery: Delivery, at: str) -> str | None:
        """The row of a click, a receipt, or what a line says was sent."""
        if not delivery.run:
            if not self.span.holds(at):
                return None
            if ":" in delivery.id:
                return self._of_others(delivery.id, at)
            return self.step(delivery.id, delivery.node, at) if delivery.id in self.scenarios else None
        run = self.runs.get(delivery.run)
        if run is None or run.broadcast != delivery.id:
            return None
        return self.row(run, delivery.variant)

    def _of_others(self, author: str, at: str) -> str | None:
        if author.partition(":")[0] not in self.others or self.only not in {None, author}:
            return None
        return name_of(self.span.day_of(at), "day") if self.by == "day" else author

    def named(self, row: str) -> dict[str, Any]:
        """What a row is of which the ledger knows nothing, or nothing any more."""
        kind, _, rest = row.partition(":")
        if self.by not in {"delivery", "step"} or not (kind == "scenario" or kind in self.others):
            return {"row": row, self.by: row}
        id_, _, step = rest.partition(":")
        found = {"row": row, "kind": kind, "delivery": id_, "name": self.scenarios.get(id_)}
        if kind in self.others:
            document = snapshot(self.account).find(f"{kind}s", id_)
            found["name"] = str((document.body.get("name") if document else None) or id_)
        if kind in {"many", "chat"}:
            found |= {"delivery": None, "name": Reason(f"report_{kind}").text()}
        return found | ({"step": None if step == NO_STEP else step} if self.by == "step" else {})

    def rows(self) -> Iterator[Row]:
        """What the ledger says of each run and chunk, by the rows that they count in."""
        for run in self.runs.values():
            variants = run.variants() if self.by == "variant" else {}
            for variant, found in variants.items():
                yield self._of_run(run, variant, found)
            if not variants:
                yield self._of_run(run, "", _sums(run.progress()))
        for scenario, name in self.scenarios.items():
            for chunk in chunk_counts.between(self.account, scenario, self.span.since, self.span.until):
                row = self.step(scenario, chunk.node, chunk.at)
                named = {"row": row, "kind": "scenario", "delivery": scenario, "name": name}
                named |= {"step": chunk.node} if self.by == "step" else {}
                sums = _sums(chunk.numbers)
                sums["planned"] = sum(n or 0 for n in sums.values())
                yield row, {"row": row, "day": row} if self.by == "day" else named, sums

    def _of_run(self, run: StartedRun, variant: str, numbers: Numbers) -> Row:
        row = self.row(run, variant)
        return row, _named(self.by, row, run), numbers


def find(account: Account, span: Span, by: By, kind: Kind = "all", only: str | None = None) -> Runs:
    """The broadcasts' runs that started in a span, the account's scenarios and whoever else sends, as far as
    they are meant (``only``: the one of this id, of others of this row).
    """
    kinds = {kind, _ONE_KIND.get(by, kind)} - {"all"}
    runs = started_between(account.id, span.since, span.until) if kinds <= {"broadcast"} else ()
    named = snapshot(account.id).all("scenarios") if kinds <= {"scenario"} else {}
    scenarios = {
        name: str(doc.body.get("name") or name) for name, doc in named.items() if only in {None, name}
    }
    found = {run.run: run for run in runs if only in {None, run.broadcast}}
    others = [one for one in OTHERS if kinds <= {one}]
    return Runs(account.id, by, span, found, scenarios, others, only)


def asked(account: Account, runs: Runs) -> Measurement:
    """What of the lines shows what came of them: whatever came since the first day."""
    fold = outcomes.fold(runs.row_of, window(account), lambda *of: received(account, *of))
    return Measurement(fold, runs.span.since, journal.END, outcomes.DISTINCT)


def window(account: Account) -> timedelta:
    """How long after a click an order is a conversion."""
    document = snapshot(account.id).find("stages", "default")
    attribution = (document.body.get("attribution") if document else None) or {}
    return parse_duration(attribution.get("window", _WINDOW))


def received(account: Account, user: str, since: str, until: str) -> Iterator[tuple[str, Delivery]]:
    """What LINE took for a friend of broadcasts and scenarios between two moments; tests apart."""
    cursor: dict[str, Any] | None = {"at": until, "event_id": ""}
    while cursor is not None:
        page, cursor = activities.recent(account.id, user, _LOOKED_AT, cursor)
        for line in page:
            if line["at"] < since:
                return
            props = line.get("props") or {}
            if line["type"] == activities.SENT and not props.get("test") and _is_accepted(line):
                delivery = props.get("broadcast") or props.get("scenario") or ""
                run = props.get("run", "") if "broadcast" in props else ""
                yield line["at"], Delivery(delivery, run, props.get("variant") or "", props.get("node") or "")


def _is_accepted(line: Mapping[str, Any]) -> bool:
    return any(effect.get("status") == "done" for effect in line.get("effects") or ())


def items(runs: Runs, found: Tally) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """A row for each day, delivery, variant, step or segment in order, and all of them together."""
    sums: dict[str, dict[str, Any]] = {}
    named: dict[str, dict[str, Any]] = {}
    for row, what, numbers in runs.rows():
        _add(sums.setdefault(row, dict.fromkeys(SENT)), numbers)
        named.setdefault(row, what)
    for row in found.rows - sums.keys():
        sums[row], named[row] = dict.fromkeys(SENT), runs.named(row)
    for row in found.rows:
        if found.of(row, "planned"):
            _add(sums[row], {name: int(found.of(row, name)) for name in SENT})
    whole: dict[str, Any] = dict.fromkeys(SENT)
    for numbers in sums.values():
        _add(whole, numbers)
    line = _by_line(runs)
    rows = [named[row] | _with_outcomes(sums[row], found, row, line.get(row)) for row in sorted(sums)]
    total = _with_outcomes(whole, found, TOTAL, line.get(TOTAL))
    return rows, total


def _named(by: By, row: str, run: StartedRun) -> dict[str, Any]:
    """What a row is, in the words of its group."""
    if by == "day":
        return {"row": row, "day": row}
    if by == "segment":
        return {"row": row, "segment": run.segment}
    found: dict[str, Any] = {"row": row, "kind": "broadcast", "delivery": run.broadcast, "name": run.name}
    variant = row.removeprefix(f"{run.broadcast}:")
    return found | ({"variant": None if variant == NO_VARIANT else variant} if by == "variant" else {})


def _add(into: dict[str, Any], numbers: Mapping[str, int | None]) -> None:
    for name, value in numbers.items():
        if value is not None:
            into[name] = (into[name] or 0) + value


def _sums(progress: Mapping[str, Any]) -> dict[str, int | None]:
    """The numbers of a run, those with reasons summed up."""
    return {name: _sum(progress.get(name, 0)) for name in SENT}


def _sum(value: Any) -> int:
    return sum(int(n) for n in value.values()) if isinstance(value, Mapping) else int(value)


def _by_line(runs: Runs) -> dict[str, dict[str, int | None]]:
    """By row, and for all: what LINE counted, as far as it reports. A sum of what is known; null: nothing
    is.
    """
    found: dict[str, dict[str, int | None]] = {}
    for run_id, counted in insight.counted(runs.account, sorted(runs.runs)).items():
        run = runs.runs.get(run_id)
        if run is None:
            continue
        for variant, numbers in counted.arms.items():
            for row in (runs.row(run, variant), TOTAL):
                _add(found.setdefault(row, dict.fromkeys(BY_LINE)), numbers)
    return found


def _with_outcomes(
    sent: Mapping[str, Any], found: Tally, row: str, line: Mapping[str, int | None] | None
) -> dict[str, Any]:
    numbers = {name: found.of(row, name) for name in ("by_reply", *outcomes.NUMBERS)}
    accepted = sent["accepted"] or 0
    return {
        **sent,
        **numbers,
        "click_rate": rate(numbers["clickers"], accepted),
        "cost_yen": int(accepted - numbers["by_reply"]) * YEN_PER_MESSAGE,
        "line": line or dict.fromkeys(BY_LINE),
    }


def rate(part: float, whole: float) -> float | None:
    """A part of a whole with four digits; None where there is no whole."""
    return round(part / whole, 4) if whole else None
