"""How long an invocation may still work. What is larger than one goes on from a saved position in the next.

A handler begins its time with ``begin`` and hands it to its loops, which look at ``is_over`` before each
piece of work and stop while there is time to save how far they are. No clock is asked: Lambda's context
knows. Where nobody set a limit (a command, a test) there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

RESERVE = 1 / 3
"""The part of an invocation's time in which nothing new begins: what has begun ends in it."""

_LEAST_CALL_S = 0.2


class TimeLeft:
    """Of one invocation. ``remaining_ms``: what Lambda says is left; None: no limit."""

    def __init__(self, remaining_ms: Callable[[], float] | None = None, reserve: float = RESERVE) -> None:
        self._remaining_ms = remaining_ms
        self._reserve_ms = remaining_ms() * reserve if remaining_ms else 0.0

    @property
    def is_over(self) -> bool:
        """Whether nothing new may begin."""
        return self._remaining_ms is not None and self._remaining_ms() <= self._reserve_ms

    def seconds(self, at_most: float) -> float:
        """The seconds in which new work may begin, ``at_most`` so many."""
        if self._remaining_ms is None:
            return at_most
        return max(0.0, min(at_most, (self._remaining_ms() - self._reserve_ms) / 1000))

    def has(self, seconds: float) -> bool:
        """Whether so much is left in all, the reserve with it: for what has begun and comes to its end."""
        return self._remaining_ms is None or self._remaining_ms() >= seconds * 1000

    def for_call(self, at_most: float) -> float:
        """The seconds that a call to another system may take, so that what came of it can still be written:
        until half of the reserve is used.
        """
        if self._remaining_ms is None:
            return at_most
        left = (self._remaining_ms() - self._reserve_ms / 2) / 1000
        return max(_LEAST_CALL_S, min(at_most, left))


NO_LIMIT = TimeLeft()

_current = NO_LIMIT


def begin(event: Any, reserve: float = RESERVE) -> TimeLeft:
    """The time of the invocation that begins with this event. A process runs one at a time."""
    return begin_with(getattr(event, "context", None), reserve)


def begin_with(context: Any, reserve: float = RESERVE) -> TimeLeft:
    """The same, by Lambda's context."""
    global _current
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    _current = TimeLeft(remaining, reserve) if remaining else NO_LIMIT
    return _current


@contextmanager
def during(context: Any) -> Iterator[None]:
    """The same for as long as a block runs: a request to the API."""
    global _current
    begin_with(context)
    try:
        yield
    finally:
        _current = NO_LIMIT


def current() -> TimeLeft:
    """The time of the invocation that runs now, for whoever calls other systems deep inside it."""
    return _current
