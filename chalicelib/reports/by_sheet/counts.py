"""Counts over the fact sheets of all friends, for reports about who they are by now.

Answered at once while all shards can be read in the time of a request: exactly. Of more friends, the shards
that were read stand for the rest, and a job counts exactly; whoever asks the same within ten minutes gets
what the job has found.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog.service import snapshot
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.jobs import service as jobs
from chalicelib.segments import by_shard
from chalicelib.shared.ids import digest
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso

JOB = "count_sheets"
SYNCHRONOUS_S = 8.0
_FRESH = timedelta(minutes=10)

Params: TypeAlias = Mapping[str, Any]
Counted: TypeAlias = Iterable[tuple[str, int]]
"""Names and how much is added to each."""


@dataclass(frozen=True)
class SheetReport:
    """A report over sheets: what of a sheet it needs, and what each sheet adds, by its parameters."""

    needs: Callable[[Params, Context], frozenset[str]]
    counter: Callable[[Params, Context, datetime], Callable[[Sheet], Counted]]


@dataclass(frozen=True)
class Counts:
    """What was found; ``job``: what counts exactly, where not all could be read."""

    found: Mapping[str, int]
    job: str | None = None

    def __getitem__(self, name: str) -> int:
        return int(self.found.get(name, 0))

    def names(self, ending: str) -> list[str]:
        """What precedes an ending, sorted."""
        return sorted(name.removesuffix(ending) for name in self.found if name.endswith(ending))


def count(account: Account, name: str, report: SheetReport, params: Params, by: str) -> Counts:
    """What a report counts now."""
    now, context = clock.now(), _context(account)
    needs, add = report.needs(params, context), _each(report, params, context, now)

    def one(shard: int, left: TimeLeft) -> Counter[str] | None:
        place, is_over = by_shard.walk(account, by_shard.Place(shard), add, left, needs)
        return Counter(place.counts) if is_over else None

    read = by_shard.sample(account.shards, one, by_shard.within(SYNCHRONOUS_S))
    found: Counter[str] = sum(read, Counter())
    if len(read) == account.shards:
        return Counts(found)
    job = _job_id(name, params, now)
    asked = {"report": name, "params": dict(params), "as_of": iso(now)}
    result = by_shard.shared_result(account, JOB, asked, by, job)
    if result is not None:
        return Counts(result)
    return Counts({one: round(n * account.shards / len(read)) for one, n in found.items()}, job)


def _job_id(name: str, params: Params, now: datetime) -> str:
    asked = json.dumps(params, sort_keys=True)
    return digest(JOB, name, asked, str(int(now.timestamp() // _FRESH.total_seconds())))[:26]


def work(body: Mapping[str, Any], reports: Mapping[str, SheetReport], left: TimeLeft = NO_LIMIT) -> None:
    """The job, ``{account, id, shard}``: one shard; whoever ends the last one adds up."""
    account = accounts.get_account(body["account"])
    context, params = _context(account), jobs.header(account.id, body["id"]).params
    report, asked = reports[params["report"]], params["params"]

    def each(_: jobs.JobHeader) -> by_shard.Each:
        return _each(report, asked, context, parse_iso(params["as_of"]))

    by_shard.go_on(account, body, each, left, report.needs(asked, context))


def _context(account: Account) -> Context:
    return Context(snapshot(account.id), account.zone)


def _each(report: SheetReport, params: Params, context: Context, now: datetime) -> by_shard.Each:
    of_sheet = report.counter(params, context, now)

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        found: Counter[str] = Counter()
        for sheet in sheets:
            for name, amount in of_sheet(sheet):
                found[name] += amount
        return found

    return each
