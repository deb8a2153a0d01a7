"""Counting and explaining conditions for an account."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.gateways.queues import Message
from chalicelib.jobs import service as jobs
from chalicelib.segments import audience, by_shard, estimate, mirror_queries
from chalicelib.shared.errors import NotFound, Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso

SYNCHRONOUS_S = 20.0
"""A count that takes longer becomes a job."""


@dataclass(frozen=True)
class Count:
    """How many friends satisfy a condition, or between how many and how many it probably is."""

    as_of: str
    low: int
    high: int
    exact: bool

    def body(self) -> dict[str, Any]:
        """An exact count as it is answered."""
        return {"count": self.low, "exact": True, "as_of": self.as_of}


def context(account: Account, catalog: Snapshot) -> Context:
    """What conditions of an account are compiled against."""
    return Context(catalog, account.zone)


def count(account_id: str, condition: Any, now: datetime, within_s: float | None = None) -> Count:
    """How many friends an audience has at ``now``: by the mirror, else exact when all shards can be read in
    time.

    Reads shards side by side; when the time is up, what is read serves as a sample.
    """
    account, catalog = get_account(account_id), snapshot(account_id)
    mirrored = mirror_queries.count(account, condition, now)
    if mirrored is not None:
        return Count(iso(now), mirrored, mirrored, exact=True)
    counter = _Counter(account, condition, catalog, now)
    left = by_shard.within(SYNCHRONOUS_S if within_s is None else within_s)
    counts = by_shard.sample(account.shards, counter.shard, left)
    low, high = estimate.interval(counts, account.shards)
    return Count(iso(now), low, high, exact=len(counts) == account.shards)


class _Counter:
    """A condition made ready to count shards with."""

    def __init__(self, account: Account, condition: Any, catalog: Snapshot, now: datetime) -> None:
        self._account, self._now = account, now
        self._test = language.compile_audience(condition, context(account, catalog))
        self._needs = language.needs(condition, catalog)

    def shard(self, shard: int, left: TimeLeft = NO_LIMIT) -> int | None:
        """How many friends of one shard satisfy the condition; None: there was no time to read it all."""
        count = 0
        for number, sheets in enumerate(audience.walk_shard(self._account.id, shard, needs=self._needs)):
            if number and left.is_over:
                return None
            count += sum(self._test(sheet, self._now) for sheet in sheets)
        return count


def audience_test(account: Account, condition: Any, now: datetime) -> Callable[[Sheet], bool]:
    """A condition as the test of whole sheets, as of ``now``."""
    test = language.compile_audience(condition, context(account, snapshot(account.id)))
    return lambda sheet: test(sheet, now)


def start_count(account_id: str, condition: Any, now: datetime, by: str) -> str:
    """Queue an exact count as of ``now``, shard by shard; returns the job's id."""
    account = get_account(account_id)
    params = {"condition": condition, "as_of": iso(now), "needs_result": True}
    job = jobs.create(account_id, "count", by=by, total=account.shards, chunks=account.shards, params=params)
    messages = [
        Message({"job": "count", "account": account_id, "id": job, "shard": shard})
        for shard in range(account.shards)
    ]
    if queues.send_all("bulk", messages):
        raise Unavailable(Reason("queue_refused", what="count"))
    return job


def work(body: dict[str, Any]) -> None:
    """A ``bulk`` message ``{"job": "count", account, id, shard}``: count one shard; the last one adds up."""
    account, job_id, shard = get_account(body["account"]), body["id"], body["shard"]
    name = f"{shard:06d}"
    header = jobs.header(account.id, job_id)
    if not jobs.chunk_done(header, name):
        now = parse_iso(header.params["as_of"])
        counter = _Counter(account, header.params["condition"], snapshot(account.id), now)
        jobs.finish_chunk(header, name, 1, result={"count": counter.shard(shard)})
    job = jobs.get(account.id, job_id)
    if job.complete and job.result is None:
        total = sum(int(chunk.result["count"]) for chunk in job.chunks)
        jobs.finish(account.id, job_id, {"count": total, "exact": True, "as_of": job.params["as_of"]})


def explain(account_id: str, condition: Any, user_id: str, now: datetime) -> dict[str, Any]:
    """``{"matches", "tree", "looked_at"}`` for one friend; ``looked_at`` False: the status rules them out.

    Raises NotFound for a friend never seen, or erased.
    """
    account, catalog = get_account(account_id), snapshot(account_id)
    sheet = friends.load(account.id, account.shards, user_id)
    if sheet is None or sheet["status"] == "erased":
        raise NotFound(Reason("no_friend", user=user_id))
    ground = context(account, catalog)
    looked_at = sheet["status"] == "following" or language.asks_for_status(condition, catalog)
    tree = language.explain(condition, ground, sheet, now)
    return {"matches": looked_at and tree["value"], "tree": tree, "looked_at": looked_at}
