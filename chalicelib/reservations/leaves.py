"""The leaf about reservations: what is to come, what became of them, how many there were."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.conditions import schemas, validators, windows
from chalicelib.conditions.comparisons import age, compare
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import iso
from chalicelib.sheets import reservations

_FIELDS: dict[str, validators.Check] = {
    "upcoming": validators.flag,
    "in_next": windows.length,
    "status": validators.one_of(*reservations.STATUSES),
    "within": windows.within,
    "count": validators.comparison,
}
_GOES_WITH = {"in_next": "upcoming", "within": "status"}


def _shape(value: Any, path: str) -> Iterable[Detail]:
    kinds = ("upcoming", "status", "count")
    yield from validators.fields(value, path, _FIELDS, exactly_one=kinds)
    if not isinstance(value, dict):
        return
    if value.get("upcoming") is False:
        yield Detail(f"{path}.upcoming", Reason("upcoming_true"))
    for name, other in _GOES_WITH.items():
        if name in value and other not in value:
            yield Detail(f"{path}.{name}", Reason("goes_with", name=other))


def _logic(value: Any, _snapshot: Any, path: str) -> Iterable[Detail]:
    yield from validators.reversed_between(value.get("count"), f"{path}.count")


def _build(value: Any, context: Context) -> Built:
    if "count" in value:
        enough = compare(value["count"])
        return Built(lambda sheet, _now: enough(reservations.count(sheet)), _count)
    if "upcoming" in value:
        return _upcoming(value.get("in_next"), context)
    return _of_status(value["status"], value.get("within"), context)


def _count(sheet: Sheet, _now: datetime) -> int:
    return reservations.count(sheet)


def _upcoming(in_next: str | None, context: Context) -> Built:
    """0 < at - now, and < the length that is given."""

    def until(now: datetime) -> str:
        try:
            return iso(windows.after(now, in_next, context.zone)) if in_next is not None else "~"
        except OverflowError:
            return "~"

    def seen(sheet: Sheet, now: datetime) -> str | None:
        """When the next one takes place."""
        return min((one["at"] for one in reservations.upcoming(sheet, iso(now))), default=None)

    def test(sheet: Sheet, now: datetime) -> bool:
        at = seen(sheet, now)
        return at is not None and at < until(now)

    return Built(test, seen)


def _of_status(status: str, within: str | None, context: Context) -> Built:
    recent = age({"within": within}, context.zone) if within is not None else None

    def seen(sheet: Sheet, now: datetime) -> str | None:
        """When the last of them took place (without ``within``: takes place)."""
        found = (one["at"] for one in reservations.of_sheet(sheet).values() if one["status"] == status)
        return max((at for at in found if recent is None or recent(at, now)), default=None)

    return Built(lambda sheet, now: seen(sheet, now) is not None, seen)


LEAVES: dict[str, Leaf] = {
    "reservation": Leaf(
        _shape,
        _build,
        ("reservations",),
        logic=_logic,
        schema=schemas.any_of(
            schemas.an_object({"upcoming": {"const": True}, "in_next": schemas.LENGTH}, ("upcoming",)),
            schemas.an_object(
                {"status": {"enum": list(reservations.STATUSES)}, "within": schemas.WITHIN}, ("status",)
            ),
            schemas.an_object({"count": schemas.NUMBERS}, ("count",)),
        ),
    ),
}
