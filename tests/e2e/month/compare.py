"""Every report, asked for by HTTP, against the books."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from tests.e2e.month import documents
from tests.e2e.month.books import Books, Person
from tests.e2e.month.expected import TOTAL, Expected, Rows
from tests.e2e.trial import Trial

_ZEROS = (0, None)
_CAME = ("clicks", "clickers", "conversions", "converters", "revenue", "blocked_after")
_LONGEST_S = 81 * 3600
"""Who blocks 80 hours from now has been in a scenario for so long."""
_MEANS: Mapping[str, Callable[[Person], float | None] | None] = {
    "count": None,
    "mean:attribute:age": lambda one: one.age,
    "mean:purchases.total": lambda one: sum(order.left for order in one.kept),
    "mean:purchases.count": lambda one: len(one.kept),
}


class Comparison:
    """Asks and compares; ``wrong`` says what differs."""

    def __init__(self, trial: Trial, shop: str, books: Books) -> None:
        self.trial, self.reports, self.books = trial, f"{shop}/reports", books
        self.wrong: list[str] = []
        self.count = 0

    def all(self, when: str) -> None:
        """Every report of the last 30 days and of the days to come, and of a week in the past."""
        today = self.books.day_after(0)
        past = Expected(self.books, today - timedelta(days=29), today)
        wide = Expected(self.books, today - timedelta(days=29), self.books.day_after(12))
        week = Expected(self.books, today - timedelta(days=20), today - timedelta(days=14))
        for what in (past, week):
            for by in ("day", "week", "month"):
                self._look(when, "friends", what, what.friends(by), by)
            self._look(when, "friends", what, what.friends_by_route(), "route")
        for what in (past, wide, week):
            self._journal(when, what)
            self._sheets(when, what)
        for scenario in documents.SCENARIOS:
            self._scenario(when, wide, scenario)
        for first in (today.replace(day=1), (today.replace(day=1) - timedelta(days=1)).replace(day=1)):
            self._month(when, first)
        print(f"{when}: {self.count} numbers, {len(self.wrong)} wrong", flush=True)

    def _journal(self, when: str, what: Expected) -> None:
        for by in ("link", "delivery", "day"):
            self._look(when, "links", what, what.clicks(by), by)
        for one in (("link", "l1"), ("delivery", "f"), ("delivery", "rule:bought")):
            self._look(when, "links", what, what.clicks("day", one), "day", f"{one[0]}={one[1]}")
        for by in ("route", "day"):
            self._look(when, "touches", what, what.touches(by), by)
        self._look(when, "touches", what, what.touches("day", "poster"), "day", "route=poster")
        for by in ("delivery", "link", "route", "day"):
            self._look(when, "conversions", what, what.conversions(by), by)
        for kind in ("all", "broadcast", "scenario", "rule", "schedule"):
            for by in ("day", "delivery"):
                self._look(when, "deliveries", what, what.deliveries(by, kind), by, f"kind={kind}")
        for by in ("variant", "step", "segment"):
            self._look(when, "deliveries", what, what.deliveries(by), by)

    def _sheets(self, when: str, what: Expected) -> None:
        self._look(when, "stages", None, what.stages(), "stage")
        for which, name in ((0, "first"), (-1, "latest")):
            rows = what.routes(which, documents.ROUTES)
            self._look(when, "routes", None, rows, "route", f"by={name}")
        self._look(when, "cohorts", None, what.cohorts(within=False), "month")
        self._look(when, "cohorts", what, what.cohorts(within=True), "month")
        for value, mean in _MEANS.items():
            asked = f"rows=folder:rank&cols=attribute:area&value={value}"
            self._look(when, "cross", None, what.cross(mean), "row", asked)

    def _look(
        self, when: str, report: str, what: Expected | None, wanted: Rows, by: str, more: str = ""
    ) -> None:
        asked = [more] if more else []
        if report in {"friends", "links", "touches", "conversions", "deliveries"}:
            asked.append(f"group_by={by}")
        if what is not None:
            asked.append(f"from={what.first}&to={what.last}")
        path = f"{self.reports}/{report}?{'&'.join(asked)}"
        answer = self.trial.api.get(path)
        named = "row" if report in {"friends", "links", "touches", "conversions", "deliveries"} else by
        found = {row[named] or "-": row for row in answer["items"]} | {TOTAL: answer["total"] or {}}
        if report == "cross":
            found.pop(TOTAL)
        where = f"{when} {path.removeprefix(self.reports)}"
        for name in sorted(found.keys() | wanted.keys()):
            self._row(f"{where} {name}", found.get(name, {}), wanted.get(name, {}))

    def _row(self, where: str, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
        """A row that is not wanted must be of nothing; so must one that is not there."""
        for name in wanted or found.keys() - {"row", "name", "line", "condition", "kind"}:
            self.count += 1
            got, want = found.get(name), wanted.get(name)
            if not wanted and isinstance(got, str):
                continue
            if not (_near(got, want) or (got in _ZEROS and want in _ZEROS)):
                self.wrong.append(f"{where} {name}: {got}, in the books {want}")

    def _scenario(self, when: str, what: Expected, scenario: str) -> None:
        answer = self.trial.api.get(f"{self.reports}/scenarios/{scenario}?from={what.first}&to={what.last}")
        run, where = self.books.runs[scenario], f"{when} /scenarios/{scenario}"
        exited = {why: len(who) for why, who in run.exited.items() if who}
        goal = exited.get("goal", 0) / len(run.entered)
        sent = {one.node: len(one.got) for one in self.books.sent if one.id == scenario}
        wanted = {
            "entered": len(run.entered),
            "finished": len(run.finished),
            "exited": exited,
            "waiting": len(run.waiting),
            "sent": sum(sent.values()),
            "goal_rate": round(goal, 4),
        }
        self._row(f"{where} {TOTAL}", answer["total"], wanted)
        took = answer["total"]["median_s"]
        over = bool(run.finished or exited)
        if over is not (took is not None) or not (5 if scenario == "b" else 0) <= (took or 5) <= _LONGEST_S:
            self.wrong.append(f"{where} median_s: {took}")
        steps = what.deliveries("step")
        for row in answer["items"]:
            came = steps.get(row["row"], dict.fromkeys(_CAME, 0) | {"click_rate": None})
            self._row(f"{where} {row['node']}", row, {name: came[name] for name in (*_CAME, "click_rate")})
            if row["type"] == "message":
                entered = sent.get(row["node"], 0)
                self._row(
                    f"{where} {row['node']}",
                    row,
                    {"entered": entered, "sent": entered, "skipped": {}, "failed": {}, "unknown": 0},
                )

    def _month(self, when: str, first: date) -> None:
        last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
        answer = self.trial.api.get(f"{self.reports}/monthly?month={first.isoformat()[:7]}")
        wanted, where = Expected(self.books, first, last).monthly(), f"{when} /monthly {first:%Y-%m}"
        before = Expected(self.books, (first - timedelta(days=1)).replace(day=1), first - timedelta(days=1))
        earlier = before.monthly()
        for name, found in (("friends", answer), ("deliveries", answer)):
            self._row(f"{where} {name}", found[name], wanted[name])
            self._row(f"{where} before {name}", answer["before"][name], earlier[name])
        self._row(f"{where}", answer, {"skipped": wanted["skipped"]})
        self._row(f"{where} yen", answer["yen"], {"by_ledger": wanted["by_ledger"]})
        self._row(f"{where} saved", answer["yen"]["saved"], wanted["saved"])


def _near(got: Any, want: Any) -> bool:
    """Whether two numbers are the same to their last digit that is shown."""
    if isinstance(got, dict) and isinstance(want, dict):
        return got.keys() == want.keys() and all(_near(got[name], want[name]) for name in got)
    if isinstance(got, float) and isinstance(want, int | float):
        return abs(got - want) < 0.006 if abs(want) > 50 else abs(got - want) < 0.00011
    return bool(got == want)
