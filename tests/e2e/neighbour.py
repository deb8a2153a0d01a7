"""A trial by hand: one account's broadcast, and how long friends of another wait for a reply meanwhile.

    python -m tests.e2e.neighbour [--friends 100000] [--personal] [--minutes 20]

Friends of a small shop write twice a second: before, while a large shop imports its friends, and while its
broadcast goes out. Each message is answered by a rule's reply. The wait is LINE's: from the event to the
accepted reply, by the simulator's clock. Exit status 1: a message was not answered, or one waited longer
than two seconds during the broadcast.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.local.client import Client
from chalicelib.shared.times import parse_iso
from tests.e2e.large_work import DEAR
from tests.e2e.trial import Trial, run, user

SALE = {"messages": [{"type": "text", "text": "本日よりセール🎉"}]}
ANSWER = {"messages": [{"type": "text", "text": "はい"}]}
RULE = {"when": {"event": "messaged"}, "then": [{"add_tag": "wrote"}, {"reply": {"message": "answer"}}]}
WRITERS = 20
EVERY_S = 0.5
MOST_S = 2.0


@contextmanager
def writing(sim_port: int) -> Iterator[None]:
    """Friends of the small shop write, one after the other, as long as the block lasts."""
    stop = threading.Event()

    def write() -> None:
        sim, number = Client(f"http://127.0.0.1:{sim_port}"), 0
        while not stop.wait(EVERY_S):
            body = {"account": "small", "text": f"もしもし {number}"}
            sim.post(f"/_sim/friends/{user(number % WRITERS)}/message", body)
            number += 1
        sim.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def waits(trial: Trial, since: int) -> list[float]:
    """Seconds from each event of the small shop after ``since`` to its reply. Raises TimeoutError."""
    asked = f"account=small&since={since}"
    came = {
        item["event"]["replyToken"]: parse_iso(item["at"])
        for item in trial.sim.get(f"/_sim/events?{asked}")["items"]
    }

    def look() -> Any:
        found = trial.sim.get(f"/_sim/messages?{asked}&kind=reply&status=200")["items"]
        trial.last = f"{len(found)} of {len(came)} replies"
        return found if len(found) >= len(came) else None

    replies = trial.until("the last reply", look)
    return [(parse_iso(item["at"]) - came.pop(item["reply_token"])).total_seconds() for item in replies]


def during(trial: Trial, what: str, work: Callable[[], Any]) -> float:
    """Do it while friends of the small shop write; tells and answers the longest wait for a reply."""
    since = trial.sim.get("/_sim/health")["last_seq"]
    with writing(trial.platform.sim_port):
        work()
    found = sorted(waits(trial, since))
    late = sum(seconds > MOST_S for seconds in found)
    middle = found[len(found) // 2]
    print(
        f"{what}: {len(found)} replies, median {middle:.2f} s, longest {found[-1]:.2f} s, {late} late",
        flush=True,
    )
    return found[-1]


def main() -> int:
    """Calm, import, broadcast."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.neighbour")
    parser.add_argument("--friends", type=int, default=100_000)
    parser.add_argument("--personal", action="store_true", help="a text of its own for each friend, by push")
    parser.add_argument("--minutes", type=float, default=20)
    asked = parser.parse_args()
    longest = 0.0

    def work(trial: Trial) -> None:
        nonlocal longest
        large = trial.open("large", messages__sale=SALE, messages__dear=DEAR)
        trial.open("small", tags__wrote={}, messages__answer=ANSWER, rules__answer=RULE)
        message = "dear" if asked.personal else "sale"
        body = {"audience": {"everyone": True}, "message": message}
        during(trial, "calm", lambda: time.sleep(10))
        during(trial, "import", lambda: trial.import_lines(large, asked.friends))
        longest = during(trial, "broadcast", lambda: trial.broadcast(large, asked.friends, body))

    return run(work, asked.minutes) or int(longest > MOST_S)


if __name__ == "__main__":
    sys.exit(main())
