"""The leaf about the friend's member: whether there is one, and of which rank."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.conditions import schemas, validators
from chalicelib.conditions.comparisons import compare
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.sql import Part
from chalicelib.shared.errors import Detail


def _rank_shape(value: Any, path: str) -> Iterable[Detail]:
    yield from validators.comparison(value, path, validators.text)


_FIELDS: dict[str, validators.Check] = {"linked": validators.flag, "rank": _rank_shape}


def _logic(value: Any, _snapshot: Any, path: str) -> Iterable[Detail]:
    if "rank" in value:
        yield from validators.reversed_between(value["rank"], f"{path}.rank")


def _rank(sheet: Sheet, _now: datetime) -> Any:
    return (sheet.get("member") or {}).get("rank")


def _member_id(sheet: Sheet, _now: datetime) -> Any:
    return sheet.get("member_id")


def _build(value: Any, _context: Context) -> Built:
    if "linked" in value:
        wanted = value["linked"]
        return Built(lambda sheet, now: (_member_id(sheet, now) is not None) is wanted, _member_id)
    matches = compare(value["rank"])

    def test(sheet: Sheet, now: datetime) -> bool:
        rank = _rank(sheet, now)
        return rank is not None and matches(rank)

    return Built(test, _rank)


def _sql(value: Any, _context: Context, _now: datetime) -> Part:
    if "linked" in value:
        return sql.exact("f.linked" if value["linked"] else "(NOT f.linked)")
    return sql.exact(sql.known(sql.compared("f.rank", value["rank"])))


LEAVES: dict[str, Leaf] = {
    "member": Leaf(
        lambda value, path: validators.fields(value, path, _FIELDS, exactly_one=_FIELDS),
        _build,
        ("member_id", "member"),
        logic=_logic,
        to_sql=_sql,
        schema=schemas.any_of(
            schemas.an_object({"linked": schemas.FLAG}, ("linked",)),
            schemas.an_object({"rank": schemas.TEXTS}, ("rank",)),
        ),
    ),
}
