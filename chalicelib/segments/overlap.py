"""How many friends several conditions have in common, two by two."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from itertools import combinations
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.segments import audience, by_shard, mirror_queries
from chalicelib.shared.times import iso

WITHIN_S = 20.0
Pair = tuple[int, int]


def overlap(account_id: str, conditions: Sequence[Any], now: datetime) -> dict[str, Any]:
    """``{counts, pairs: [{conditions: [i, j], count}], exact, as_of}``, each condition as an audience.

    Exact by the mirror, or while all shards are read in 20 s; of more, what was read stands for the rest.
    """
    account, catalog = get_account(account_id), snapshot(account_id)
    asked = [(n, n) for n in range(len(conditions))] + list(combinations(range(len(conditions)), 2))
    found = _mirrored(account, [_audience(one, catalog) for one in conditions], asked, now)
    exact = True
    if found is None:
        found, exact = _walked(account, conditions, asked, catalog, now)
    return {
        "counts": [found[n, n] for n in range(len(conditions))],
        "pairs": [{"conditions": list(pair), "count": found[pair]} for pair in asked if pair[0] != pair[1]],
        "exact": exact,
        "as_of": iso(now),
    }


def _audience(condition: Any, catalog: Snapshot) -> Any:
    """A condition that says itself that only who follows is meant."""
    if language.asks_for_status(condition, catalog):
        return condition
    return {"all": [condition, {"friend": {"status": "following"}}]}


def _mirrored(
    account: Account, conditions: Sequence[Any], asked: Sequence[Pair], now: datetime
) -> dict[Pair, int] | None:
    found: dict[Pair, int] = {}
    for first, second in asked:
        both = conditions[first] if first == second else {"all": [conditions[first], conditions[second]]}
        count = mirror_queries.count(account, both, now)
        if count is None:
            return None
        found[first, second] = count
    return found


def _walked(
    account: Account, conditions: Sequence[Any], asked: Sequence[Pair], catalog: Snapshot, now: datetime
) -> tuple[dict[Pair, int], bool]:
    context, left, shards = Context(catalog, account.zone), by_shard.within(WITHIN_S), 0
    tests = [language.compile_audience(one, context) for one in conditions]
    needs = frozenset().union(*(language.needs(one, catalog) for one in conditions))
    counted: Counter[Pair] = Counter()
    for shard in range(account.shards):
        if shards > 1 and left.is_over:
            break
        shards += 1
        for sheets in audience.walk_shard(account.id, shard, needs=needs):
            for sheet in sheets:
                holds = [test(sheet, now) for test in tests]
                counted.update(pair for pair in asked if holds[pair[0]] and holds[pair[1]])
    factor = account.shards / shards
    return {pair: round(counted[pair] * factor) for pair in asked}, shards == account.shards
