"""What coupons leave for later: LINE is asked to make one, or to end one."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _work(body: Body, _received: int) -> None:
    from chalicelib.coupons import publishing

    publishing.work(body)


JOBS: dict[str, JobKind] = {
    "publish_coupon": JobKind(_work, attempts=12),
    "close_coupon": JobKind(_work, attempts=12),
}
