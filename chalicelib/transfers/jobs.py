"""What transfers leave for later: exports, shard by shard; members, chunk by chunk."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _export(body: Body, _received: int) -> None:
    from chalicelib.segments import service as segments
    from chalicelib.shared import time_left
    from chalicelib.transfers import exports

    exports.work(body, segments.audience_test, time_left.current())


def _import_members(body: Body, _received: int) -> None:
    from chalicelib.shared import time_left
    from chalicelib.transfers import member_imports

    member_imports.work(body, time_left.current())


JOBS: dict[str, JobKind] = {"export": JobKind(_export), "import_members": JobKind(_import_members)}
