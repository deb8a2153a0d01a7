"""What audiences leave for later: handing their friends to LINE."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _upload(body: Body, _received: int) -> None:
    from chalicelib.audiences import uploading
    from chalicelib.shared import time_left

    uploading.work(body, time_left.current())


JOBS: dict[str, JobKind] = {"line_audience": JobKind(_upload, attempts=12)}
