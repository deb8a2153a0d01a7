"""The reports as the bookkeeping makes them: by row, the numbers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from tests.e2e.month.books import (
    AREAS,
    FOLLOWED,
    RANKS,
    UNBLOCKED,
    UNFOLLOWED,
    Books,
    Click,
    Order,
    Person,
    Sent,
    day,
)

Rows = dict[str, dict[str, Any]]
TOTAL = "(total)"
STAGES = ("prospect", "first", "repeat", "loyal", "dormant")
_YEN = 3


@dataclass
class _Row:
    sums: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    people: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def numbers(self, *names: str) -> dict[str, int]:
        return {name: len(self.people[name]) if name in self.people else self.sums[name] for name in names}


def _ratio(part: float, whole: float, digits: int = 4) -> float | None:
    return round(part / whole, digits) if whole else None


@dataclass
class Expected:
    """What every report must say of the days ``first`` to ``last``."""

    books: Books
    first: date
    last: date

    def holds(self, at: datetime) -> bool:
        """Whether a moment is in these days."""
        return self.first.isoformat() <= day(at) <= self.last.isoformat()

    # Friends

    def friends(self, by: str) -> Rows:
        """By day, week or month."""
        found: Rows = {}
        for name, last in self._periods(by).items():
            found[name] = self._moves(partial(self._is_in, by, name))
            following = self.following_at(last) if name <= _period(day(self.books.now), by) else None
            found[name] |= {"following": following, **_block_rate(found[name], following)}
        whole = self._moves(self.holds)
        known = [row["following"] for row in found.values() if row["following"] is not None]
        return found | {TOTAL: whole | {"following": known[-1], **_block_rate(whole, known[-1])}}

    def _is_in(self, by: str, name: str, at: datetime) -> bool:
        return self.holds(at) and _period(day(at), by) == name

    def _periods(self, by: str) -> dict[str, str]:
        days = [
            (self.first + timedelta(days=n)).isoformat() for n in range((self.last - self.first).days + 1)
        ]
        return {_period(one, by): one for one in days}

    def _moves(self, which: Callable[[datetime], bool], people: Iterable[Person] | None = None) -> Any:
        people = self.books.people.values() if people is None else people
        kinds = [kind for one in people for at, kind in one.moves if which(at)]
        return {name: kinds.count(name) for name in (FOLLOWED, UNBLOCKED, UNFOLLOWED)}

    def following_at(self, last: str, people: Iterable[Person] | None = None) -> int:
        """Who followed at the end of a day: those of now, less what came after."""
        people = list(self.books.people.values() if people is None else people)
        after = self._moves(lambda at: day(at) > last, people)
        now = sum(one.status == "following" for one in people)
        return int(now - after[FOLLOWED] - after[UNBLOCKED] + after[UNFOLLOWED])

    def friends_by_route(self) -> Rows:
        """By the latest route."""
        everybody = list(self.books.people.values())
        found: Rows = {}
        for name, people in [*_grouped(everybody, lambda one: one.route(-1)).items(), (TOTAL, everybody)]:
            following = self.following_at(self.last.isoformat(), people)
            row = self._moves(self.holds, people)
            found[name] = row | {"following": following, **_block_rate(row, following)}
        return found

    # Clicks, touches and orders

    def clicks(self, by: str, only: tuple[str, str] | None = None) -> Rows:
        """By link, delivery or day; of one link or delivery."""
        return self._opened(
            ("clicks", "clickers"),
            (
                (_of(one, by), who.id)
                for who in self.books.people.values()
                for one in who.clicks
                if self.holds(one.at) and (only is None or getattr(one, only[0]) == only[1])
            ),
        )

    def touches(self, by: str, only: str | None = None) -> Rows:
        """By route or day."""
        return self._opened(
            ("touches", "visitors"),
            (
                (day(at) if by == "day" else route, who.id)
                for who in self.books.people.values()
                for at, route in who.touches
                if self.holds(at) and only in {None, route}
            ),
        )

    def _opened(self, names: tuple[str, str], found: Iterable[tuple[str, str]]) -> Rows:
        rows: dict[str, _Row] = defaultdict(_Row)
        for name, who in found:
            for row in (rows[name], rows[TOTAL]):
                row.sums[names[0]] += 1
                row.people[names[1]].add(who)
        return _finished(rows, names)

    def conversions(self, by: str) -> Rows:
        """By delivery, link, route or day."""
        rows: dict[str, _Row] = defaultdict(_Row)
        for who in self.books.people.values():
            for order in who.kept:
                if self.holds(order.at):
                    for name in (self._cause(by, who, order), TOTAL):
                        _bought(rows[name], who, order)
        return _finished(rows, ("conversions", "converters", "revenue", "site_only"))

    def _cause(self, by: str, who: Person, order: Order) -> str:
        if by == "day":
            return day(order.at)
        if by == "route":
            return who.route(0)
        click = who.click_before(order.at, of_delivery=by == "delivery")
        return _of(click, by) if click else "-"

    # Deliveries

    def deliveries(self, by: str, kind: str = "all") -> Rows:
        """By day, delivery, variant, step or segment."""
        kind = {"variant": "broadcast", "segment": "broadcast", "step": "scenario"}.get(by, kind)
        meant = {
            (one.id, one.node): one
            for one in self.books.sent
            if self.holds(one.at) and kind in {"all", one.kind}
        }
        rows: dict[str, _Row] = defaultdict(_Row)
        for one in meant.values():
            self._ledger(rows, by, one)
        for who in self.books.people.values():
            for name, number, amount in self._outcomes(by, meant, who):
                for row in (rows[name], rows[TOTAL]):
                    row.sums[number] += amount
                    if number in {"clickers", "converters", "blocked_after"}:
                        row.people[number].add(who.id)
        return {name: _delivery(row, by) for name, row in rows.items()}

    def _ledger(self, rows: dict[str, _Row], by: str, one: Sent) -> None:
        variants = _grouped(one.got.values(), lambda got: got[1])
        if by == "variant" and set(variants) != {""}:
            for variant, got in variants.items():
                for row in (rows[f"{one.id}:{variant}"], rows[TOTAL]):
                    row.sums["planned"] += len(got)
                    row.sums["accepted"] += len(got)
            return
        for row in (rows[_row(by, one, "", one.at)], rows[TOTAL]):
            row.sums["planned"] += one.planned
            row.sums["accepted"] += len(one.got)
            row.sums["by_reply"] += len(one.got) if one.is_reply else 0
            row.sums["skipped"] += one.opted_out + one.invalid

    def _outcomes(
        self, by: str, meant: dict[tuple[str, str], Sent], who: Person
    ) -> Iterator[tuple[str, str, int]]:
        for click in who.clicks:
            if one := meant.get((click.delivery, click.node)):
                name = _row(by, one, click.variant, click.at)
                yield from ((name, number, 1) for number in ("clicks", "clickers"))
        for order in who.kept:
            last = who.click_before(order.at, of_delivery=True)
            if last and (one := meant.get((last.delivery, last.node))):
                name = _row(by, one, last.variant, last.at)
                yield from ((name, number, 1) for number in ("conversions", "converters"))
                yield name, "revenue", order.left
        for at in (at for at, kind in who.moves if kind == UNFOLLOWED):
            for one in meant.values():
                got_at, variant = one.got.get(who.id, (at, ""))
                if timedelta(0) < at - got_at <= timedelta(hours=72):
                    yield _row(by, one, variant, got_at), "blocked_after", 1

    # Sheets

    def stages(self) -> Rows:
        """By stage."""
        return _customers(self.books.people.values(), self._stage, STAGES)

    def _stage(self, one: Person) -> str:
        if not one.kept:
            return "prospect"
        if self.books.now - max(order.at for order in one.orders.values()) >= timedelta(days=180):
            return "dormant"
        return "loyal" if len(one.kept) >= 5 else "repeat" if len(one.kept) > 1 else "first"

    def cohorts(self, *, within: bool) -> Rows:
        """By the month of the first order; ``within``: only whose first order was in these days."""
        people = [one for one in self.books.people.values() if one.kept]
        people = [one for one in people if not within or self.holds(_first(one))]
        return _customers(people, lambda one: day(_first(one))[:7], ())

    def routes(self, which: int, named: Iterable[str]) -> Rows:
        """By the first or latest route."""
        return _customers(self.books.people.values(), lambda one: one.route(which), (*named, "-"))

    def cross(self, mean: Callable[[Person], float | None] | None) -> Rows:
        """Ranks against areas: counts, or means."""
        found: Rows = {}
        for rank in (*RANKS, "-"):
            inside = [p for p in self.books.following() if (rank in p.ranks if rank != "-" else not p.ranks)]
            cells = {area: [p for p in inside if (p.area or "-") == area] for area in (*AREAS, "-")}
            found[rank] = {
                "total": _cell(inside, mean),
                "cells": {area: _cell(people, mean) for area, people in cells.items()},
            }
        return found

    # The month

    def monthly(self) -> dict[str, Any]:
        """The page of the month."""
        rows, friends = self.deliveries("delivery"), self.friends("day")
        total = rows.get(TOTAL) or _delivery(_Row(), "delivery")
        own = [one for one in self.books.sent if self.holds(one.at)]
        broadcasts = [one for one in own if one.kind == "broadcast" and one.got]
        others = sum(max(0, self.following_at(day(one.at)) - one.planned) for one in broadcasts)
        out = sum(one.opted_out for one in own)
        skipped = {"invalid_recipient": sum(one.invalid for one in own), "opted_out": out}
        return {
            "friends": friends[TOTAL],
            "deliveries": total,
            "skipped": {why: n for why, n in skipped.items() if n},
            "by_ledger": total["cost_yen"],
            "saved": {"segments": others * _YEN, "caps": 0, "topics": out * _YEN},
        }


def _period(name: str, by: str) -> str:
    at = date.fromisoformat(name)
    return (
        (at - timedelta(days=at.weekday())).isoformat()
        if by == "week"
        else name[: 7 if by == "month" else 10]
    )


def _block_rate(row: dict[str, int], following: int | None) -> dict[str, float | None]:
    could = row[UNFOLLOWED] + (following or 0)
    return {"block_rate": None if following is None else _ratio(row[UNFOLLOWED], could)}


def _grouped(things: Iterable[Any], name: Callable[[Any], str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for one in things:
        found[name(one)].append(one)
    return found


def _of(click: Click, by: str) -> str:
    return day(click.at) if by == "day" else getattr(click, by) or "-"


def _bought(row: _Row, who: Person, order: Order) -> None:
    row.sums["conversions"] += 1
    row.sums["revenue"] += order.left
    row.people["converters"].add(who.id)


def _finished(rows: dict[str, _Row], names: tuple[str, ...]) -> Rows:
    return {name: row.numbers(*names) for name, row in rows.items()}


def _row(by: str, one: Sent, variant: str, at: datetime) -> str:
    if by == "day":
        return day(one.at if one.kind == "broadcast" else at)
    if by == "segment":
        return one.segment or "-"
    if by == "variant":
        return f"{one.id}:{variant or '-'}"
    return f"scenario:{one.id}" + (f":{one.node}" if by == "step" else "") if one.node else one.id


def _delivery(row: _Row, by: str) -> dict[str, Any]:
    found: dict[str, Any] = row.numbers(
        *(
            "planned",
            "accepted",
            "by_reply",
            "skipped",
            "failed",
            "clicks",
            "clickers",
            "conversions",
            "converters",
        ),
        *("revenue", "blocked_after"),
    )
    found["click_rate"] = _ratio(found["clickers"], found["accepted"])
    found["cost_yen"] = (found["accepted"] - found["by_reply"]) * _YEN
    if by == "variant":
        del found["skipped"], found["failed"]
    return found


def _first(one: Person) -> datetime:
    return min(order.at for order in one.orders.values())


def _customers(people: Iterable[Person], name: Callable[[Person], str], always: Iterable[str]) -> Rows:
    groups = {key: list[Person]() for key in always} | _grouped(people, name)
    found: Rows = {}
    for row, inside in [*groups.items(), (TOTAL, [one for group in groups.values() for one in group])]:
        orders = [order for one in inside for order in one.kept]
        revenue = sum(order.left for order in orders)
        customers = [one for one in inside if one.kept]
        found[row] = {
            "friends": len(inside),
            "following": sum(one.status == "following" for one in inside),
            "orders": len(orders),
            "revenue": revenue,
            "ltv": _ratio(revenue, len(inside), 2),
            "repeat_rate": _ratio(sum(len(one.kept) > 1 for one in customers), len(customers)),
        }
    return found


def _cell(people: list[Person], mean: Callable[[Person], float | None] | None) -> float | None:
    if mean is None:
        return len(people)
    values = [value for value in map(mean, people) if value is not None]
    return sum(values) / len(values) if values else None
