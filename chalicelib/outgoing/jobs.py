"""Calls to other systems, made in the background."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _post(body: Body, _received: int) -> None:
    from chalicelib.outgoing import webhooks

    webhooks.deliver(body)


JOBS: dict[str, JobKind] = {"post": JobKind(_post, attempts=8)}
