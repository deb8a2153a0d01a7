"""Calls side by side: each of many small writes waits for its answer, so a bounded number waits together.

What is done for one item keeps its own order; no order is promised between items. A protocol that
wants everybody past one write before anybody's next one calls ``each`` once for either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 16
"""Calls of one worker that are under way at the same time."""


def each(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    """``work`` of every item, the answers in the order of the items.

    When one raises, those that have not begun are not begun; the first one's error is raised when all that
    had begun have ended.
    """
    todo = list(items)
    if AT_ONCE == 1 or len(todo) < 2:
        return [work(item) for item in todo]
    stopped = False

    def guarded(item: T) -> R | None:
        nonlocal stopped
        if stopped:
            return None
        try:
            return work(item)
        except BaseException:
            stopped = True
            raise

    with ThreadPoolExecutor(min(AT_ONCE, len(todo)), thread_name_prefix="each") as threads:
        begun = [threads.submit(guarded, item) for item in todo]
    # After an error the others' places hold nothing: the first error in order is raised before they are read.
    for future in begun:
        if error := future.exception():
            raise error
    return [future.result() for future in begun]  # type: ignore[misc]


def parts(items: Sequence[T], size: int) -> list[list[T]]:
    """Items in order, so many together."""
    rest = iter(items)
    return list(iter(lambda: list(islice(rest, size)), []))
