"""Every door against hostile requests: no 5xx, nothing slow, nothing dead-lettered after it was accepted.

    python -m tests.prove [--inputs 50000] [--seed 1] [--only N]     (make prove)

Input N of a seed is always the same request, sent to a shop that saw the inputs before it in its part. Time
is the processor's, not the clock's, so that a busy machine fails nobody.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import tests.conftest  # noqa: F401 (the environment of the tests, before anything of ours is read)
from tests import hostile
from tests.conftest import emulated_aws
from tests.hostile_values import Dice
from tests.shop import HttpAnswer, a_shop, ask, work_off

PART = 1_000
"""So many inputs meet one shop; then a fresh one is opened."""
SECONDS = 1.0
_WORK_EVERY = 20


@dataclass
class Outcome:
    """What came of a part."""

    statuses: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, int, str] = (0.0, 0, "")
    wrong: list[str] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        """Take in another part."""
        self.statuses += other.statuses
        self.slowest = max(self.slowest, other.slowest)
        self.wrong += other.wrong


def input_of(seed: int, number: int) -> hostile.Request:
    """The request with this number."""
    return hostile.request(Dice(f"{seed}:{number}"))


def prove(seed: int, numbers: range) -> Outcome:
    """Send these inputs to one shop."""
    outcome = Outcome()
    with emulated_aws(), a_shop():
        since: list[int] = []
        for number in numbers:
            sent = input_of(seed, number)
            answer = _send(sent)
            outcome.statuses[f"{answer.status // 100}xx"] += 1
            outcome.slowest = max(outcome.slowest, (answer.seconds, number, sent.endpoint))
            if fault := _fault(sent, answer):
                outcome.wrong.append(f"input {seed}:{number}: {fault}: {sent}")
            since.append(number)
            if len(since) >= _WORK_EVERY or number == numbers[-1]:
                dead = [f"{queue}: {str(body)[:1500]}" for queue, body in work_off()]
                where = f"inputs {seed}:{since[0]}-{since[-1]}"
                outcome.wrong += [f"{where}: dead letter of {letter}" for letter in dead]
                since = []
    return outcome


def _send(sent: hostile.Request) -> HttpAnswer:
    return ask(sent.method, sent.target, sent.body, sent.headers)


PAGES = ("/link/", "/p/", "/f/", "/liff/", "/login/", "/q/")
"""Where a person stands, whose errors are pages."""


def _fault(sent: hostile.Request, answer: HttpAnswer) -> str | None:
    """What is wrong with an answer, or None."""
    if answer.status >= 500:
        return f"{answer.status} {answer.raw[:300]!r}"
    if answer.status >= 400 and sent.target.startswith(PAGES) and answer.raw.startswith(b"<!doctype html>"):
        return None  # a friend's browser is shown a page
    if answer.status >= 400:
        error = answer.body.get("error") if isinstance(answer.body, dict) else None
        if not isinstance(error, dict) or not error.get("message") or "Traceback" in error["message"]:
            return f"not the shape of an error: {answer.raw[:300]!r}"
        if len(answer.raw) > 300_000:
            return f"an error of {len(answer.raw)} bytes"
    if answer.seconds > SECONDS and _send(sent).seconds > SECONDS and _send(sent).seconds > SECONDS:
        return f"took {answer.seconds:.1f} s"
    return None


def _parts(inputs: int) -> list[range]:
    return [range(begin, min(begin + PART, inputs)) for begin in range(0, inputs, PART)]


def _prove_part(asked: tuple[int, range]) -> Outcome:
    logging.disable(logging.CRITICAL)
    return prove(*asked)


def main() -> None:
    """Prove, print a summary, and end with 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.prove", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=50_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60, help="begin no part after this")
    parser.add_argument("--only", type=int, help="print and send this input alone")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    if options.only is not None:
        print(input_of(options.seed, options.only))
    parts = [range(options.only, options.only + 1)] if options.only is not None else _parts(options.inputs)
    began, total = time.monotonic(), Outcome()
    logging.disable(logging.CRITICAL)
    asked = [(options.seed, part) for part in parts]
    with ProcessPoolExecutor(options.jobs) as pool:
        for number, outcome in enumerate(pool.map(_prove_part, asked), 1):
            total.add(outcome)
            print(f"{number}/{len(parts)} parts, {len(total.wrong)} wrong", flush=True)
            for fault in outcome.wrong:
                print("  ", fault, flush=True)
            if time.monotonic() - began > 60 * options.minutes:
                print(f"{options.minutes} minutes are over; the rest is left out", flush=True)
                pool.shutdown(wait=False, cancel_futures=True)
                break
    counts = ", ".join(f"{count} x {status}" for status, count in sorted(total.statuses.items()))
    took, (slowest, number, endpoint) = time.monotonic() - began, total.slowest
    print(f"{sum(total.statuses.values())} inputs of seed {options.seed} in {took:.0f} s: {counts}")
    print(f"the slowest answer took {slowest:.2f} s of the processor: input {number}, {endpoint}")
    print(f"{len(total.wrong)} wrong" + (": see above" if total.wrong else ""))
    sys.exit(1 if total.wrong else 0)


if __name__ == "__main__":
    main()
