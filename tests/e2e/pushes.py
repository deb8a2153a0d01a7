"""A trial by hand: how long a personalised broadcast is on its way to a LINE that takes its time.

    python -m tests.e2e.pushes [--friends 2000] [--latency-ms 50] [--most-s 6] [--minutes 10]

The broadcast is paused while it is planned, then resumed: that is the release. By LINE's clock, it tells when
the first and the last push came, how many were under way at a time, and what a lone loop would have needed.
Exit status 1: the last push came later than ``--most-s`` after the release. Run it on a calm machine.
"""

from __future__ import annotations

import argparse
import bisect
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from chalicelib.shared.times import parse_iso
from tests.e2e.large_work import DEAR
from tests.e2e.trial import Trial, run


def _planned(trial: Trial, shop: str, friends: int) -> None:
    """The broadcast is written to its last chunk, and nothing of it was released."""
    body = {"name": "b", "audience": {"everyone": True}, "message": "dear"}
    trial.api.put(f"{shop}/broadcasts/b", body)
    trial.api.post(f"{shop}/broadcasts/b/send", {})
    trial.api.post(f"{shop}/broadcasts/b/pause", {})

    def look() -> Any:
        progress = trial.api.get(f"{shop}/broadcasts/b")["progress"]
        return progress["planned"] == progress["pending"] == friends

    trial.until("planned", look)
    trial.until("quiet", trial.idle)


def _print_pace(seconds: Sequence[float], latency_s: float) -> None:
    """``seconds``: after the release, of each push, in order."""
    under_way = [n + 1 - bisect.bisect(seconds, at - latency_s) for n, at in enumerate(seconds)]
    print(f"after the release: first push {seconds[0]:.2f} s, last {seconds[-1]:.2f} s")
    print(f"under way: {sum(under_way) / len(under_way):.0f} on average, {max(under_way)} at most")
    print(f"one after the other: {len(seconds) * latency_s:.0f} s")
    for second in range(int(seconds[-1]) + 1):
        many = bisect.bisect(seconds, second + 1) - bisect.bisect(seconds, second)
        print(f"  second {second}: {many}")


def main() -> int:
    """Plan, release, look."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.pushes")
    parser.add_argument("--friends", type=int, default=2000)
    parser.add_argument("--latency-ms", type=int, default=50)
    parser.add_argument("--most-s", type=float, default=6)
    parser.add_argument("--minutes", type=float, default=10)
    asked = parser.parse_args()
    last = 0.0

    def work(trial: Trial) -> None:
        nonlocal last
        shop = trial.open("shop", messages__dear=DEAR)
        trial.import_lines(shop, asked.friends)
        trial.sim.put("/_sim/faults", {"latency_ms": asked.latency_ms})
        _planned(trial, shop, asked.friends)
        released = datetime.now(UTC)
        trial.api.post(f"{shop}/broadcasts/b/resume", {})
        time.sleep(asked.most_s)
        trial.done(shop, asked.friends)
        pushes = [parse_iso(item["at"]) for item in trial.sent("&kind=push")]
        seconds = sorted((at - released).total_seconds() for at in pushes)
        assert len(seconds) == asked.friends, len(seconds)
        _print_pace(seconds, asked.latency_ms / 1000)
        last = seconds[-1]

    return run(work, asked.minutes) or int(last > asked.most_s)


if __name__ == "__main__":
    sys.exit(main())
