"""In which orders friends can be listed: each key in the mirror's columns, and of a sheet."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.reader import Order, Pairs
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.times import parse_iso, to_ms
from chalicelib.sheets.scores import logarithm_sql, score_value, value_sql

SHARD = "shard"
"""The order of the table itself."""
SCORE = "score:"
TIMESTAMPS = ("last_active", "followed_at")
"""Sorts whose keys are Unix milliseconds here."""


def order(sort: str, direction: str, context: Context, shards: int, now: datetime) -> Order:
    """An order by its name (a sort of ``search``, or ``SHARD``); missing values come last."""
    descending = direction == "desc"
    if sort.startswith(SCORE):
        return _by_score(sort.removeprefix(SCORE), context, now, descending=descending)
    column, of = {
        "last_active": ("f.last_active_at", _timestamp("last_active_at")),
        "followed_at": ("f.followed_at", _timestamp("followed_at")),
        "display_name": ("f.name", lambda sheet: sheet.get("display_name")),
        "purchases.total": ("f.spent", lambda sheet: float((sheet.get("purchases") or {}).get("total", 0))),
        SHARD: ("f.shard", lambda sheet: friend_shard(sheet["user_id"], shards)),
    }[sort]
    return Order(column, of, descending=descending)


def _timestamp(name: str) -> Callable[[Sheet], Any]:
    def of(sheet: Sheet) -> Any:
        at = cast("dict[str, Any]", sheet).get(name)
        return to_ms(parse_iso(at)) if at else None

    return of


def _by_score(score: str, context: Context, now: datetime, *, descending: bool) -> Order:
    document = context.snapshot.find("scores", score)
    definition = document.body if document else {}
    worth, _ = value_sql(definition, "p.value", "p.since", now)

    def of(sheet: Sheet) -> Any:
        entry = (sheet.get("scores") or {}).get(score)
        return score_value(entry, definition, now) if entry else None

    log2 = logarithm_sql(definition, "p.weight", "p.since", now)
    pairs = Pairs("scores", f"p.name = {sql.text(score)}", log2)
    return Order(f"round({worth}, 9)", of, descending=descending, pairs=pairs)
