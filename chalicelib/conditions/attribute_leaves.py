"""The attribute leaf: what may be asked of each of the six types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import validators, windows
from chalicelib.conditions.comparisons import OPERATORS, PerTime, compare, nfc
from chalicelib.conditions.model import Built, Context
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.sql import Part
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import local_date
from chalicelib.sheets import values
from chalicelib.sheets.values import UnfitValue

_NONE: dict[str, Any] = {}
_TEXT = ("contains", "starts_with")
_LISTS = ("has_any", "has_all")
_PLAIN_DATE = re.compile(r"\d{4}-\d{2}-\d{2}\Z", re.ASCII)
_DAYS = ("in_next", "in_last", "anniversary_in")

ALLOWED: dict[str, tuple[str, ...]] = {
    "text": (*OPERATORS, *_TEXT),
    "number": OPERATORS,
    "boolean": ("eq", "ne", "in"),
    "date": (*OPERATORS, *_DAYS),
    "choice": ("eq", "ne", "in"),
    "multi_choice": ("eq", "ne", *_LISTS),
}
"""The operators of each type; ``exists`` goes with every type."""

Test = Callable[[Any, datetime], bool]


def _scalar_or_list(value: Any, path: str) -> Iterable[Detail]:
    check = validators.list_of(validators.text) if isinstance(value, list) else validators.scalar
    return check(value, path)


_OPERANDS: dict[str, validators.Check] = {
    **validators.operator(validators.scalar),
    "eq": _scalar_or_list,
    "ne": _scalar_or_list,
    **dict.fromkeys(_TEXT, validators.text),
    **dict.fromkeys(_LISTS, validators.list_of(validators.text)),
    **dict.fromkeys(_DAYS, windows.days),
    "anniversary_in": windows.anniversary,
    "exists": validators.flag,
}


def shape(value: Any, path: str) -> Iterable[Detail]:
    """``{id, one operator}``."""
    yield from validators.fields(
        value, path, {"id": validators.an_id, **_OPERANDS}, required=["id"], exactly_one=_OPERANDS
    )


def logic(value: Any, snapshot: Snapshot, path: str) -> Iterable[Detail]:
    """The operator must go with the attribute's type, and the operand must be a value it can have."""
    document = snapshot.find("attributes", value["id"])
    if document is None:
        return
    kind = document.body["type"]
    name = _operator(value)
    if name == "exists":
        return
    if name not in ALLOWED[kind]:
        allowed = ", ".join((*ALLOWED[kind], "exists"))
        yield Detail(
            f"{path}.{name}", Reason("attribute_operator", id=value["id"], kind=kind, allowed=allowed)
        )
        return
    if name not in (*_TEXT, *_DAYS):
        yield from _operand_fits(document.body, name, value[name], f"{path}.{name}")
        yield from validators.reversed_between(value, path)


def _operand_fits(definition: dict[str, Any], name: str, operand: Any, path: str) -> Iterable[Detail]:
    whole = definition["type"] == "multi_choice" or name not in {"between", "in"}
    for one, where in [(operand, path)] if whole else [(o, f"{path}[{n}]") for n, o in enumerate(operand)]:
        try:
            values.check(definition, one, strict=True)
            if definition["type"] == "date" and not _PLAIN_DATE.match(one):
                yield Detail(where, Reason("must_be_date"))
        except UnfitValue as error:
            yield Detail(where, error.details[0].reason)


def _operator(value: dict[str, Any]) -> str:
    return next(name for name in value if name != "id")


def build(value: Any, context: Context) -> Built:
    """Missing is false; so is a value left over from before the attribute's type changed."""
    attribute, name = value["id"], _operator(value)
    document = context.snapshot.find("attributes", attribute)
    kind = document.body["type"] if document else None

    def seen(sheet: Sheet, _now: datetime) -> Any:
        return (sheet.get("attributes") or _NONE).get(attribute)

    if name == "exists":
        wanted = value["exists"]
        return Built(lambda sheet, now: (seen(sheet, now) is not None) is wanted, seen)
    classes = _CLASSES.get(kind or "", ())
    test = _test(kind or "", name, value, context)

    def holds(sheet: Sheet, now: datetime) -> bool:
        found = seen(sheet, now)
        return found.__class__ in classes and test(found, now)

    return Built(holds, seen)


def to_sql(value: Any, context: Context, now: datetime) -> Part:
    """The same in the mirror's columns: each type has one of its own."""
    attribute, name = value["id"], _operator(value)
    where = f"name = {sql.text(attribute)}"
    if name == "exists":
        there = sql.among("attributes", where, sql.TRUE)
        return there if value["exists"] else sql.opposite(there)
    document = context.snapshot.find("attributes", attribute)
    kind = document.body["type"] if document else ""
    if kind not in _COLUMNS:
        return sql.FALSE
    holds = sql.known(_holds_sql(kind, name, value, local_date(now, context.zone)))
    return sql.among("attributes", where, sql.exact(holds))


_COLUMNS = {
    **dict.fromkeys(("text", "date", "choice"), "words"),
    "number": "number",
    "boolean": "flag",
    "multi_choice": "many",
}


def _holds_sql(kind: str, name: str, value: dict[str, Any], today: date) -> str:
    column, operand = _COLUMNS[kind], value[name]
    if name in _TEXT:
        return f"{name}({column}, {sql.literal(operand)})"
    if name in _DAYS:
        return _days_sql(name, operand, today)
    if kind != "multi_choice":
        return sql.compared(column, value)
    wanted = sql.texts(operand)
    any_, all_ = f"list_has_any({column}, {wanted})", f"list_has_all({column}, {wanted})"
    if name in _LISTS:
        return any_ if name == "has_any" else all_
    same = f"({all_} AND list_has_all({wanted}, {column}))"
    return same if name == "eq" else f"(NOT {same})"


def _days_sql(name: str, length: str, today: date) -> str:
    if name == "anniversary_in":
        first, last = _ahead(length, today)
        leap_year = (date(2000, 1, 1) + timedelta(days=n) for n in range(366))
        near = [f"{day:%m-%d}" for day in leap_year if _anniversary(day, first) <= last]
        return f"substr(words, 6) IN ({', '.join(map(sql.text, near))})" if near else "false"
    low, high = _days(name, length, today)
    return f"(words >= {sql.text(low)} AND words <= {sql.text(high)})"


_CLASSES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "boolean": (bool,),
    "date": (str,),
    "choice": (str,),
    "multi_choice": (list,),
}


def _test(kind: str, name: str, value: dict[str, Any], context: Context) -> Test:
    operand = value[name]
    if name in _TEXT:
        wanted = nfc(operand)
        if name == "contains":
            return lambda found, _now: wanted in nfc(found)
        return lambda found, _now: nfc(found).startswith(wanted)
    if name in _DAYS:
        return _days_test(name, operand, context)
    if kind == "multi_choice":
        return _set_test(name, frozenset(map(nfc, operand)))
    matches = compare(value)
    if kind in {"text", "choice"}:
        return lambda found, _now: matches(nfc(found))
    return lambda found, _now: matches(found)


def _set_test(name: str, wanted: frozenset[str]) -> Test:
    if name == "has_any":
        return lambda found, _now: not wanted.isdisjoint(map(nfc, found))
    if name == "has_all":
        return lambda found, _now: wanted.issubset(map(nfc, found))
    return lambda found, _now: (frozenset(map(nfc, found)) == wanted) is (name == "eq")


def _days_test(name: str, length: str, context: Context) -> Test:
    """``in_next 7d``: today or one of the 6 days after; ``in_last``: today or one of the 6 before."""
    today = PerTime(lambda now: local_date(now, context.zone))
    if name == "anniversary_in":
        ahead = PerTime(lambda now: _ahead(length, today(now)))

        def comes_round(found: Any, now: datetime) -> bool:
            first, last = ahead(now)
            return _anniversary(date.fromisoformat(found), first) <= last

        return comes_round
    between = PerTime(lambda now: _days(name, length, today(now)))
    return lambda found, now: between(now)[0] <= found <= between(now)[1]


def _days(name: str, length: str, today: date) -> tuple[str, str]:
    """The first and the last day that are meant; of those beyond the calendar, its end."""
    try:
        first, last = (windows.next_days if name == "in_next" else windows.last_days)(length, today)
        return first.isoformat(), last.isoformat()
    except OverflowError:
        return (today.isoformat(), "9999-12-31") if name == "in_next" else ("0001-01-01", today.isoformat())


def _ahead(length: str, today: date) -> tuple[date, date]:
    try:
        return windows.next_days(length, today)
    except OverflowError:
        return today, date.max


def _anniversary(day: date, since: date) -> date:
    """When the same day of the year comes round from a day on; 29 February falls on the 28th otherwise."""
    for year in (since.year, since.year + 1):
        try:
            next_one = day.replace(year=year)
        except ValueError:
            next_one = date(year, 2, 28)
        if next_one >= since:
            return next_one
    raise AssertionError("an anniversary comes every year")
