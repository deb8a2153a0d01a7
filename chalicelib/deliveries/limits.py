"""LINE's rate limits, kept per process: a token bucket for each account and kind of call.

Several workers share LINE's real bucket; what this one cannot know is answered by LINE with 429, which
costs a retry and nothing else.
"""

from __future__ import annotations

import threading
from datetime import datetime

from chalicelib.gateways import clock

PER_SECOND = {"multicast": 200, "push": 2000, "reply": 2000}
"""https://developers.line.biz/en/reference/messaging-api/#rate-limits"""

_BURST_S = 0.25


class Bucket:
    """So many calls per second, with a quarter of a second's worth in a burst."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.tokens = self.size = max(1.0, per_second * _BURST_S)
        self.at: datetime | None = None

    def take(self, now: datetime) -> float:
        """Take one place; answers the seconds to wait before using it."""
        if self.at is not None:
            elapsed = max(0.0, (now - self.at).total_seconds())
            self.tokens = min(self.size, self.tokens + elapsed * self.per_second)
        self.at = now
        self.tokens -= 1
        return max(0.0, -self.tokens / self.per_second)


_buckets: dict[tuple[str, str], Bucket] = {}
_lock = threading.Lock()


def wait(account: str, kind: str) -> None:
    """Wait until one more call of this kind is within the limit."""
    with _lock:
        bucket = _buckets.setdefault((account, kind), Bucket(PER_SECOND[kind]))
        seconds = bucket.take(clock.now())
    if seconds > 0:
        clock.sleep(seconds)
