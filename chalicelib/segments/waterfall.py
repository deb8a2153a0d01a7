"""How many friends are left after each part of a condition, in its order."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.gateways import clock
from chalicelib.segments import audience, by_shard, mirror_queries, service

WITHIN_S = 8.0


def waterfall(account_id: str, condition: Any) -> list[dict[str, Any]]:
    """``[{path, condition, left}]`` after each leaf of the outermost ``all``; the first line is who follows.

    Exact by the mirror, or while all shards are read in 8 s; of more, what was read stands for the rest.
    """
    account, catalog, now = get_account(account_id), snapshot(account_id), clock.now()
    parts = _parts(condition, catalog)
    left = _mirrored(account, [part for _, part in parts], now)
    if left is None:
        left = _walked(account, [part for _, part in parts], catalog, now)
    return [{"path": path, "condition": part, "left": n} for (path, part), n in zip(parts, left, strict=True)]


def _mirrored(account: Account, parts: Sequence[Any], now: datetime) -> list[int] | None:
    left: list[int] = []
    for n in range(len(parts)):
        found = mirror_queries.count_everyone(account, {"all": list(parts[: n + 1])}, now)
        if found is None:
            return None
        left.append(found)
    return left


def _walked(account: Account, parts: Sequence[Any], catalog: Snapshot, now: datetime) -> list[int]:
    ground = service.context(account, catalog)
    tests = [language.compile(part, ground) for part in parts]
    needs = frozenset().union(*(language.needs(part, catalog) for part in parts))
    time, left, shards = by_shard.within(WITHIN_S), [0] * len(tests), 0
    for shard in range(account.shards):
        if shards > 1 and time.is_over:
            break
        shards += 1
        for sheets in audience.walk_shard(account.id, shard, needs=needs):
            for sheet in sheets:
                for place, holds in enumerate(tests):
                    if not holds(sheet, now):
                        break
                    left[place] += 1
    return [round(n * account.shards / shards) for n in left]


def _parts(condition: Any, catalog: Snapshot) -> list[tuple[str, Any]]:
    """The parts with their paths, behind the one that every audience has."""
    followers = {"friend": {"status": "following"}}
    first = [] if language.asks_for_status(condition, catalog) else [("", followers)]
    if "all" in condition:
        return first + [(f"condition.all[{n}]", part) for n, part in enumerate(condition["all"])]
    return [*first, ("condition", condition)]
