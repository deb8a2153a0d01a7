"""What the mirror keeps of a sheet: one row of figures for each friend, and pairs by name. Pure.

``n`` is the friend's number in the mirror; it stays. Moments are Unix milliseconds, names and texts stand in
NFC as they are compared. What columns cannot say exactly (a moment that is none, a whole number beyond 2^53)
makes the friend ``odd``: judged by the predicate, always. ``sheets`` keeps the asked part of each sheet
whole, for that and for leaves that have no SQL.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from chalicelib.friends.marks import MARKED
from chalicelib.shared.text.folding import composed, fold
from chalicelib.shared.times import parse_iso, to_ms
from chalicelib.sheets import positions

FORMAT = 7
"""Raised with every change of the tables below or of ``friends.marks.MARKED``: snapshots are then made
anew."""

FRIENDS = {
    "n": "BIGINT",
    "shard": "INTEGER",
    "user_id": "VARCHAR",
    "mark": "VARCHAR",
    "beside": "VARCHAR",
    "odd": "BOOLEAN",
    "status": "VARCHAR",
    "language": "VARCHAR",
    "linked": "BOOLEAN",
    "rank": "VARCHAR",
    "followed_at": "BIGINT",
    "blocked_at": "BIGINT",
    "last_active_at": "BIGINT",
    "first_route": "VARCHAR",
    "latest_route": "VARCHAR",
    "name": "VARCHAR",
    "folded": "VARCHAR",
    "folded_id": "VARCHAR",
    "orders": "DOUBLE",
    "spent": "DOUBLE",
    "bought_first": "BIGINT",
    "bought_last": "BIGINT",
}
"""One row for each friend."""

LISTS: dict[str, dict[str, str]] = {
    "tags": {"name": "VARCHAR", "since": "BIGINT"},
    "scores": {"name": "VARCHAR", "value": "DOUBLE", "since": "BIGINT"},
    "attributes": {
        "name": "VARCHAR",
        "words": "VARCHAR",
        "number": "DOUBLE",
        "flag": "BOOLEAN",
        "many": "VARCHAR[]",
    },
    "facts": {"name": "VARCHAR", "times": "DOUBLE"},
    "days": {"name": "VARCHAR", "day": "VARCHAR", "times": "DOUBLE"},
    "bought": {
        "name": "VARCHAR",
        "category": "VARCHAR",
        "orders": "DOUBLE",
        "spent": "DOUBLE",
        "bought_first": "BIGINT",
        "bought_last": "BIGINT",
    },
    "forms": {"name": "VARCHAR", "answered": "BOOLEAN"},
    "topics": {"name": "VARCHAR", "is_out": "BOOLEAN"},
    "scenarios": {"name": "VARCHAR", "state": "VARCHAR"},
}
"""Pairs: any number of rows for each friend, sorted by name, so that a question reads only its own name."""

SHEETS = {"sheet": "VARCHAR"}
TABLES = {"friends": FRIENDS, **{t: {"n": "BIGINT", **c} for t, c in (LISTS | {"sheets": SHEETS}).items()}}
CATEGORY, PRODUCT = "c:", "p:"
"""How names in ``bought`` begin."""
_WHOLE = 2**53
KEPT = MARKED | {"user_id", "account"}
"""What of a sheet is kept whole."""


class _OddError(Exception):
    """Columns cannot say this exactly."""


def row(sheet: Mapping[str, Any], shard: int, mark: str | None) -> dict[str, Any]:
    """A friend as one record: the figures, a list for each table of pairs, and the sheet."""
    kept = {name: value for name, value in sheet.items() if name in KEPT}
    known = {"shard": shard, "user_id": sheet["user_id"], "mark": mark}
    known["sheet"] = orjson.dumps(kept, default=_whole_number).decode()
    try:
        return {**known, "odd": False, **_figures(sheet), **_pairs(sheet)}
    except (_OddError, ValueError, TypeError, KeyError, AttributeError):
        return {**known, "odd": True, "status": sheet.get("status"), **_named(sheet)}


def _whole_number(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(type(value))


def line(record: Mapping[str, Any]) -> bytes:
    """A record as a line of JSON."""
    return orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE)


def _named(sheet: Mapping[str, Any]) -> dict[str, Any]:
    name = sheet.get("display_name")
    folded = fold(name) if isinstance(name, str) else None
    return {"name": name, "folded": folded, "folded_id": fold(sheet["user_id"])}


def _figures(sheet: Mapping[str, Any]) -> dict[str, Any]:
    source = sheet.get("source") or {}
    return {
        "status": sheet.get("status"),
        "language": sheet.get("language"),
        "linked": sheet.get("member_id") is not None,
        "rank": _rank(sheet.get("member") or {}),
        "followed_at": _timestamp(sheet.get("followed_at")),
        "blocked_at": _timestamp(sheet.get("blocked_at")),
        "last_active_at": _timestamp(sheet.get("last_active_at")),
        "first_route": source.get("first"),
        "latest_route": source.get("latest"),
        **_named(sheet),
        **_bought(sheet.get("purchases") or {}),
    }


def _rank(member: Mapping[str, Any]) -> str | None:
    rank = member.get("rank")
    return composed(rank) if isinstance(rank, str) else None


def _bought(figures: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "orders": _number(figures.get("count", 0)),
        "spent": _number(figures.get("total", 0)),
        "bought_first": _timestamp(figures.get("first_at")),
        "bought_last": _timestamp(figures.get("last_at")),
    }


def _pairs(sheet: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "tags": [{"name": tag, "since": _timestamp(e.get("since"))} for tag, e in _map(sheet, "tags")],
        "scores": [
            {"name": score, "value": _tidy(e["value"]), "since": _timestamp(e["at"])}
            for score, e in _map(sheet, "scores")
        ],
        "attributes": [
            _attribute(name, value) for name, value in _map(sheet, "attributes") if value is not None
        ],
        "facts": [{"name": name, "times": _number(e["count"])} for name, e in _map(sheet, "facts")],
        "days": [
            {"name": name, "day": day, "times": _number(times)}
            for name, e in _map(sheet, "facts")
            for day, times in e.get("days", {}).items()
        ],
        "bought": list(_by_name(sheet.get("purchases") or {})),
        "forms": [{"name": form, "answered": e.get("at") is not None} for form, e in _map(sheet, "forms")],
        "topics": [{"name": topic, "is_out": e["out"]} for topic, e in _map(sheet, "topics")],
        "scenarios": [
            {"name": scenario, "state": (positions.together(found) or {}).get("state")}
            for scenario, found in positions.scenarios(sheet).items()
        ],
    }


def _map(sheet: Mapping[str, Any], name: str) -> Any:
    return (sheet.get(name) or {}).items()


def _by_name(purchases: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for prefix, kind in ((CATEGORY, "categories"), (PRODUCT, "products")):
        for name, figures in purchases.get(kind, {}).items():
            yield {"name": prefix + name, "category": figures.get("category"), **_bought(figures)}


def _attribute(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"name": name, "flag": value}
    if isinstance(value, str):
        return {"name": name, "words": composed(value)}
    if isinstance(value, int | float):
        return {"name": name, "number": _number(value)}
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return {"name": name, "many": [composed(one) for one in value]}
    raise _OddError(name)


_STORED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
"""How ``shared.times.iso`` writes a moment."""


def _timestamp(text: Any) -> int | None:
    return _milliseconds(text) if text else None


@functools.lru_cache(maxsize=4096)
def _milliseconds(text: str) -> int:
    """A sheet has the same moments many times: of a purchase in all, by category and by product."""
    if not _STORED.fullmatch(text):
        raise _OddError(text)
    return to_ms(parse_iso(text))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _WHOLE:
        raise _OddError(value)
    return float(value)


def _tidy(value: Any) -> float:
    """A score as it was stored: with nine digits, so that limits alone round nothing."""
    found = _number(value)
    if round(found, 9) != found:
        raise _OddError(value)
    return found
