"""What stamp cards leave for later."""

from __future__ import annotations

from chalicelib.jobs import kinds
from chalicelib.jobs.kinds import Body, JobKind

PRINTED: list[str] = []


def _print(body: Body, _received: int) -> None:
    if body["card"] == "jammed":
        kinds.retry_later(body, "the printer is jammed")
    else:
        PRINTED.append(body["card"])


JOBS: dict[str, JobKind] = {"print_card": JobKind(_print, attempts=3)}
