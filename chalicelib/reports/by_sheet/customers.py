"""What friends have bought, by the stage at which they are, the month of their first order, or route."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.reports.by_sheet.counts import Counted, Counts, Params, SheetReport
from chalicelib.shared.times import local_date, parse_iso
from chalicelib.sheets.money import MAX_DECIMALS, exact, plain
from chalicelib.sheets.purchases import STAGES, limits_of, stage

COLUMNS = ("friends", "following", "orders", "revenue", "ltv", "repeat_rate")
NO_ROUTE = ""
_UNIT = 10**MAX_DECIMALS
"""Money is counted in whole parts of this kind, so that sums are exact."""
EVERYBODY = {"any": [{"friend": {"status": "following"}}, {"not": {"friend": {"status": "following"}}}]}
"""Whoever is known, following or not: a condition that names the status looks at everybody."""

RowOf = Callable[[Sheet], str | None]


def _report(row: Callable[[Params, Context, datetime], RowOf], *needs: str) -> SheetReport:
    """A report with the columns above; its rows as ``row`` names them."""

    def counter(params: Params, context: Context, now: datetime) -> Callable[[Sheet], Counted]:
        row_of = row(params, context, now)

        def counted(sheet: Sheet) -> Iterator[tuple[str, int]]:
            name = row_of(sheet)
            if name is not None:
                yield from ((f"{name}#{number}", n) for number, n in _numbers(sheet) if n)

        return counted

    return SheetReport(lambda _params, _context: frozenset({"purchases", *needs}), counter)


def _numbers(sheet: Sheet) -> Iterator[tuple[str, int]]:
    figures = sheet.get("purchases") or {}
    orders = max(0, int(figures.get("count", 0)))
    yield "friends", 1
    yield "following", int(sheet["status"] == "following")
    yield "orders", orders
    yield "revenue", int(exact(figures.get("total", 0)) * _UNIT)
    yield "customers", int(orders > 0)
    yield "repeaters", int(orders > 1)


def _is_meant(params: Params, sheet: Sheet) -> bool:
    """Whether a friend followed in the days that are asked for, if any are."""
    at = sheet.get("followed_at") or ""
    return "since" not in params or params["since"] <= at < params["until"]


def _by_stage(params: Params, context: Context, now: datetime) -> RowOf:
    limits = limits_of(context.snapshot)

    def row(sheet: Sheet) -> str | None:
        return stage(sheet.get("purchases") or {}, now, limits) if _is_meant(params, sheet) else None

    return row


def _by_month(params: Params, context: Context, _now: datetime) -> RowOf:
    def row(sheet: Sheet) -> str | None:
        figures = sheet.get("purchases") or {}
        first = figures.get("first_at")
        if not first or figures.get("count", 0) <= 0:
            return None
        if "since" in params and not params["since"] <= first < params["until"]:
            return None
        return local_date(parse_iso(first), context.zone).isoformat()[:7]

    return row


def _by_route(params: Params, _context: Context, _now: datetime) -> RowOf:
    which = params["by"]

    def row(sheet: Sheet) -> str | None:
        source = sheet.get("source") or {}
        at = source.get(f"{which}_at") or sheet.get("followed_at") or ""
        if "since" in params and not params["since"] <= at < params["until"]:
            return None
        return str(source.get(which) or NO_ROUTE)

    return row


REPORTS = {
    "stages": _report(_by_stage, "followed_at"),
    "cohorts": _report(_by_month),
    "routes": _report(_by_route, "source", "followed_at"),
}


def numbers(found: Counts, rows: list[str]) -> dict[str, Any]:
    """The columns of one row, or of several together."""

    def of(number: str) -> int:
        return sum(found[f"{row}#{number}"] for row in rows)

    friends, revenue = of("friends"), of("revenue")
    return {
        **{name: of(name) for name in ("friends", "following", "orders")},
        "revenue": _money(revenue),
        "ltv": round(revenue / _UNIT / friends, 2) if friends else None,
        "repeat_rate": round(of("repeaters") / of("customers"), 4) if of("customers") else None,
    }


def _money(parts: int) -> int | float:
    return plain(Decimal(parts) / _UNIT)


def stages(found: Counts) -> list[dict[str, Any]]:
    """A row for each stage, in their order."""
    return [
        {"stage": name, **numbers(found, [name]), "condition": _known({"stage": name})} for name in STAGES
    ]


def cohorts(found: Counts, today: date) -> list[dict[str, Any]]:
    """A row for each month in which somebody bought first, in their order."""
    months = found.names("#friends")
    return [
        {"month": month, **numbers(found, [month]), "condition": _known(_first_in(month, today))}
        for month in months
    ]


def routes(found: Counts, by: str, named: Mapping[str, str]) -> list[dict[str, Any]]:
    """A row for each route that there is, or by which friends came; the last is of no route."""
    rows = sorted({*named, *found.names("#friends")} - {NO_ROUTE})
    return [
        {
            "route": name or None,
            "name": named.get(name),
            **numbers(found, [name]),
            "condition": _known({"source": {by: name}}) if name else None,
        }
        for name in (*rows, NO_ROUTE)
    ]


def _known(condition: dict[str, Any]) -> dict[str, Any]:
    return {"all": [condition, EVERYBODY]}


def _first_in(month: str, today: date) -> dict[str, Any]:
    """Whose first order was in a month: so many local days ago, as conditions count them."""
    first = date.fromisoformat(f"{month}-01")
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    ago = [max(0, (today - last).days), (today - first).days]
    return {"purchase": {"count": {"gte": 1}, "first": {"days_ago": ago}}}
