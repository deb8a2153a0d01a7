"""A trial by hand: large work on the local platform, with every function's time scaled down.

    python -m tests.e2e.large_work [--lines 100000] [--friends 30000] [--scale 0.1] [--minutes 20]

Imports so many lines, exports them again, sends a personalised broadcast to so many of these friends, and
enters as many into a scenario whose next step is due for all of them in one second. Then: every line is in
the export once, the ledger balances, LINE has accepted one broadcast and one step for each friend, and
nothing is a dead letter. It tells how often a function was stopped by its timeout. It takes minutes, so no
test run starts it; what is not over in time is told with the numbers it came to, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.shared.times import parse_iso
from tests.e2e.trial import Trial, run

DEAR = {"messages": [{"type": "text", "text": "{{ friend.display_name }}さん、こんにちは"}]}
STEP = {"messages": [{"type": "text", "text": "ご予約の時間です"}]}


def _export(trial: Trial, shop: str, lines: int) -> None:
    """Every friend is in the file, once."""
    name = trial.api.post(f"{shop}/exports", {"columns": ["user_id"]})["job_id"]
    url = trial.job(shop, "export", name)["result"]["url"]
    with urllib.request.urlopen(url, timeout=60) as answer:
        rows = list(csv.reader(io.StringIO(answer.read().decode())))
    assert rows[0] == ["user_id"]
    users = [row[0] for row in rows[1:]]
    assert len(users) == len(set(users)) == lines


def _broadcast(trial: Trial, shop: str, friends: int) -> None:
    trial.broadcast(shop, friends, {"audience": {"tag": "meant"}, "message": "dear"})
    once_each(trial.sent("&kind=push"), friends)


def once_each(sent: Iterable[dict[str, Any]], friends: int) -> None:
    """So many friends were sent this, each of them once."""
    accepted = Counter(who for item in sent for who in item["to"])
    assert len(accepted) == friends, len(accepted)
    assert set(accepted.values()) == {1}, "somebody got it twice"


def _steps(trial: Trial, shop: str, friends: int, enter_within: timedelta) -> None:
    """So many friends are due in one second, and each gets the step once."""
    due = (datetime.now(UTC) + enter_within + timedelta(minutes=2)).replace(second=0, microsecond=0)
    trial.wait_until(shop, due, {"tag": "meant"}, friends)
    assert datetime.now(UTC) < due, "entering took longer than there was time: --enter-minutes"
    trial.until("the step's minute", lambda: datetime.now(UTC) >= due)

    def look() -> Any:
        found = trial.api.get(f"{shop}/scenarios/visit/funnel")
        trial.last = f"{found['finished']} finished, {sum(found['active'].values())} active"
        is_exact = "job_id" not in found
        return is_exact and found["finished"] == friends and trial.idle()

    trial.until(f"{friends} steps", look, every_s=3)
    multicasts = list(trial.sent("&kind=multicast"))
    once_each(multicasts, friends)
    late = [(parse_iso(item["at"]) - due).total_seconds() for item in multicasts]
    print(f"steps: first {min(late):.1f} s after the moment, last {max(late):.1f} s", flush=True)


def _no_dead_letters(trial: Trial) -> None:
    """Nothing was given up."""
    dead = {
        name: queue["dlq"]
        for name, queue in trial.api.get("/v1/status").items()
        if isinstance(queue, dict) and queue.get("dlq")
    }
    assert not dead, dead


def main() -> int:
    """Everything, in time."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.large_work")
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--friends", type=int, default=30_000)
    parser.add_argument("--scale", default="0.1")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--enter-minutes", type=float, default=4)
    asked = parser.parse_args()

    def work(trial: Trial) -> None:
        shop = trial.open("shop", tags__meant={}, messages__dear=DEAR, messages__step=STEP)
        trial.import_lines(shop, asked.lines, asked.friends)
        _export(trial, shop, asked.lines)
        _broadcast(trial, shop, asked.friends)
        _steps(trial, shop, asked.friends, timedelta(minutes=asked.enter_minutes))
        _no_dead_letters(trial)

    return run(work, asked.minutes, TODOKU_LOCAL_TIME_SCALE=asked.scale)


if __name__ == "__main__":
    sys.exit(main())
