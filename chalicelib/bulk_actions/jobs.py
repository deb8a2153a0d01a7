"""Acting on many friends, shard by shard or chunk by chunk."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _bulk(body: Body, _received: int) -> None:
    """Act on the friends of a condition's audience."""
    from chalicelib.bulk_actions import service
    from chalicelib.shared import time_left

    service.work_audience(body, time_left.current())


def _bulk_users(body: Body, _received: int) -> None:
    """Act on a chunk of friends by id."""
    from chalicelib.bulk_actions import service

    service.work_users(body)


JOBS: dict[str, JobKind] = {"bulk": JobKind(_bulk), "bulk_users": JobKind(_bulk_users)}
