"""Entering everybody for whom a condition holds: a job over the shards of an account's friends."""

from __future__ import annotations

from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.friends import jobs
from chalicelib.gateways import clock, queues
from chalicelib.scenarios import decide, service
from chalicelib.segments import audience, conditions
from chalicelib.segments.model import Context
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.times import iso, parse_iso

_BATCH = 100


def start(account: str, scenario: str, condition: dict[str, Any], by: str, job_id: str) -> str:
    """Queue the enrollment of a condition's audience, shard by shard; answers the job's id.

    The same ``job_id`` again queues the same job again, which is harmless.
    """
    owner = accounts.get_account(account)
    params = {"scenario": scenario, "condition": condition, "as_of": iso(clock.now()), "needs_result": True}
    jobs.create(
        account, "enroll", by=by, total=owner.shards, chunks=owner.shards, params=params, job_id=job_id
    )
    messages = [
        queues.Message({"job": "enroll", "account": account, "id": job_id, "shard": shard}, group=account)
        for shard in range(owner.shards)
    ]
    if queues.send_all("bulk", messages):
        raise Unavailable("the queue refused parts of the enrollment")
    return job_id


def work(body: dict[str, Any]) -> None:
    """A ``bulk`` message ``{"job": "enroll", account, id, shard}``: enter one shard's friends.

    The job is the cause, so a shard that is worked on twice enters each friend once.
    """
    owner, job_id, shard = accounts.get_account(body["account"]), body["id"], int(body["shard"])
    name = f"{shard:06d}"
    job = jobs.get(owner.id, job_id)
    if not jobs.chunk_done(owner.id, job_id, name):
        snapshot = catalog.snapshot(owner.id)
        now = parse_iso(job.params["as_of"])
        test = conditions.compile_audience(job.params["condition"], Context(snapshot, owner.zone))
        counts = {"accepted": 0, "rejected": 0}
        for sheets in audience.walk_shard(owner.id, shard):
            users = [sheet["user_id"] for sheet in sheets if test(sheet, now)]
            for first in range(0, len(users), _BATCH):
                batch = users[first : first + _BATCH]
                for result in service.enroll(owner.id, batch, job.params["scenario"], now, f"job:{job_id}"):
                    counts["accepted" if result.accepted else "rejected"] += 1
        jobs.finish_chunk(owner.id, job_id, name, 1, result=counts)
        job = jobs.get(owner.id, job_id)
    if job.complete and job.result is None:
        total = {key: sum(int(c.result[key]) for c in job.chunks) for key in ("accepted", "rejected")}
        jobs.finish(owner.id, job_id, total)


def is_published(account: str, scenario: str) -> bool:
    """Whether friends can be entered at all."""
    owner = accounts.get_account(account)
    return decide.find_program(catalog.snapshot(account), scenario, owner.zone) is not None
