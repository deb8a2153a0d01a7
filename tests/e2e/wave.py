"""A trial by hand: what a wave of steps comes to on the local platform, and what each part of it costs.

    python -m tests.e2e.wave [--friends 10000] [--most-s 20] [--minutes 20]

So many friends come from a file, enter a scenario, and all of them are due in one second. For each of these
it tells the processor's time that one takes in each process (``dynamodb``: the tables; ``workers``: the
functions, with the facts of entering and ending that they react to), and the memory that each holds; of the
wave when the last multicast came and how many there were. Exit status 1: the last came later than
``--most-s`` after the moment. Run it on a calm machine.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from chalicelib.shared.times import parse_iso
from tests.e2e.large_work import STEP, once_each
from tests.e2e.platform import Platform
from tests.e2e.trial import Trial, run

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGES_MB = os.sysconf("SC_PAGE_SIZE") / 1e6
_KINDS = ("workers", "dynamodb", "cloud", "line", "api")
"""What the platform's processes are called by."""


class Meter:
    """The processor's time of a platform's processes, by what they are."""

    def __init__(self, platform: Platform) -> None:
        assert platform.process is not None
        self._group, self._before = platform.process.pid, Counter[str]()
        self.lap("", 0)

    def lap(self, what: str, number: int) -> None:
        """Tell what each of ``number`` things has taken since the last lap."""
        spent: Counter[str] = Counter()
        memory: Counter[str] = Counter()
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
                command = (stat.parent / "cmdline").read_text().replace("\0", " ")
            except OSError:  # it has ended
                continue
            if int(fields[2]) == self._group:
                name = next((kind for kind in _KINDS if kind in command), "rest")
                spent[name] += sum(map(int, fields[11:15]))
                memory[name] = max(memory[name], int(int(fields[21]) * _PAGES_MB))
        if number:
            each = ((name, (spent[name] - self._before[name]) / _TICKS / number * 1000) for name in spent)
            costs = ", ".join(f"{name} {ms:.2f}" for name, ms in sorted(each, key=lambda e: -e[1]))
            print(f"  {what}: ms of CPU for each: {costs}; MB: {dict(memory)}", flush=True)
        self._before = spent


def _enter(trial: Trial, shop: str, friends: int) -> datetime:
    """Everybody waits for one second; which."""
    soon = datetime.now(UTC) + timedelta(minutes=2, seconds=friends / 60)
    due = soon.replace(second=0, microsecond=0)
    trial.wait_until(shop, due, {"everyone": True}, friends)
    assert datetime.now(UTC) < due, "entering took longer than there was time"
    return due


def _wave(trial: Trial, shop: str, friends: int, due: datetime) -> float:
    """How long after its moment the last multicast came."""

    def look() -> Any:
        found = trial.api.get(f"{shop}/scenarios/visit/funnel")
        trial.last = f"{found['finished']} finished, {sum(found['active'].values())} active"
        return found["finished"] == friends and trial.idle()

    trial.until("the step's minute", lambda: datetime.now(UTC) >= due + timedelta(seconds=15))
    trial.until(f"{friends} steps", look, every_s=5)
    multicasts = list(trial.sent("&kind=multicast"))
    once_each(multicasts, friends)
    late = sorted((parse_iso(item["at"]) - due).total_seconds() for item in multicasts)
    sizes = sorted(len(item["to"]) for item in multicasts)
    print(f"the wave: {len(multicasts)} multicasts (at best {math.ceil(friends / 500)}) of {sizes} friends;")
    print(f"  {late[0]:.1f} to {late[-1]:.1f} s after the moment")
    return late[-1]


def main() -> int:
    """Import, enter, wait, look."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.wave")
    parser.add_argument("--friends", type=int, default=10_000)
    parser.add_argument("--most-s", type=float, default=20)
    parser.add_argument("--minutes", type=float, default=20)
    asked = parser.parse_args()
    last = 0.0

    def work(trial: Trial) -> None:
        nonlocal last
        shop = trial.open("shop", messages__step=STEP)
        meter = Meter(trial.platform)
        trial.import_lines(shop, asked.friends)
        meter.lap("an imported row", asked.friends)
        due = _enter(trial, shop, asked.friends)
        meter.lap("an enrolment", asked.friends)
        last = _wave(trial, shop, asked.friends, due)
        meter.lap("a step", asked.friends)

    return run(work, asked.minutes) or int(last > asked.most_s)


if __name__ == "__main__":
    sys.exit(main())
