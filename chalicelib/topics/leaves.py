"""The leaf about topics: whether the friend is out of one."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.conditions import schemas, validators
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.sql import Part
from chalicelib.topics import consent


def _references(value: str, path: str) -> Iterable[Reference]:
    yield Reference(path, "topics", value)


def _build(value: str, context: Context) -> Built:
    def seen(sheet: Sheet, _now: datetime) -> Any:
        entry = (sheet.get("topics") or {}).get(value)
        return {consent.OUT if entry["out"] else consent.IN: entry["since"]} if entry else None

    by_default = consent.is_out_by_default(value, context.snapshot)

    def test(sheet: Sheet, _now: datetime) -> bool:
        entry = (sheet.get("topics") or {}).get(value)
        return by_default if entry is None else bool(entry["out"])

    return Built(test, seen)


def _sql(value: str, context: Context, _now: datetime) -> Part:
    by_default = consent.is_out_by_default(value, context.snapshot)
    return sql.among("topics", f"name = {sql.text(value)}", sql.exact("is_out"), none=by_default)


LEAVES: dict[str, Leaf] = {
    "opted_out": Leaf(validators.an_id, _build, ("topics",), _references, schema=schemas.TEXT, to_sql=_sql)
}
