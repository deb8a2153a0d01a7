"""How long a count and a sorted list of friends take through HTTP on the local platform.

    python -m benchmarks.questions [friends]        100,000 without a number

Imports so many friends with tags, waits for the mirror, changes 200 of them, and asks each question on one
connection: the median and the 95th percentile of milliseconds as who asks sees them, and the processor's
milliseconds that one takes in each process (``api``: with DuckDB; ``dynamodb``: the tables). Run it on a calm
machine; it takes minutes.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.console import AT_ONCE, SIZE, A, wait_for_the_mirror
from chalicelib.local.client import until
from tests.e2e.platform import Platform
from tests.e2e.wave import Meter

CHANGED, TIMES = 200, 60
TREE = {"all": [{"any": [{"tag": "t7"}, {"tag": "t8"}]}, {"not": {"tag": "t9"}}]}
ASKED: dict[str, tuple[str, dict[str, Any]]] = {
    "count of one tag": ("segments/count", {"condition": {"tag": "t7"}}),
    "count of a tree of three": ("segments/count", {"condition": TREE}),
    "first 50 by name": ("friends/search", {"sort": "display_name", "limit": 50}),
    "first 50 of a tag by activity": (
        "friends/search",
        {"condition": {"tag": "t8"}, "sort": "last_active", "limit": 50},
    ),
}


def fill(platform: Platform, friends: int) -> None:
    """An account with so many friends, each with two tags of twenty."""
    channel = {"channel_secret": "secret", "channel_access_token": "token"}
    platform.api.put(A, {"name": "bench", **channel})
    for n in range(20):
        platform.api.put(f"{A}/tags/t{n}", {"name": str(n)})
    for begin in range(0, friends, AT_ONCE):
        numbers = range(begin, min(friends, begin + AT_ONCE))
        lines = (f"U{n:032x},友だち{n},t{n % 20}|t{n // 20 % 20}" for n in numbers)
        text = "user_id,display_name,tags\n" + "\n".join(lines)
        job = platform.api.call("POST", f"{A}/friends/import", text, content_type="text/csv")["job_id"]
        until("an import", lambda job=job: platform.api.get(f"{A}/jobs/{job}")["state"] == "done", 3600, 1)


def change(platform: Platform) -> None:
    """Some friends are others than in the snapshot."""
    for n in range(CHANGED):
        platform.api.call("PATCH", f"{A}/friends/U{n:032x}", {"tags": {"add": ["t7"]}})
    until("the changes", platform.idle, 600, 1)


def measure(platform: Platform, meter: Meter) -> None:
    """Each question so many times, after some that are not counted."""
    for what, (path, body) in ASKED.items():
        for _ in range(5):
            platform.api.post(f"{A}/{path}", body)
        meter.lap("", 0)
        times = []
        for _ in range(TIMES):
            began = time.perf_counter()
            platform.api.post(f"{A}/{path}", body)
            times.append((time.perf_counter() - began) * 1000)
        most = statistics.quantiles(times, n=20)[-1]
        print(f"{what}: {statistics.median(times):.1f} ms, 95 % within {most:.1f} ms")
        meter.lap("one", TIMES)


def main() -> int:
    """Fill, change, ask."""
    friends = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    with tempfile.TemporaryDirectory() as folder:
        platform = Platform(Path(folder))
        platform.start(600)
        try:
            fill(platform, friends)
            wait_for_the_mirror(platform)
            change(platform)
            measure(platform, Meter(platform))
        finally:
            platform.stop()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
