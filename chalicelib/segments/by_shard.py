"""Work on all friends of an account, shard by shard on ``bulk``: each message goes on from where it says.

A job has one chunk per shard, and the sum of what the shards came to as its result. A message that runs out
of time puts another in the queue that goes on after the last friend it has worked on, so nothing is begun
anew.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from chalicelib.accounts.service import Account
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock, queues
from chalicelib.jobs import service as jobs
from chalicelib.segments import audience
from chalicelib.shared import time_left
from chalicelib.shared.errors import NotFound, Unavailable
from chalicelib.shared.observability import carried
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import parse_iso

_TOGETHER = 100
_THREADS = 8
_LEAST_SAMPLE = 2
_KEPT = {"needs_result": True}

Each = Callable[[Sequence[Sheet]], Mapping[str, int]]
"""Works on some friends, safe to repeat; returns what is to be counted."""


@dataclass(frozen=True)
class Place:
    """Where a walk goes on: the shard, the user id after which, and what was counted so far."""

    shard: int = 0
    after: str | None = None
    counts: Mapping[str, int] = field(default_factory=dict)


def walk(
    account: Account, place: Place, each: Each, left: TimeLeft, needs: Collection[str] | None = None
) -> tuple[Place, bool]:
    """Work on a shard's friends from a place on; the place reached, and whether it is the shard's end.

    A hundred are worked on in any case.
    """
    counts, after = Counter(place.counts), place.after
    while True:
        sheets, following = audience.read_shard(account.id, place.shard, after, needs=needs)
        for first in range(0, len(sheets) or 1, _TOGETHER):
            batch = sheets[first : first + _TOGETHER]
            counts.update(each(batch))
            after = str(batch[-1]["user_id"]) if batch else following
            if left.is_over and (following is not None or first + _TOGETHER < len(sheets)):
                return Place(place.shard, after, dict(counts)), False
        if following is None:
            return Place(place.shard, None, dict(counts)), True
        after = following


def within(seconds: float) -> TimeLeft:
    """So much time from now on for work inside a request, and no more than its function has."""
    ends = clock.now() + timedelta(seconds=time_left.current().seconds(at_most=seconds))
    return TimeLeft(lambda: (ends - clock.now()).total_seconds() * 1000, reserve=0)


Found = TypeVar("Found")


def sample(shards: int, read: Callable[[int, TimeLeft], Found | None], left: TimeLeft) -> list[Found]:
    """What shards come to, read side by side: all of them while there is time, else those that were read to
    their end (None: not to its end). The first two are, whatever time they take.
    """

    def one(shard: int) -> Found | None:
        if shard < _LEAST_SAMPLE:
            return read(shard, NO_LIMIT)
        return None if left.is_over else read(shard, left)

    with ThreadPoolExecutor(_THREADS) as threads:
        return [found for found in threads.map(carried(one), range(shards)) if found is not None]


def start(
    account: Account,
    kind: str,
    params: Mapping[str, Any],
    by: str,
    job_id: str | None = None,
    since: Place | None = None,
) -> str:
    """Queue a job of all shards, or of those that are left from a place on; returns its id.

    The same ``job_id`` again queues the same job again, which is harmless.
    """
    place = since or Place()
    shards = range(place.shard, account.shards)
    job = jobs.create(
        account.id,
        kind,
        by=by,
        total=len(shards),
        chunks=len(shards),
        params={**params, **_KEPT},
        job_id=job_id,
    )
    names = {"job": kind, "account": account.id, "id": job}
    messages = [queues.Message({**names, "shard": shard}) for shard in shards]
    if since is not None:
        messages[0] = queues.Message({**names, **_place(since)})
    if queues.send_all("bulk", messages):
        raise Unavailable(Reason("queue_refused", what=f"job {job}"))
    if job_id is not None:
        jobs.note_queued(account.id, job)
    return job


_BEGUN_WITHIN = timedelta(seconds=40)
"""Longer than any request lives."""


def shared_result(
    account: Account, kind: str, params: Mapping[str, Any], by: str, job_id: str
) -> Mapping[str, int] | None:
    """The result of a job that many may ask for under one id; None: it is not over. Who asks first begins it,
    and begins it again where the one before died before its messages were queued.
    """
    try:
        header = jobs.header(account.id, job_id)
    except NotFound:
        start(account, kind, params, by, job_id)
        return None
    is_old = clock.now() - parse_iso(header.created_at) > _BEGUN_WITHIN
    if header.result is None and header.queued_at is None and is_old:
        start(account, kind, header.params, by, job_id)
    return header.result


def go_on(
    account: Account,
    body: Mapping[str, Any],
    each: Callable[[jobs.JobHeader], Each],
    left: TimeLeft,
    needs: Collection[str] | None = None,
) -> None:
    """Carry out a job's message; whoever ends the last shard adds up."""
    job_id, name = body["id"], f"{int(body['shard']):06d}"
    header = jobs.header(account.id, job_id)
    if not jobs.chunk_done(header, name):
        place = Place(int(body["shard"]), body.get("after"), body.get("counts") or {})
        place, is_over = walk(account, place, each(header), left, needs)
        if not is_over:
            queues.send("bulk", {**body, **_place(place)})
            return
        jobs.finish_chunk(header, name, 1, result=place.counts)
    add_up(account.id, job_id)


def add_up(account: str, job_id: str) -> None:
    """Keep the sum of what a job's chunks came to, once all are through."""
    job = jobs.get(account, job_id)
    if job.complete and job.result is None:
        total: Counter[str] = Counter()
        for chunk in job.chunks:
            total.update(chunk.result)
        jobs.finish(account, job_id, total)


def _place(place: Place) -> dict[str, Any]:
    return {"shard": place.shard, "after": place.after, "counts": dict(place.counts)}
