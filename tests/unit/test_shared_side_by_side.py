"""Calls side by side: all of them, in bounds, and honest about errors."""

from __future__ import annotations

import threading
import time

import pytest

from chalicelib.shared import side_by_side


@pytest.fixture
def four(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(side_by_side, "AT_ONCE", 4)


def test_answers_come_in_the_order_of_the_items(four: None) -> None:
    """However long each takes."""
    assert side_by_side.each(lambda n: time.sleep(0.001 * (9 - n)) or n * n, range(9)) == [
        n * n for n in range(9)
    ]


def test_so_many_at_once_and_no_more(four: None) -> None:
    """Four are under way together, never five."""
    under_way, most, lock = 0, 0, threading.Lock()

    def work(_: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        time.sleep(0.01)
        with lock:
            under_way -= 1

    side_by_side.each(work, range(20))
    assert most == 4


def test_an_error_stops_what_has_not_begun(four: None) -> None:
    """The error comes out, when those that had begun have ended; most of the others are never begun."""
    begun: list[int] = []
    ended: list[int] = []

    def work(n: int) -> None:
        begun.append(n)
        if n == 1:
            raise RuntimeError("the second one")
        time.sleep(0.01)
        ended.append(n)

    with pytest.raises(RuntimeError, match="the second one"):
        side_by_side.each(work, range(100))
    assert len(begun) < 20
    assert sorted(ended) == sorted(set(begun) - {1})


def test_one_at_a_time_stays_in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that asks for one order gets it."""
    monkeypatch.setattr(side_by_side, "AT_ONCE", 1)
    assert side_by_side.each(lambda _: threading.current_thread(), "abc") == [threading.current_thread()] * 3


def test_parts_are_whole() -> None:
    """Cut in order, the last one shorter; of nothing there is no part."""
    assert side_by_side.parts([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    assert side_by_side.parts([], 2) == []
