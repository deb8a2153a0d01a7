"""What the mirror keeps of a sheet: one row of figures for each friend, and pairs by name. Pure.

``n`` is the friend's number in the mirror; it stays. Timestamps are Unix milliseconds, names and texts are in
NFC as they are compared. What columns cannot say exactly (a broken timestamp, a whole number beyond 2^53)
makes the friend ``odd``: judged by the predicate, always. ``sheets`` keeps the asked part of each sheet
whole, for that and for leaves that have no SQL.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

import orjson

from chalicelib.friends.marks import MARKED
from chalicelib.shared.text.folding import composed, fold
from chalicelib.shared.times import to_ms
from chalicelib.sheets import positions

FORMAT = 9
"""Raised with every change of the tables below or of ``friends.marks.MARKED``: snapshots are then made
anew."""

FRIENDS = {
    "n": "BIGINT",
    "shard": "INTEGER",
    "user_id": "VARCHAR",
    "mark": "VARCHAR",
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
    "orders": "DOUBLE",
    "spent": "DOUBLE",
    "bought_first": "BIGINT",
    "bought_last": "BIGINT",
    "name": "VARCHAR",
    "folded": "VARCHAR",
    "folded_id": "VARCHAR",
}
"""One row for each friend."""

LISTS: dict[str, dict[str, str]] = {
    "tags": {"name": "VARCHAR", "since": "BIGINT"},
    "scores": {"name": "VARCHAR", "value": "DOUBLE", "since": "BIGINT", "weight": "DOUBLE"},
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
WEIGHTLESS = -1e300
"""The ``weight`` of no points and fewer, lighter than any."""
CATEGORY, PRODUCT = "c:", "p:"
"""How names in ``bought`` begin."""
_WHOLE = 2**53
KEPT = MARKED | {"user_id", "account"}
"""What of a sheet is kept whole."""


class _OddError(Exception):
    """Columns cannot say this exactly."""


Values: TypeAlias = Sequence[Any]
"""The values of some rows one after another, each in the order of its table's columns: of a million friends
there are some sixty million, and objects between them would take longer than the values.
"""


def rows(sheet: Mapping[str, Any], n: int, shard: int, mark: str | None) -> dict[str, Values]:
    """A friend's rows in each table that has any, but for the sheet itself."""
    known = (n, shard, sheet["user_id"], mark)
    try:
        return {**_pairs(sheet, n), "friends": (*known, False, *_figures(sheet), *_named(sheet))}
    except (_OddError, ValueError, TypeError, KeyError, AttributeError):
        return {"friends": (*known, True, sheet.get("status"), *_UNKNOWN, *_named(sheet))}


def kept(sheet: Mapping[str, Any]) -> bytes:
    """What is kept of a sheet whole, as JSON on one line."""
    return orjson.dumps({name: sheet[name] for name in sheet if name in KEPT}, default=_whole_number)


def _whole_number(value: Any) -> Any:
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(type(value))


def _named(sheet: Mapping[str, Any]) -> Values:
    name = sheet.get("display_name")
    return name, fold(name) if isinstance(name, str) else None, fold(sheet["user_id"])


def _figures(sheet: Mapping[str, Any]) -> Values:
    source = sheet.get("source") or _NONE
    return (
        sheet.get("status"),
        sheet.get("language"),
        sheet.get("member_id") is not None,
        _rank(sheet.get("member") or _NONE),
        _timestamp(sheet.get("followed_at")),
        _timestamp(sheet.get("blocked_at")),
        _timestamp(sheet.get("last_active_at")),
        source.get("first"),
        source.get("latest"),
        *_bought(sheet.get("purchases") or _NONE),
    )


_NONE: Mapping[str, Any] = {}
_UNKNOWN: Values = (None,) * 12
"""The figures of who is odd, but for the status."""


def _rank(member: Mapping[str, Any]) -> str | None:
    rank = member.get("rank")
    return composed(rank) if isinstance(rank, str) else None


def _bought(figures: Mapping[str, Any]) -> Values:
    if not figures:
        return _NOTHING
    return (
        _number(figures.get("count", 0)),
        _number(figures.get("total", 0)),
        _timestamp(figures.get("first_at")),
        _timestamp(figures.get("last_at")),
    )


_NOTHING: Values = (0.0, 0.0, None, None)


def _pairs(sheet: Mapping[str, Any], n: int) -> dict[str, Values]:
    found: dict[str, Values] = {}
    for of, tables in _PAIRS.items():
        if values := sheet.get(of):
            for table, make in tables.items():
                found[table] = make(n, values)
    return found


def _tags(n: int, tags: Mapping[str, Any]) -> Values:
    return [value for tag, has in tags.items() for value in (n, tag, _timestamp(has.get("since")))]


def _scores(n: int, scores: Mapping[str, Any]) -> Values:
    return [value for score, points in scores.items() for value in (n, score, *_score(points))]


def _score(entry: Mapping[str, Any]) -> Values:
    points = _tidy(entry["value"])
    return points, _timestamp(entry["at"]), _weight(points)


def _weight(points: float) -> float:
    """The logarithm to base two: decay only takes from it, where it would take powers from points."""
    return math.log2(points) if points > 0 else WEIGHTLESS


def _attributes(n: int, attributes: Mapping[str, Any]) -> Values:
    return [
        one
        for name, value in attributes.items()
        if value is not None
        for one in (n, name, *_attribute(name, value))
    ]


def _attribute(name: str, value: Any) -> Values:
    if isinstance(value, str):
        return composed(value), None, None, None
    if isinstance(value, bool):
        return None, None, value, None
    if isinstance(value, int | float):
        return None, _number(value), None, None
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return None, None, None, [composed(one) for one in value]
    raise _OddError(name)


def _facts(n: int, facts: Mapping[str, Any]) -> Values:
    return [value for name, fact in facts.items() for value in (n, name, _number(fact["count"]))]


def _days(n: int, facts: Mapping[str, Any]) -> Values:
    return [
        value
        for name, fact in facts.items()
        for day, times in fact.get("days", _NONE).items()
        for value in (n, name, day, _number(times))
    ]


def _by_name(n: int, purchases: Mapping[str, Any]) -> Values:
    return [
        value
        for prefix, kind in ((CATEGORY, "categories"), (PRODUCT, "products"))
        for name, figures in purchases.get(kind, _NONE).items()
        for value in (n, prefix + name, figures.get("category"), *_bought(figures))
    ]


def _forms(n: int, forms: Mapping[str, Any]) -> Values:
    return [value for form, has in forms.items() for value in (n, form, has.get("at") is not None)]


def _topics(n: int, topics: Mapping[str, Any]) -> Values:
    return [value for topic, has in topics.items() for value in (n, topic, has["out"])]


def _scenarios(n: int, shown: Mapping[str, Any]) -> Values:
    return [
        value
        for scenario, runs in positions.scenarios({"scenarios": shown}).items()
        for value in (n, scenario, (positions.together(runs) or _NONE).get("state"))
    ]


_PAIRS: dict[str, dict[str, Callable[[int, Mapping[str, Any]], Values]]] = {
    "tags": {"tags": _tags},
    "scores": {"scores": _scores},
    "attributes": {"attributes": _attributes},
    "facts": {"facts": _facts, "days": _days},
    "purchases": {"bought": _by_name},
    "forms": {"forms": _forms},
    "topics": {"topics": _topics},
    "scenarios": {"scenarios": _scenarios},
}
"""The maps on a sheet, and the tables that their entries are in."""


_STORED = re.compile(r"[1-9]\d{3}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII).fullmatch
"""How ``shared.times.iso`` writes a timestamp."""


def _timestamp(text: Any) -> int | None:
    if not text:
        return None
    if not _STORED(text):
        raise _OddError(text)
    return to_ms(datetime.fromisoformat(text))


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
