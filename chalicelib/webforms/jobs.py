"""What sending a form leaves for later: to report it, if whoever sent it could not."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _report(body: Body, _received: int) -> None:
    from chalicelib.webforms import sittings

    sittings.report_left(body["account"], body["user"], body["form"], body["sitting"])


JOBS: dict[str, JobKind] = {"report_form": JobKind(_report)}
