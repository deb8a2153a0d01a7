"""The CPU share that Lambda gives a function by its memory: 1,769 MB are one virtual CPU. Linux only.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

MB_PER_CPU = 1769
_PERIOD_S = 0.01
_BURST_S = 0.02


@dataclass
class _Running:
    """One invocation: its process, its share, and what it has used since its beginning."""

    pid: int
    share: float
    began: float = field(default_factory=time.monotonic)
    used_before: float = 0.0
    stopped: bool = False

    def owes(self, now: float) -> bool:
        """Whether it has used more than its share of the time so far."""
        return used_s(self.pid) - self.used_before > self.share * (now - self.began) + _BURST_S


def is_possible() -> bool:
    """Whether this system says how much CPU another process has used."""
    return sys.platform == "linux"


def used_s(pid: int) -> float:
    """Seconds of CPU that a process has used (Linux's clock of another process)."""
    return time.clock_gettime(~pid << 3 | 2)


class Shares:
    """Stops whoever has used more than its share, and lets it go on when time has made up for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[int, _Running] = {}
        self._busy = threading.Event()
        threading.Thread(target=self._watch, daemon=True, name="cpu shares").start()

    @contextlib.contextmanager
    def of(self, pid: int, memory_mb: int) -> Iterator[None]:
        """Hold a process to the share of so much memory for the time of the block."""
        running = _Running(pid, memory_mb / MB_PER_CPU)
        running.used_before = used_s(pid)
        with self._lock:
            self._running[pid] = running
            self._busy.set()
        try:
            yield
        finally:
            with self._lock:
                del self._running[pid]
                if running.stopped:
                    _signal(pid, signal.SIGCONT)

    def _watch(self) -> None:
        while self._busy.wait():
            with self._lock:
                now = time.monotonic()
                for running in self._running.values():
                    _hold(running, now)
                if not self._running:
                    self._busy.clear()
            time.sleep(_PERIOD_S)


def _hold(running: _Running, now: float) -> None:
    try:
        owes = running.owes(now)
    except OSError:
        return
    if owes != running.stopped:
        _signal(running.pid, signal.SIGSTOP if owes else signal.SIGCONT)
        running.stopped = owes


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
