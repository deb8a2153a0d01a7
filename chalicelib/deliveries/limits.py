"""LINE's rate limits, kept without a lock that workers share: each worker keeps its share of the limit.

LINE counts per channel, and nobody but LINE sees all of it. So the limit is divided by how many workers the
function ``send`` may have at a time (``TODOKU_SENDS_CONCURRENCY``), after ``TODOKU_LINE_RATE_SHARE`` of it
was left to other systems that use the channel. Whoever is answered with 429 all the same halves its own pace
for a while and notes that on the run's control, which every worker of the run reads with its chunk.
"""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.gateways import clock, line
from chalicelib.shared.metrics import measure
from chalicelib.shared.settings import settings

PER_SECOND = {"multicast": 200, "push": 2000, "reply": 2000}
"""https://developers.line.biz/en/reference/messaging-api/#rate-limits"""

SLOW_FOR = timedelta(seconds=5)
"""How long a worker goes at half its pace after LINE answered 429 to it or to another worker of the run."""

_BURST_S = 0.25
_JAPAN = ZoneInfo("Asia/Tokyo")


class Bucket:
    """So many calls per second, with a quarter of a second's worth in a burst. Safe to share by threads."""

    def __init__(self, per_second: float) -> None:
        self.per_second = per_second
        self.tokens = self.size = max(1.0, per_second * _BURST_S)
        self.at: datetime | None = None
        self.slow_until: datetime | None = None
        self._lock = threading.Lock()

    def take(self, now: datetime) -> float:
        """Take one place; returns the seconds to wait before using it."""
        with self._lock:
            pace = self.per_second / 2 if self.slow_until and now < self.slow_until else self.per_second
            if self.at is not None:
                elapsed = max(0.0, (now - self.at).total_seconds())
                self.tokens = min(self.size, self.tokens + elapsed * pace)
            self.at = now
            self.tokens -= 1
            return max(0.0, -self.tokens / pace)

    def slow_down(self, since: datetime) -> bool:
        """Go at half the pace until ``SLOW_FOR`` after this time, without a burst. False: it does."""
        with self._lock:
            already = self.slow_until is not None and since < self.slow_until
            if not already:
                self.slow_until = since + SLOW_FOR
                self.tokens = min(self.tokens, 1.0)
            return not already


_of_worker = threading.local()


def bucket(account: str, kind: str) -> Bucket:
    """The bucket of the worker that runs in this thread, for one account and kind of call."""
    if not hasattr(_of_worker, "buckets"):
        _of_worker.buckets = {}
    buckets: dict[tuple[str, str], Bucket] = _of_worker.buckets
    if (account, kind) not in buckets:
        workers = 1 if kind == "reply" else settings().sends_concurrency
        share = PER_SECOND[kind] * settings().line_rate_share / workers
        buckets[account, kind] = Bucket(share)
    return buckets[account, kind]


def wait(found: Bucket) -> None:
    """Wait until one more call is within the limit."""
    seconds = found.take(clock.now())
    if seconds > 0:
        clock.sleep(seconds)


# What is left of an account's messages this month, by LINE's approximate count.


def left(account: str) -> int | None:
    """How many more messages LINE takes this month (None: no limit), also as the metric ``QuotaLeft``.

    Raises line.NoAnswer when LINE cannot be asked, NotFound for an account without credentials.
    """
    token = accounts.line_credentials(account)["channel_access_token"]
    limit, used = line.quota(token)
    if limit is None:
        return None
    measure("QuotaLeft", limit - used, "Count", account=account)
    return limit - used


def next_month(now: datetime) -> datetime:
    """When LINE counts a new month's messages: it goes by Japan's calendar."""
    here = now.astimezone(_JAPAN)
    first = here.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1).astimezone(UTC)
