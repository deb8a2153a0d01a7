"""What segments leave for later: exact counts, and what is found each night."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _count(body: Body, _received: int) -> None:
    from chalicelib.segments import service

    service.work(body)


def _figures(body: Body, _received: int) -> None:
    """Find the day's figures: begin (``{account}``), or count one shard."""
    from chalicelib.segments import nightly
    from chalicelib.shared import time_left

    if "shard" in body:
        nightly.work(body, time_left.current())
    else:
        nightly.begin(body["account"])


JOBS: dict[str, JobKind] = {
    "count": JobKind(_count),
    # Once an hour: the first time after the account's midnight is the one that counts.
    "figures": JobKind(_figures, is_asked=lambda minute: minute.now.minute == 23),
}
