"""A snapshot as soon as a job that changed many friends is over: somebody will look at them next."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from chalicelib.gateways import clock, queues
from chalicelib.jobs import service as jobs
from chalicelib.mirror import local_copy
from chalicelib.mirror.reader import MANY
from chalicelib.shared.errors import NotFound
from chalicelib.shared.times import parse_iso

_LOOK_EVERY_S = 3
_WAITED_FOR = timedelta(hours=6)


def ask_after(job: jobs.JobHeader, friends: int) -> None:
    """Have the next snapshot made when a job is over, if it is about many friends."""
    if friends >= MANY:
        queues.send("mirror", {"account": job.account, "job": job.id}, delay_s=_LOOK_EVERY_S)


def is_over(account: str, body: Mapping[str, Any]) -> bool:
    """Whether the job that a message waits for is over, or none is named; else the message comes again."""
    if "job" not in body:
        return True
    if not local_copy.is_installed():
        return False
    try:
        job = jobs.get(account, body["job"])
    except NotFound:
        return False
    if job.state != "running":
        return True
    if clock.now() - parse_iso(job.created_at) < _WAITED_FOR:
        ask_again(body)
    return False


def ask_again(body: Mapping[str, Any]) -> None:
    """Have a message that waits for a job come again soon: a snapshot that somebody else is making may have
    begun before the job was over. Questions ask by themselves.
    """
    if "job" in body:
        queues.send("mirror", dict(body), delay_s=_LOOK_EVERY_S)
