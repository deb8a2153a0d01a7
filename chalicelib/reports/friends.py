"""Who came, blocked and came back, by local day, week or month, or by the way by which they came."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from typing import Any

from chalicelib.reports.lines import FOLLOWED, UNBLOCKED, UNFOLLOWED
from chalicelib.reports.numbers import Entry, Fold, Part, Tally
from chalicelib.reports.periods import Period, Span, name_of

NUMBERS = (FOLLOWED, UNBLOCKED, UNFOLLOWED)
COLUMNS = (*NUMBERS, "following", "block_rate")
NO_ROUTE = "-"
AFTER = "after"
"""The row of what happened after the last day: the number of friends then follows from the one of now."""


def fold(span: Span, period: Period) -> Fold:
    """What happened in each period of a span, and after it."""

    def entries(part: Part) -> Iterator[Entry]:
        for cell in part.cells(NUMBERS):
            day = span.day_of(cell.at)
            yield Entry(AFTER if day > span.last else name_of(day, period), cell.kind, cell.users)

    return entries


def items(found: Tally, span: Span, period: Period, now_following: int, today: date) -> list[dict[str, Any]]:
    """A row for each period, oldest first. ``following`` at its end is counted back from those of now."""
    following = now_following - _change(found, AFTER)
    rows: list[dict[str, Any]] = []
    for name in dict.fromkeys(name_of(day, period) for day in reversed(list(span.days()))):
        begun = name <= name_of(today, period)
        rows.append(
            {"row": name, period: name, **_numbers(found, name), "following": following if begun else None}
        )
        following -= _change(found, name)
    return [row | {"block_rate": block_rate(row)} for row in reversed(rows)]


def total(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All periods together; who follows at the end is who followed at the end of the last one."""
    known = [row["following"] for row in rows if row["following"] is not None]
    found = {name: sum(row[name] for row in rows) for name in NUMBERS}
    found["following"] = known[-1] if known else None
    return found | {"block_rate": block_rate(found)}


RoutesOf = Callable[[Iterable[str]], Mapping[str, str]]
"""The route by which each of these friends came last, of who came by one."""


def fold_by_route(span: Span, routes_of: RoutesOf) -> Fold:
    """What happened in a span to the friends of each route, and after it."""

    def entries(part: Part) -> Iterator[Entry]:
        counted = list(part.cells(NUMBERS))
        routes = routes_of({user for cell in counted for user in cell.users})
        for cell in counted:
            is_after = span.day_of(cell.at) > span.last
            for user in cell.users:
                route = routes.get(user, NO_ROUTE)
                yield Entry(f"{AFTER}:{route}" if is_after else route, cell.kind, (user,))

    return entries


def items_by_route(found: Tally, following: Mapping[str, int]) -> list[dict[str, Any]]:
    """A row for each route, by its name; ``following``: how many of each follow now."""
    names = {row for row in found.rows if not row.startswith(f"{AFTER}:")} | following.keys()
    rows = []
    for name in sorted(names):
        left = following.get(name, 0) - _change(found, f"{AFTER}:{name}")
        row = {"row": name, "route": None if name == NO_ROUTE else name, **_numbers(found, name)}
        rows.append(row | {"following": left})
    return [row | {"block_rate": block_rate(row)} for row in rows]


def total_of_routes(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """All routes together."""
    found = {name: sum(row[name] for row in rows) for name in (*NUMBERS, "following")}
    return found | {"block_rate": block_rate(found)}


def _numbers(found: Tally, row: str) -> dict[str, int | float]:
    return {name: found.of(row, name) for name in NUMBERS}


def _change(found: Tally, row: str) -> int:
    numbers = _numbers(found, row)
    return int(numbers[FOLLOWED] + numbers[UNBLOCKED] - numbers[UNFOLLOWED])


def block_rate(row: Mapping[str, Any]) -> float | None:
    """Of those who could block in the period, the part that did: they blocked, or follow at its end."""
    if row["following"] is None:
        return None
    could = row[UNFOLLOWED] + row["following"]
    return round(row[UNFOLLOWED] / could, 4) if could > 0 else None
