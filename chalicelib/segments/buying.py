"""Leaves about what the friend bought: purchase, stage, rfm."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends.purchases import STAGES, stage
from chalicelib.segments import shapes
from chalicelib.segments.comparisons import PerMoment, age, compare, nfc
from chalicelib.segments.model import Built, Context, Leaf, Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.times import local_date, parse_iso

_NONE: dict[str, Any] = {}
Part = Callable[[Mapping[str, Any], datetime], bool]


def _day_count(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 36_500:
        yield Detail(path, "must be a whole number of days")


_WHEN: dict[str, shapes.Check] = {
    "within": shapes.duration,
    "before": shapes.duration,
    "days_ago": shapes.pair_of(_day_count),
}


def _when(value: Any, path: str) -> Iterable[Detail]:
    yield from shapes.fields(value, path, _WHEN, exactly_one=_WHEN)


_PURCHASE: dict[str, shapes.Check] = {
    "category": shapes.text,
    "product": shapes.text,
    "count": shapes.comparison,
    "total": shapes.comparison,
    "last": _when,
    "first": _when,
}


def _purchase_shape(value: Any, path: str) -> Iterable[Detail]:
    yield from shapes.fields(value, path, _PURCHASE)
    if value == {}:
        yield Detail(path, "needs at least one of " + ", ".join(_PURCHASE))


def _purchase_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    for name in ("count", "total"):
        yield from shapes.reversed_between(value.get(name), f"{path}.{name}")
    for name in ("last", "first"):
        pair = value.get(name, _NONE).get("days_ago")
        if pair and pair[0] > pair[1]:
            yield Detail(f"{path}.{name}.days_ago", "the first end must not be above the second")


def _purchase_build(value: Any, context: Context) -> Built:
    category, product = value.get("category"), value.get("product")
    parts = [*_figure_parts(value), *_moment_parts(value, context)]
    if not parts:
        parts = [lambda figures, _now: figures.get("count", 0) > 0]

    def figures_of(sheet: Sheet) -> Mapping[str, Any]:
        return _figures(sheet.get("purchases") or _NONE, category and nfc(category), product and nfc(product))

    def seen(sheet: Sheet, _now: datetime) -> dict[str, Any]:
        figures = figures_of(sheet)
        return {
            "count": figures.get("count", 0),
            "total": figures.get("total", 0),
            "first_at": figures.get("first_at"),
            "last_at": figures.get("last_at"),
        }

    def test(sheet: Sheet, now: datetime) -> bool:
        figures = figures_of(sheet)
        return all(part(figures, now) for part in parts)

    return Built(test, seen)


def _figures(purchases: Mapping[str, Any], category: str | None, product: str | None) -> Mapping[str, Any]:
    """The running figures of everything, of a category, of a product, or of a product in a category."""
    if product is not None:
        figures: Mapping[str, Any] = purchases.get("products", _NONE).get(product) or _NONE
        return figures if category is None or figures.get("category") == category else _NONE
    if category is not None:
        return purchases.get("categories", _NONE).get(category) or _NONE
    return purchases


def _figure_parts(value: Mapping[str, Any]) -> Iterable[Part]:
    for name in ("count", "total"):
        if name in value:
            matches = compare(value[name])
            yield lambda figures, _now, name=name, matches=matches: matches(figures.get(name, 0))  # type: ignore[misc]


def _moment_parts(value: Mapping[str, Any], context: Context) -> Iterable[Part]:
    for name in ("last", "first"):
        if name in value:
            fits = age(value[name], context.zone)
            yield lambda figures, now, at=f"{name}_at", fits=fits: fits(figures.get(at), now)  # type: ignore[misc]


# stage


def _stage_shape(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, dict):
        known = {"in": shapes.list_of(shapes.one_of(*STAGES))}
        yield from shapes.fields(value, path, known, required=["in"])
    else:
        yield from shapes.one_of(*STAGES)(value, path)


def _stage_build(value: Any, _context: Context) -> Built:
    wanted = frozenset(value["in"] if isinstance(value, dict) else [value])

    def seen(sheet: Sheet, now: datetime) -> str:
        return stage(sheet.get("purchases") or _NONE, now)

    return Built(lambda sheet, now: seen(sheet, now) in wanted, seen)


# rfm


def _rfm_shape(value: Any, path: str) -> Iterable[Detail]:
    yield from shapes.fields(value, path, dict.fromkeys("rfm", shapes.comparison))
    if value == {}:
        yield Detail(path, "needs at least one of r, f, m")


def _rfm_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    for name in value:
        yield from shapes.reversed_between(value[name], f"{path}.{name}")


def _rfm_build(value: Any, context: Context) -> Built:
    matches = {name: compare(value[name]) for name in value}
    today = PerMoment(lambda now: local_date(now, context.zone))

    def seen(sheet: Sheet, now: datetime) -> dict[str, Any]:
        purchases = sheet.get("purchases") or _NONE
        last_at = purchases.get("last_at")
        days = (today(now) - local_date(parse_iso(last_at), context.zone)).days if last_at else None
        return {"r": days, "f": purchases.get("count", 0), "m": purchases.get("total", 0)}

    def test(sheet: Sheet, now: datetime) -> bool:
        values = seen(sheet, now)
        return all(values[name] is not None and fits(values[name]) for name, fits in matches.items())

    return Built(test, seen)


LEAVES: dict[str, Leaf] = {
    "purchase": Leaf(_purchase_shape, _purchase_build, ("purchases",), logic=_purchase_logic),
    "stage": Leaf(_stage_shape, _stage_build, ("purchases",)),
    "rfm": Leaf(_rfm_shape, _rfm_build, ("purchases",), logic=_rfm_logic),
}
