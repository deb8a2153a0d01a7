"""Leaves about what the friend bought: purchase, stage, rfm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import schemas, validators, windows
from chalicelib.conditions.comparisons import PerTime, age, age_in_ms, compare, day_start_in_ms, nfc
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import columns, sql
from chalicelib.mirror.sql import UNKNOWN
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import local_date, parse_iso, to_ms
from chalicelib.sheets.purchases import STAGES, Limits, limits_of, stage

_NONE: dict[str, Any] = {}
Part = Callable[[Mapping[str, Any], datetime], bool]


def _day_count(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 36_500:
        yield Detail(path, Reason("whole_days"))


_WHEN: dict[str, validators.Check] = {
    "within": windows.within,
    "before": windows.length,
    "days_ago": validators.pair_of(_day_count),
}


def _when(value: Any, path: str) -> Iterable[Detail]:
    yield from validators.fields(value, path, _WHEN, exactly_one=_WHEN)


_PURCHASE: dict[str, validators.Check] = {
    "category": validators.text,
    "product": validators.text,
    "count": validators.comparison,
    "total": validators.comparison,
    "last": _when,
    "first": _when,
}


def _purchase_shape(value: Any, path: str) -> Iterable[Detail]:
    yield from validators.fields(value, path, _PURCHASE)
    if value == {}:
        yield Detail(path, Reason("needs_one_of", choices=list(_PURCHASE)))


def _purchase_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    for name in ("count", "total"):
        yield from validators.reversed_between(value.get(name), f"{path}.{name}")
    for name in ("last", "first"):
        pair = value.get(name, _NONE).get("days_ago")
        if pair and pair[0] > pair[1]:
            yield Detail(f"{path}.{name}.days_ago", Reason("ends_turned"))


def _purchase_build(value: Any, context: Context) -> Built:
    category, product = value.get("category"), value.get("product")
    parts = [*_figure_parts(value), *_timestamp_parts(value, context)]
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


def _purchase_sql(value: Any, context: Context, now: datetime) -> sql.Part:
    category, product = value.get("category"), value.get("product")
    none = _purchase_build(value, context).test({}, now)
    if product is None and category is None:
        return sql.exact(_figures_sql(value, context, now, "f."))
    name = columns.PRODUCT + nfc(product) if product is not None else columns.CATEGORY + nfc(category)
    where = f"name = {sql.text(name)}"
    if product is not None and category is not None:
        where += f" AND category = {sql.text(nfc(category))}"
    return sql.among("bought", where, sql.exact(_figures_sql(value, context, now)), none=none)


def _figures_sql(value: Mapping[str, Any], context: Context, now: datetime, row: str = "") -> str:
    parts = [
        sql.compared(row + column, value[name])
        for name, column in (("count", "orders"), ("total", "spent"))
        if name in value
    ]
    parts += [
        sql.since(f"{row}bought_{name}", *age_in_ms(value[name], context.zone, now))
        for name in ("last", "first")
        if name in value
    ]
    return "(" + " AND ".join(parts or [f"{row}orders > 0"]) + ")"


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


def _timestamp_parts(value: Mapping[str, Any], context: Context) -> Iterable[Part]:
    for name in ("last", "first"):
        if name in value:
            fits = age(value[name], context.zone)
            yield lambda figures, now, at=f"{name}_at", fits=fits: fits(figures.get(at), now)  # type: ignore[misc]


# stage


def _stage_shape(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, dict):
        known = {"in": validators.list_of(validators.one_of(*STAGES)), "category": validators.text}
        yield from validators.fields(value, path, known, required=["in"])
    else:
        yield from validators.one_of(*STAGES)(value, path)


def _stage_parts(value: Any) -> tuple[list[str], str | None]:
    """The stages that are wanted, and the category in which."""
    if not isinstance(value, dict):
        return [value], None
    category = value.get("category")
    return value["in"], None if category is None else nfc(category)


def _stage_build(value: Any, context: Context) -> Built:
    (wanted, category), limits = _stage_parts(value), limits_of(context.snapshot)

    def seen(sheet: Sheet, now: datetime) -> str:
        return stage(sheet.get("purchases") or _NONE, now, limits, category)

    return Built(lambda sheet, now: seen(sheet, now) in wanted, seen)


def _stage_sql(value: Any, context: Context, now: datetime) -> sql.Part:
    (wanted, category), limits = _stage_parts(value), limits_of(context.snapshot)
    if not wanted:
        return sql.FALSE
    if limits.within is not None and not {"loyal", "repeat", "first"}.isdisjoint(wanted):
        return UNKNOWN
    if category is None:
        return sql.exact(_stage_row(wanted, limits, now, "f."))
    name, row = f"name = {sql.text(columns.CATEGORY + category)}", _stage_row(wanted, limits, now)
    return sql.among("bought", name, sql.exact(row), none="prospect" in wanted)


def _stage_row(wanted: list[str], limits: Limits, now: datetime, row: str = "") -> str:
    dormant = sql.since(f"{row}bought_last", None, _before_ms(now, limits.dormant_after))
    loyal = [f"{row}orders >= {limits.count}"] if limits.count is not None else []
    loyal += [f"{row}spent >= {sql.number(limits.total)}"] if limits.total is not None else []
    bought = f"WHEN {' AND '.join(loyal)} THEN 'loyal' WHEN {row}orders > 1 THEN 'repeat' ELSE 'first'"
    found = f"CASE WHEN {row}orders <= 0 THEN 'prospect' WHEN {dormant} THEN 'dormant' {bought} END"
    return f"({found} IN ({', '.join(map(sql.text, wanted))}))"


def _before_ms(now: datetime, length: timedelta) -> int | None:
    try:
        return to_ms(now - length)
    except OverflowError:
        return None


# rfm

_RANKS = {"r_rank": "r", "f_rank": "f", "m_rank": "m"}


def _rank(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 5:
        yield Detail(path, Reason("rank_wanted"))


def _ranks(value: Any, path: str) -> Iterable[Detail]:
    yield from validators.comparison(value, path, _rank)


def _rfm_shape(value: Any, path: str) -> Iterable[Detail]:
    known = {**dict.fromkeys("rfm", validators.comparison), **dict.fromkeys(_RANKS, _ranks)}
    yield from validators.fields(value, path, known)
    if value == {}:
        yield Detail(path, Reason("needs_one_of", choices=list(known)))


def _rfm_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    for name in value:
        yield from validators.reversed_between(value[name], f"{path}.{name}")


def _bounds(context: Context) -> dict[str, list[float]]:
    """The least values of ranks 2 to 5; none before they were computed first."""
    document = context.snapshot.find("rfm", "default")
    return document.body if document else {}


def _rfm_build(value: Any, context: Context) -> Built:
    matches = {name: compare(value[name]) for name in value}
    today = PerTime(lambda now: local_date(now, context.zone))
    bounds = {rank: _bounds(context).get(of) for rank, of in _RANKS.items() if rank in value}

    def seen(sheet: Sheet, now: datetime) -> dict[str, Any]:
        purchases = sheet.get("purchases") or _NONE
        last_at, count = purchases.get("last_at"), purchases.get("count", 0)
        days = (today(now) - local_date(parse_iso(last_at), context.zone)).days if last_at else None
        found = {"r": days, "f": count, "m": purchases.get("total", 0)}
        if bounds:
            of = {
                "r_rank": to_ms(parse_iso(last_at)) if last_at else 0,
                "f_rank": count,
                "m_rank": found["m"],
            }
            found |= {rank: _rank_of(of[rank], b) if count > 0 else None for rank, b in bounds.items()}
        return found

    def test(sheet: Sheet, now: datetime) -> bool:
        values = seen(sheet, now)
        return all(values[name] is not None and fits(values[name]) for name, fits in matches.items())

    return Built(test, seen)


def _rank_of(value: float, bounds: list[float] | None) -> int | None:
    return None if bounds is None else 1 + sum(value >= bound for bound in bounds)


def _rfm_sql(value: Any, context: Context, now: datetime) -> sql.Part:
    columns_of = {"f": "f.orders", "m": "f.spent"}
    parts = [sql.exact(sql.compared(column, value[n])) for n, column in columns_of.items() if n in value]
    if "r" in value:
        parts.append(_days_since_sql(value["r"], context, now))
    parts += [_rank_sql(of, value[rank], context) for rank, of in _RANKS.items() if rank in value]
    return sql.every(parts)


def _rank_sql(of: str, cmp: Mapping[str, Any], context: Context) -> sql.Part:
    bounds = _bounds(context).get(of)
    if bounds is None:
        return sql.FALSE
    column = {"r": "f.bought_last", "f": "f.orders", "m": "f.spent"}[of]
    counted = " + ".join(
        ["1", *(f"CAST({sql.known(f'{column} >= {sql.number(bound)}')} AS INTEGER)" for bound in bounds)]
    )
    return sql.exact(f"(f.orders > 0 AND {sql.compared(f'({counted})', cmp)})")


_MOST_DAYS = 300_000


def _days_since_sql(cmp: Mapping[str, Any], context: Context, now: datetime) -> sql.Part:
    """Whole local days since the last purchase: what they are compared with, as timestamps."""
    name = sql.operator(cmp)
    operand = cmp[name]
    if name in {"between", "in"}:
        sides = (
            [{"gte": operand[0]}, {"lte": operand[1]}] if name == "between" else [{"eq": o} for o in operand]
        )
        return (sql.every if name == "between" else sql.some)(
            [_days_since_sql(side, context, now) for side in sides]
        )
    if abs(operand) > _MOST_DAYS:
        return UNKNOWN
    down, up = math.floor(operand), math.ceil(operand)
    least = {"eq": up, "ne": up, "gt": down + 1, "gte": up}.get(name)
    most = {"eq": down, "ne": down, "lt": up - 1, "lte": down}.get(name)
    parts = ["f.bought_last IS NOT NULL"]
    if least is not None:
        parts.append(f"f.bought_last < {day_start_in_ms(now, context.zone, least - 1)}")
    if most is not None:
        parts.append(f"f.bought_last >= {day_start_in_ms(now, context.zone, most)}")
    same = " AND ".join(parts)
    return sql.exact(f"(f.bought_last IS NOT NULL AND NOT ({same}))" if name == "ne" else f"({same})")


LEAVES: dict[str, Leaf] = {
    "purchase": Leaf(
        _purchase_shape,
        _purchase_build,
        ("purchases",),
        logic=_purchase_logic,
        to_sql=_purchase_sql,
        schema=schemas.an_object(
            {
                "category": schemas.TEXT,
                "product": schemas.TEXT,
                "count": schemas.NUMBERS,
                "total": schemas.NUMBERS,
                "last": schemas.BOUGHT_AT,
                "first": schemas.BOUGHT_AT,
            }
        ),
    ),
    "stage": Leaf(
        _stage_shape,
        _stage_build,
        ("purchases",),
        to_sql=_stage_sql,
        schema=schemas.any_of(
            schemas.STAGE,
            schemas.an_object({"in": schemas.a_list(schemas.STAGE), "category": schemas.TEXT}, ("in",)),
        ),
    ),
    "rfm": Leaf(
        _rfm_shape,
        _rfm_build,
        ("purchases",),
        logic=_rfm_logic,
        to_sql=_rfm_sql,
        schema=schemas.an_object(dict.fromkeys((*"rfm", *_RANKS), schemas.NUMBERS)),
    ),
}
