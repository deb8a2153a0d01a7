"""What scenarios leave for later: work on all friends of an account, shard by shard."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _enroll(body: Body, _received: int) -> None:
    """Enter a condition's audience."""
    from chalicelib.enrollments import audience_jobs
    from chalicelib.shared import time_left

    audience_jobs.enroll(body, time_left.current())


def _wake(body: Body, _received: int) -> None:
    """Wake who became due while a scenario was paused."""
    from chalicelib.enrollments import audience_jobs, waking
    from chalicelib.shared import time_left

    audience_jobs.follow(body, waking.waker, time_left.current())


def _rearm(body: Body, _received: int) -> None:
    """Arm anew who waits, by the definition that is published now."""
    from chalicelib.enrollments import audience_jobs, waking
    from chalicelib.shared import time_left

    audience_jobs.follow(body, waking.rearmer, time_left.current())


def _funnel(body: Body, _received: int) -> None:
    """Count who is where."""
    from chalicelib.enrollments import audience_jobs, funnel
    from chalicelib.shared import time_left

    audience_jobs.follow(body, funnel.counter, time_left.current())


def _passing(body: Body, _received: int) -> None:
    """Count which nodes were passed, and how."""
    from chalicelib.enrollments import audience_jobs
    from chalicelib.enrollments.standing import passing
    from chalicelib.shared import time_left

    audience_jobs.follow(body, passing.counter, time_left.current())


def _funnels(body: Body, _received: int) -> None:
    """Count who is in which scenario."""
    from chalicelib.enrollments import audience_jobs, funnel
    from chalicelib.shared import time_left

    audience_jobs.follow(body, lambda _account, _all: funnel.states, time_left.current())


JOBS: dict[str, JobKind] = {
    "enroll": JobKind(_enroll),
    "wake": JobKind(_wake),
    "rearm": JobKind(_rearm),
    "standing": JobKind(_funnel),
    "passing": JobKind(_passing),
    "scenario_counts": JobKind(_funnels),
}
