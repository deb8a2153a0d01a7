"""The journal of reports, made anew in the background."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _rebuild(body: Body, _received: int) -> None:
    from chalicelib.reports import rebuild
    from chalicelib.shared import time_left

    rebuild.work(body, time_left.current())


JOBS: dict[str, JobKind] = {"rebuild_reports": JobKind(_rebuild)}
