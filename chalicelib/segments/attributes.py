"""The attribute leaf: what may be asked of each of the six types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import values
from chalicelib.friends.values import UnfitValue
from chalicelib.segments import shapes
from chalicelib.segments.comparisons import OPERATORS, PerMoment, compare, nfc
from chalicelib.segments.model import Built, Context, Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.times import local_date, parse_duration

_NONE: dict[str, Any] = {}
_NOTHING: dict[str, shapes.Check] = {}
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
    check = shapes.list_of(shapes.text) if isinstance(value, list) else shapes.scalar
    return check(value, path)


_OPERANDS: dict[str, shapes.Check] = {
    **shapes.operator(shapes.scalar),
    "eq": _scalar_or_list,
    "ne": _scalar_or_list,
    **dict.fromkeys(_TEXT, shapes.text),
    **dict.fromkeys(_LISTS, shapes.list_of(shapes.text)),
    **dict.fromkeys(_DAYS, shapes.whole_days()),
    "exists": shapes.flag,
}


def shape(value: Any, path: str) -> Iterable[Detail]:
    """``{id, one operator}``."""
    yield from shapes.fields(
        value, path, {"id": shapes.an_id, **_OPERANDS}, required=["id"], exactly_one=_OPERANDS
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
        yield Detail(f"{path}.{name}", f"{value['id']} is a {kind} attribute: use one of {allowed}")
        return
    if name not in (*_TEXT, *_DAYS):
        yield from _operand_fits(document.body, name, value[name], f"{path}.{name}")
        yield from shapes.reversed_between(value, path)


def _operand_fits(definition: dict[str, Any], name: str, operand: Any, path: str) -> Iterable[Detail]:
    whole = definition["type"] == "multi_choice" or name not in {"between", "in"}
    for one, where in [(operand, path)] if whole else [(o, f"{path}[{n}]") for n, o in enumerate(operand)]:
        try:
            values.check(definition, one, strict=True)
            if definition["type"] == "date" and not _PLAIN_DATE.match(one):
                yield Detail(where, "must be a date like 2026-11-22")
        except UnfitValue as error:
            yield Detail(where, error.details[0].message)


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
    days = parse_duration(length).days
    today = PerMoment(lambda now: local_date(now, context.zone))
    if name == "anniversary_in":
        return lambda found, now: _days_until_anniversary(date.fromisoformat(found), today(now)) < days
    if name == "in_next":
        ahead = PerMoment(lambda now: (today(now).isoformat(), _shifted(today(now), days - 1)))
        return lambda found, now: ahead(now)[0] <= found <= ahead(now)[1]
    back = PerMoment(lambda now: (_shifted(today(now), 1 - days), today(now).isoformat()))
    return lambda found, now: back(now)[0] <= found <= back(now)[1]


def _shifted(day: date, days: int) -> str:
    try:
        return (day + timedelta(days=days)).isoformat()
    except OverflowError:
        return "9999-12-31" if days > 0 else "0001-01-01"


def _days_until_anniversary(day: date, today: date) -> int:
    """Days until the same day of the year comes round (0 today); 29 February falls on the 28th otherwise."""
    for year in (today.year, today.year + 1):
        try:
            next_one = day.replace(year=year)
        except ValueError:
            next_one = date(year, 2, 28)
        if next_one >= today:
            return (next_one - today).days
    raise AssertionError("an anniversary comes every year")
