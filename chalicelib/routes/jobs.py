"""What is done when no follow came."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _give_up(body: Body, _received: int) -> None:
    """Ten minutes after a touch: nobody waits any more."""
    from chalicelib.routes import late_follows

    late_follows.end(body["account"], body["user"], body["touched_at"])


JOBS: dict[str, JobKind] = {"give_up_touch": JobKind(_give_up)}
