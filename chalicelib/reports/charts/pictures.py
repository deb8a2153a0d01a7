"""Which drawing a report is, and its words: each answers what makes the SVG of a report's rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, get_args

from chalicelib.enrollments.nodes import GONE, NODES
from chalicelib.reports.charts.table import Table
from chalicelib.reports.periods import Period, Span, name_of
from chalicelib.reports.table import Report
from chalicelib.shared.reasons import Reason

Picture: TypeAlias = Callable[[Report], str]
WORDS = (
    *("report_accepted", "report_answered", "report_block_rate", "report_blocked_after", "report_chat"),
    *("report_clickers", "report_clicks", "report_cohorts", "report_conversions", "report_converters"),
    *("report_cross", "report_deliveries", "report_entered", "report_finished", "report_followed"),
    *("report_following", "report_form", "report_forms", "report_friends", "report_goal", "report_left"),
    *("report_links", "report_ltv", "report_many", "report_none", "report_orders", "report_repeat_rate"),
    *("report_revenue", "report_routes", "report_scenario", "report_segments", "report_sent", "report_shown"),
    *("report_stages", "report_touches", "report_unblocked", "report_unfollowed", "report_visitors"),
)
"""What is in pictures, in both languages (``shared/reasons.json``)."""
_RATES = frozenset({"block_rate", "click_rate", "repeat_rate"})


def word(name: str) -> str:
    """What a column or report is called, in the language of the request."""
    return Reason(f"report_{name}").text()


def over_time_or_not(report: str, by: str, columns: Sequence[str], days: Span) -> Picture:
    """Lines where rows are days, weeks or months, also those without a row; else a bar for each row."""
    if by not in get_args(Period):
        return bars(report, columns)
    names = dict.fromkeys(name_of(day, by) for day in days.days())  # type: ignore[arg-type]

    def draw(found: Report) -> str:
        rows = {str(item["row"]): item for item in found.items}
        nothing = dict.fromkeys(columns, 0)
        items = [rows.get(name) or {"row": name, **nothing} for name in names]
        return _lines(_table(report, items, columns))

    return draw


def bars(report: str, columns: Sequence[str]) -> Picture:
    """A bar for each row."""
    return lambda found: _bars(_table(report, found.items, columns))


def by_column(report: str, columns: Sequence[str]) -> Picture:
    """A heat map in which each column has a scale of its own."""
    return lambda found: _heat(_table(report, found.items, columns), together=False)


def cells() -> Picture:
    """A heat map of a cross report's cells."""

    def draw(found: Report) -> str:
        names = list(found.items[0]["cells"]) if found.items else []
        columns = {_named(name): [row["cells"][name] for row in found.items] for name in names}
        rows = [_named(row["row"]) for row in found.items]
        return _heat(Table(word("cross"), rows, columns), together=True)

    return draw


def funnel(name: str) -> Picture:
    """A scenario: who entered, whom each message reached, who of them clicked and bought, who came to the end
    and to the goal.
    """

    def draw(found: Report) -> str:
        total = found.total or {}
        sent = [row for row in found.items if NODES.get(row["type"], GONE).sends or row["sent"]]
        ends = [total["finished"], total["exited"].get("goal", 0)]
        rows = [word("entered"), *(row["node"] for row in sent), word("finished"), word("goal")]
        columns = {word("friends"): [total["entered"], *(row["sent"] for row in sent), *ends]}
        for column in ("clickers", "converters"):
            columns[word(column)] = [None, *(row[column] for row in sent), None, None]
        return _bars(Table(f"{word('scenario')} {name}", rows, columns))

    return draw


def _lines(table: Table) -> str:
    # Imported here, as below: who asks for JSON draws nothing.
    from chalicelib.reports.charts import drawings

    return drawings.lines(table)


def _bars(table: Table) -> str:
    from chalicelib.reports.charts import drawings

    return drawings.bars(table)


def _heat(table: Table, *, together: bool) -> str:
    from chalicelib.reports.charts import drawings

    return drawings.heat(table, together=together)


def _table(report: str, items: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Table:
    rows = [_row(item) for item in items]
    shown = {word(name): [item.get(name) for item in items] for name in columns}
    return Table(word(report), rows, shown, frozenset(word(name) for name in _RATES & set(columns)))


def _row(item: Mapping[str, Any]) -> str:
    """What a row is called: by its name where it has one, else by its first field."""
    first = next((item[field] for field in ("name", "row", "stage", "month", "route") if item.get(field)), "")
    more = [str(item[field]) for field in ("variant", "step") if item.get(field)]
    return _named(" · ".join([str(first), *more]))


def _named(text: str) -> str:
    return word("none") if text in {"", "-"} else text
