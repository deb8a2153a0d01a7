"""What deliveries leave for later: their results are reported on friends' timelines."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _receipts(body: Body, _received: int) -> None:
    from chalicelib.deliveries import service

    service.write_receipts(body["account"], body["run"], body["chunk"])


JOBS: dict[str, JobKind] = {"receipts": JobKind(_receipts)}
