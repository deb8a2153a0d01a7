"""Switchable faults: LINE answering wrongly, late, or not at all, on purpose."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KINDS = (
    "reply",
    "push",
    "multicast",
    "narrowcast",
    "broadcast",
    "validate",
    "profile",
    "followers",
    "info",
    "quota",
    "delivery",
    "content",
    "loading",
    "webhook_endpoint",
    "webhook_test",
    "richmenu",
    "link_token",
    "audience",
    "narrowcast_progress",
    "insight",
    "coupon",
    "*",
)
"""The kinds of endpoints a fault can be set for; ``*`` is every one without a fault of its own."""


@dataclass(frozen=True)
class Fault:
    """One fault. ``status`` 0 drops the connection, None only delays; ``after_accept`` loses the answer."""

    status: int | None = 500
    after_accept: bool = False
    rate: float = 1.0
    count: int | None = None
    delay_ms: int = 0
    message: str | None = None

    def answer(self) -> str:
        """The message of the answer this fault gives."""
        if self.message is not None:
            return self.message
        return {
            429: "The API rate limit has been exceeded. Try again later.",
            401: "Authentication failed. Confirm that the access token in the authorization header is valid.",
        }.get(self.status or 0, "Internal server error" if (self.status or 0) >= 500 else "Fault")

    def as_json(self) -> dict[str, Any]:
        """As set through the endpoint."""
        return {name: value for name, value in vars(self).items() if value is not None or name == "status"}


def parse_faults(value: Any) -> tuple[dict[str, Fault], int]:
    """The faults and ``latency_ms`` of a ``PUT /_sim/faults`` body. ValueError says what is wrong."""
    if not isinstance(value, dict):
        raise ValueError("the body must be an object of faults by kind")  # noqa: TRY004 (one error for the endpoint)
    faults: dict[str, Fault] = {}
    latency = 0
    for kind, given in value.items():
        if kind == "latency_ms":
            latency = _whole(kind, given, 0, 600_000)
        elif kind not in KINDS:
            raise ValueError(f"{kind!r} is not one of {', '.join(KINDS)}, latency_ms")
        elif given is not None:
            faults[kind] = _fault(kind, given)
    return faults, latency


def _fault(kind: str, given: Any) -> Fault:
    if not isinstance(given, dict):
        raise ValueError(f"{kind} must be an object")  # noqa: TRY004 (one error for the endpoint)
    unknown = set(given) - set(Fault.__dataclass_fields__)
    if unknown:
        raise ValueError(f"{kind} has no {min(unknown)!r}")
    status = given.get("status", None if given.keys() <= {"delay_ms", "rate", "count"} else 500)
    if status is not None and status != 0:
        _whole(f"{kind}.status", status, 100, 599)
    rate = given.get("rate", 1.0)
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise ValueError(f"{kind}.rate must be between 0 and 1")
    count = given.get("count")
    return Fault(
        status=status,
        after_accept=given.get("after_accept") is True,
        rate=float(rate),
        count=None if count is None else _whole(f"{kind}.count", count, 0, 10**9),
        delay_ms=_whole(f"{kind}.delay_ms", given.get("delay_ms", 0), 0, 600_000),
        message=given.get("message"),
    )


def _whole(name: str, value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} must be a whole number between {least} and {most}")
    return value


@dataclass
class Switchboard:
    """The faults in force. ``chance`` is asked once per request that a fault could meet."""

    faults: dict[str, Fault] = field(default_factory=dict)
    latency_ms: int = 0
    chance: Callable[[], float] = random.random
    left: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def set(self, faults: dict[str, Fault], latency_ms: int) -> None:
        """Other faults from now on, in place of all that were."""
        with self._lock:
            self.faults, self.latency_ms = faults, latency_ms
            self.left = {kind: fault.count for kind, fault in faults.items() if fault.count is not None}

    def strike(self, kind: str) -> Fault | None:
        """The fault that meets this request, if one does; a counted fault is used up by one."""
        with self._lock:
            name = kind if kind in self.faults else "*"
            fault = self.faults.get(name)
            if fault is None or self.left.get(name, 1) <= 0 or self.chance() >= fault.rate:
                return None
            if name in self.left:
                self.left[name] -= 1
            return fault

    def give_back(self, kind: str, fault: Fault) -> None:
        """The fault found nothing to strike (a request that was not accepted): it may strike another."""
        with self._lock:
            name = kind if kind in self.faults else "*"
            if self.faults.get(name) is fault and name in self.left:
                self.left[name] += 1

    def as_json(self) -> dict[str, Any]:
        """What ``GET /_sim/faults`` shows: the faults, with the counts that are left."""
        with self._lock:
            shown: dict[str, Any] = {"latency_ms": self.latency_ms}
            for kind, fault in self.faults.items():
                shown[kind] = fault.as_json() | ({"left": self.left[kind]} if kind in self.left else {})
            return shown
