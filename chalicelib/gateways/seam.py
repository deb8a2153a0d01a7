"""The one seam: every AWS call, every LINE call and every look at the clock passes ``cross``.

In production nobody guards it and it costs one function call. A test installs a guard and can stop,
crash, repeat, delay or count the program at each crossing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

Guard = Callable[[str, Mapping[str, Any], Callable[[], Any]], Any]
"""``guard(name, detail, call)``: name such as ``dynamodb:UpdateItem``, ``line:multicast``, ``clock:now``."""

_guard: Guard | None = None


def cross(name: str, detail: Mapping[str, Any], call: Callable[[], T]) -> T:
    """Do ``call``, through the guard if there is one."""
    if _guard is None:
        return call()
    guarded_call: T = _guard(name, detail, call)
    return guarded_call


@contextmanager
def guarded(guard: Guard) -> Iterator[None]:
    """Put ``guard`` at the seam for the time of the block."""
    global _guard
    before = _guard
    _guard = guard
    try:
        yield
    finally:
        _guard = before
