"""What schedules leave for later: an occurrence's work on all friends of an account, shard by shard."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _schedule(body: Body, _received: int) -> None:
    """Give one shard's friends of the audience their event."""
    from chalicelib.schedules import occurrences
    from chalicelib.shared import time_left

    occurrences.work(body, time_left.current())


def _look(body: Body, _received: int) -> None:
    """Look at every schedule of an account."""
    from chalicelib.schedules import service

    service.look_at_all(body["account"])


JOBS: dict[str, JobKind] = {
    "schedule": JobKind(_schedule),
    # Every ten minutes: a save may have died before it could arm the next occurrence.
    "schedules": JobKind(_look, is_asked=lambda minute: minute.now.minute % 10 == 7),
}
