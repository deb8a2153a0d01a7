"""Random conditions, each with what it means in SQL over the company's books."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from tests.e2e.books.company import CATEGORIES, PRODUCTS, RANKS, SKINS, TAG_IDS, WISHES

_DAY = 86_400_000
_TOKYO = 9 * 3_600_000
_OPERATORS = {"eq": "=", "ne": "<>", "gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclass(frozen=True)
class Question:
    """A condition, the SQL that is true of a row ``f`` of friends (``:now`` in ms), and whether a status is
    asked for anywhere in it.
    """

    condition: dict[str, Any]
    sql: str
    asks_status: bool = False

    def count_sql(self) -> str:
        """How many friends are meant."""
        meant = "" if self.asks_status else " AND f.status = 'following'"
        return f"SELECT count(*) FROM friends f WHERE ({self.sql}){meant}"


def draw(dice: random.Random, depth: int = 3) -> Question:
    """A condition of leaves below all, any and not."""
    if depth == 0 or dice.random() < 0.25:
        return dice.choice(_LEAVES)(dice)
    key = dice.choice(("all", "any", "not"))
    if key == "not":
        inner = draw(dice, depth - 1)
        return Question({"not": inner.condition}, f"NOT ({inner.sql})", inner.asks_status)
    parts = [draw(dice, depth - 1) for _ in range(dice.randrange(2, 4))]
    joined = (" AND " if key == "all" else " OR ").join(f"({part.sql})" for part in parts)
    return Question({key: [p.condition for p in parts]}, joined, any(p.asks_status for p in parts))


def _compared(dice: random.Random, of: str, values: range) -> tuple[dict[str, Any], str]:
    """``cmp`` and what it says of an expression; of NULL nothing is true."""
    if dice.random() < 0.2:
        low, high = sorted((dice.choice(values), dice.choice(values)))
        return {"between": [low, high]}, f"coalesce({of} BETWEEN {low} AND {high}, 0)"
    name, value = dice.choice(list(_OPERATORS)), dice.choice(values)
    return {name: value}, f"coalesce({of} {_OPERATORS[name]} {value}, 0)"


def _when(dice: random.Random, at: str) -> tuple[dict[str, Any], str]:
    """``within``, ``before`` and ``days_ago`` of a moment in ms."""
    days, which = dice.randrange(1, 400), dice.choice(("within", "before", "days_ago"))
    if which == "within":
        return {"within": f"{days}d"}, f"coalesce({at} <= :now AND :now - {at} < {days * _DAY}, 0)"
    if which == "before":
        return {"before": f"{days}d"}, f"coalesce(:now - {at} >= {days * _DAY}, 0)"
    low, high = sorted((days, dice.randrange(0, 400)))
    gone = f"((:now + {_TOKYO}) / {_DAY} - ({at} + {_TOKYO}) / {_DAY})"
    return {"days_ago": [low, high]}, f"coalesce({gone} BETWEEN {low} AND {high}, 0)"


def _tag(dice: random.Random) -> Question:
    tag = dice.choice(TAG_IDS)
    has = f"EXISTS (SELECT 1 FROM tags t WHERE t.user = f.user AND t.tag = '{tag}'"
    if dice.random() < 0.5:
        return Question({"tag": tag}, f"{has})")
    days = dice.randrange(1, 400)
    if dice.random() < 0.5:
        sql = f"{has} AND t.since <= :now AND :now - t.since < {days * _DAY})"
        return Question({"tag": {"id": tag, "since": {"within": f"{days}d"}}}, sql)
    return Question(
        {"tag": {"id": tag, "since": {"before": f"{days}d"}}}, f"{has} AND :now - t.since >= {days * _DAY})"
    )


def _score(dice: random.Random) -> Question:
    cmp, sql = _compared(dice, "f.interest", range(-6, 61))
    return Question({"score": {"id": "interest", **cmp}}, sql)


def _age(dice: random.Random) -> Question:
    cmp, sql = _compared(dice, "f.age", range(14, 81))
    return Question({"attribute": {"id": "age", **cmp}}, sql)


def _skin(dice: random.Random) -> Question:
    if dice.random() < 0.3:
        exists = dice.random() < 0.5
        sql = f"f.skin IS {'NOT' if exists else ''} NULL"
        return Question({"attribute": {"id": "skin", "exists": exists}}, sql)
    some = dice.sample(SKINS, 2)
    listed = ", ".join(f"'{skin}'" for skin in some)
    name, value, sql = dice.choice(
        (
            ("eq", some[0], f"f.skin = '{some[0]}'"),
            ("ne", some[0], f"f.skin <> '{some[0]}'"),
            ("in", some, f"f.skin IN ({listed})"),
        )
    )
    return Question({"attribute": {"id": "skin", name: value}}, f"coalesce({sql}, 0)")


def _birthday(dice: random.Random) -> Question:
    day = dice.randrange(-7300, 12700)
    name = dice.choice(list(_OPERATORS))
    text = (date(1970, 1, 1) + timedelta(days=day)).isoformat()
    sql = f"coalesce(f.birthday {_OPERATORS[name]} {day}, 0)"
    return Question({"attribute": {"id": "birthday", name: text}}, sql)


def _wish(dice: random.Random) -> Question:
    some, name = dice.sample(WISHES, 2), dice.choice(("has_any", "has_all"))
    has = [f"EXISTS (SELECT 1 FROM wishes w WHERE w.user = f.user AND w.wish = '{w}')" for w in some]
    return Question(
        {"attribute": {"id": "wish", name: some}}, (" OR " if name == "has_any" else " AND ").join(has)
    )


def _purchase(dice: random.Random) -> Question:
    scope, where = dice.choice(
        [
            ({}, "1"),
            *(({"category": c}, f"i.category = '{c}'") for c in CATEGORIES),
            *(({"product": p}, f"i.product = '{p}'") for p in PRODUCTS[:3]),
        ]
    )
    of = f"FROM items i WHERE i.user = f.user AND {where}"
    count = f"(SELECT count(DISTINCT CASE WHEN i.left_over > 0 THEN i.order_id END) {of})"
    parts: list[tuple[dict[str, Any], str]] = []
    if dice.random() < 0.4:
        cmp, sql = _compared(dice, count, range(4))
        parts.append(({"count": cmp}, sql))
    if dice.random() < 0.3:
        cmp, sql = _compared(dice, f"(SELECT coalesce(sum(i.left_over), 0) {of})", range(0, 30_000, 100))
        parts.append(({"total": cmp}, sql))
    for name, aggregate in (("last", "max"), ("first", "min")):
        if dice.random() < 0.3:
            cmp, sql = _when(dice, f"(SELECT {aggregate}(i.at) {of})")
            parts.append(({name: cmp}, sql))
    if not parts and not scope:
        scope, parts = {}, [({"count": {"gte": 1}}, f"{count} >= 1")]
    value = scope | {name: cmp for part, _ in parts for name, cmp in part.items()}
    sql = " AND ".join(f"({sql})" for _, sql in parts) or f"{count} > 0"
    return Question({"purchase": value}, sql)


def _member(dice: random.Random) -> Question:
    if dice.random() < 0.4:
        linked = dice.random() < 0.5
        return Question({"member": {"linked": linked}}, f"f.member IS {'NOT' if linked else ''} NULL")
    rank = dice.choice(RANKS)
    of = "(SELECT m.rank FROM members m WHERE m.member = f.member)"
    return Question({"member": {"rank": {"eq": rank}}}, f"coalesce({of} = '{rank}', 0)")


def _friend(dice: random.Random) -> Question:
    if dice.random() < 0.3:
        status = dice.choice(("following", "blocked"))
        return Question({"friend": {"status": status}}, f"f.status = '{status}'", asks_status=True)
    cmp, sql = _when(dice, "f.followed_at")
    while "days_ago" in cmp:
        cmp, sql = _when(dice, "f.followed_at")
    return Question({"friend": {"followed_at": cmp}}, sql)


def _wrote(dice: random.Random) -> Question:
    cmp, sql = _compared(dice, "f.wrote", range(3))
    return Question({"event": {"type": "messaged", "count": cmp}}, sql)


_LEAVES = (
    _tag,
    _tag,
    _score,
    _age,
    _skin,
    _birthday,
    _wish,
    _purchase,
    _purchase,
    _purchase,
    _member,
    _friend,
    _wrote,
)
