"""Calls to other systems, made in the background."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _post(body: Body, _received: int) -> None:
    from chalicelib.outgoing import webhooks

    webhooks.deliver(body)


def _relay(body: Body, _received: int) -> None:
    from chalicelib.outgoing import relays

    relays.forward(body)


JOBS: dict[str, JobKind] = {"post": JobKind(_post, attempts=8), "relay": JobKind(_relay, attempts=8)}
