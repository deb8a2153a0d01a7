"""How many friends who wait in scenarios go on on which day: what is to be expected beside broadcasts."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from chalicelib.accounts.service import Account
from chalicelib.enrollments import funnel
from chalicelib.events.sheet import Sheet
from chalicelib.segments import audience, by_shard
from chalicelib.shared.time_left import TimeLeft
from chalicelib.shared.times import iso, local_date, parse_iso

_WITHIN_S = 5.0
_TOGETHER = 100


@dataclass(frozen=True)
class Load:
    """By local day and scenario, how many friends go on; not ``exact``: multiplied from what was read."""

    days: dict[tuple[str, str], int]
    exact: bool


def of(account: Account, since: datetime, until: datetime) -> Load:
    """What is due between two times, as far as it is known now: who goes on may wait again."""

    def read(shard: int, left: TimeLeft) -> Counter[tuple[str, str]] | None:
        found: Counter[tuple[str, str]] = Counter()
        for sheets in audience.walk_shard(account.id, shard, needs=funnel.NEEDS):
            if left.is_over:
                return None
            waiting = [sheet for sheet in sheets if _scenarios(sheet)]
            for first in range(0, len(waiting), _TOGETHER):
                found += _due(account, waiting[first : first + _TOGETHER], since, until)
        return found

    counts = by_shard.sample(account.shards, read, by_shard.within(_WITHIN_S))
    factor = account.shards / len(counts) if counts else 0
    total: Counter[tuple[str, str]] = sum(counts, Counter())
    return Load({key: round(n * factor) for key, n in total.items()}, len(counts) == account.shards)


def _scenarios(sheet: Sheet) -> list[str]:
    return list(sheet.get("scenarios") or ())


def _due(account: Account, sheets: list[Sheet], since: datetime, until: datetime) -> Counter[tuple[str, str]]:
    found: Counter[tuple[str, str]] = Counter()
    names = sorted({name for sheet in sheets for name in _scenarios(sheet)})
    for item in funnel.waiting(account.id, names, sheets):
        if item.due_at is not None and iso(since) <= item.due_at < iso(until):
            found[local_date(parse_iso(item.due_at), account.zone).isoformat(), item.scenario] += 1
    return found
