"""LINE's rate limits: token buckets per channel, endpoint and method, refilled gradually.

https://developers.line.biz/en/reference/messaging-api/#rate-limits
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

HOUR, MINUTE = 3600.0, 60.0
PER_SECOND: dict[str, tuple[int, float]] = {
    "multicast": (200, 1.0),
    "coupon": (200, 1.0),
    "narrowcast": (60, HOUR),
    "broadcast": (60, HOUR),
    "webhook_test": (60, HOUR),
    "richmenu_create": (100, HOUR),
    "richmenu_delete": (100, HOUR),
    "richmenu_alias_delete": (100, HOUR),
    "richmenu_batch": (3, HOUR),
    "richmenu_list": (10, 1.0),
    "webhook_endpoint": (1000, MINUTE),
    "loading": (100, 1.0),
    "audience": (60, MINUTE),
    "insight": (60, HOUR),
}
"""Kinds of endpoints with a limit of their own: how many in how many seconds."""

DEFAULT = (2000, 1.0)


@dataclass
class Bucket:
    """Holds at most ``capacity`` tokens and gains ``per_second``; each request takes one."""

    capacity: float
    per_second: float
    tokens: float
    at: float

    def take(self, now: float) -> bool:
        """Take a token if there is one."""
        self.tokens = min(self.capacity, self.tokens + max(0.0, now - self.at) * self.per_second)
        self.at = max(self.at, now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


@dataclass
class Limiter:
    """The buckets of all channels. ``overrides``: requests per second of a kind; 0 or less = unlimited."""

    overrides: dict[str, float] = field(default_factory=dict)
    _buckets: dict[tuple[str, str, str], Bucket] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def allows(self, account: str, kind: str, endpoint: str, now: float) -> bool:
        """Whether this request is within its limit; takes its token."""
        override = self.overrides.get(kind)
        if override is not None and override <= 0:
            return True
        many, seconds = (override, 1.0) if override is not None else PER_SECOND.get(kind, DEFAULT)
        with self._lock:
            key = (account, kind, endpoint)
            bucket = self._buckets.get(key)
            if bucket is None:
                bucket = self._buckets[key] = Bucket(many, many / seconds, many, now)
            return bucket.take(now)

    def set_overrides(self, overrides: dict[str, float]) -> None:
        """Other limits from now on; every bucket is full again."""
        with self._lock:
            self.overrides = overrides
            self._buckets.clear()
