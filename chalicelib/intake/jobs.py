"""What the intake leaves for later: files of purchases, chunk by chunk."""

from __future__ import annotations

from chalicelib.jobs.kinds import Body, JobKind


def _import_purchases(body: Body, _received: int) -> None:
    from chalicelib.intake import order_imports
    from chalicelib.shared import time_left

    order_imports.work(body, time_left.current())


JOBS: dict[str, JobKind] = {"import_purchases": JobKind(_import_purchases)}
