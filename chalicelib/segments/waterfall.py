"""How many friends are left after each part of a condition, in its order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Sheet
from chalicelib.gateways import clock
from chalicelib.segments import audience, by_shard, service

WITHIN_S = 8.0


def waterfall(account_id: str, condition: Any) -> list[dict[str, Any]]:
    """``[{path, condition, left}]`` after each leaf of the outermost ``all``; the first line is who follows.

    Exact while all shards are read in 8 s; of more, what was read stands for the rest.
    """
    account, catalog, now = get_account(account_id), snapshot(account_id), clock.now()
    ground = service.context(account, catalog)
    parts = _parts(condition, catalog)
    tests: list[Callable[[Sheet], bool]] = []
    for _, part in parts:
        holds = language.compile(part, ground)
        tests.append(lambda sheet, holds=holds: holds(sheet, now))  # type: ignore[misc]
    needs = language.needs(condition, catalog)
    time, left, shards = by_shard.within(WITHIN_S), [0] * len(tests), 0
    for shard in range(account.shards):
        if shards > 1 and time.is_over:
            break
        shards += 1
        for sheets in audience.walk_shard(account_id, shard, needs=needs):
            for sheet in sheets:
                for place, holds_for in enumerate(tests):
                    if not holds_for(sheet):
                        break
                    left[place] += 1
    factor = account.shards / shards
    return [
        {"path": path, "condition": part, "left": round(n * factor)}
        for (path, part), n in zip(parts, left, strict=True)
    ]


def _parts(condition: Any, catalog: Snapshot) -> list[tuple[str, Any]]:
    """The parts with their paths, behind the one that every audience has."""
    followers = {"friend": {"status": "following"}}
    first = [] if language.asks_for_status(condition, catalog) else [("", followers)]
    if "all" in condition:
        return first + [(f"condition.all[{n}]", part) for n, part in enumerate(condition["all"])]
    return [*first, ("condition", condition)]
