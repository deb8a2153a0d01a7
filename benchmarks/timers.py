"""What timers and a scenario wave cost in AWS calls, and how fast a wave leaves.

    python -m benchmarks.timers                   calls, against an emulated AWS
    python -m benchmarks.timers --dynalite        also the time of a wave of 300, against dynalite

The wave ends when LINE has it: what the job of receipts writes afterwards, a receipt and the brake's log for
each friend, is counted in ``benchmarks.costs``. Exits 1 when a timer takes more than one write of its own, a
friend's step more than 3.4 AWS calls, or (with dynalite) the last chunk of the wave is fed later than 2 s
after the first pointer.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from moto import mock_aws

from chalicelib.gateways import aws, seam
from chalicelib.local import resources
from chalicelib.timers import service as timers
from tests import scenario_world as w

ROOT = Path(__file__).resolve().parents[1]
DYNALITE = ROOT / ".tools" / "dynalite" / "node_modules" / "dynalite" / "cli.js"
ENTRIES, FRIENDS = 1000, 300
CALLS_OF_A_STEP = 3.4
"""The claim, the move and the sheet's line of the scenario: an update each; and what many share."""
NODES: dict[str, Any] = {
    "start": "first",
    "nodes": {
        "first": w.message("m1", "pause"),
        "pause": w.wait("1d", "second"),
        "second": w.message("m1"),
    },
}


def show(title: str, calls: Counter[str], per: int, unit: str) -> None:
    """The calls of a measurement, and how many there are per unit."""
    print(f"{title}: {sum(calls.values()) / per:.3f} calls per {unit}")
    for name, count in calls.most_common():
        print(f"    {name:<32} {count:>6}   {count / per:.3f}")


def timers_alone(world: w.World) -> bool:
    """1,000 entries of one minute, 40 distinct seconds: armed, drained, verified."""
    due = world.now.replace(second=0, microsecond=0) + timedelta(hours=1)
    entries = [
        timers.Entry(w.SHOP, "step", f"s#u{n}", 1, due + timedelta(seconds=n % 40), group="s#n")
        for n in range(ENTRIES)
    ]
    world.calls.clear()
    timers.arm_all(entries)
    show("arm, 1,000 at once", world.calls, ENTRIES, "entry")
    writes = world.calls["dynamodb:BatchWriteItem"] * 25 / ENTRIES
    world.calls.clear()
    world.now = due
    sent = timers.drain(f"{due:%Y-%m-%dT%H:%MZ}").count
    messages = [entry for entry in world.queue if entry[2] == "due"]
    print(f"drain: {sent} entries in {len(messages)} messages")
    show("drain", world.calls, ENTRIES, "entry")
    world.calls.clear()
    world.now = due + timedelta(minutes=3)
    checks: timers.Checks = {"step": lambda found: [True] * len(found)}
    timers.verify(f"{due:%Y-%m-%dT%H:%MZ}", checks)
    show("verify", world.calls, ENTRIES, "entry")
    world.queue.clear()
    return writes <= 1.05


def a_wave(world: w.World, users: list[str], workers: int) -> tuple[float, float]:
    """Friends whose first message is due in one second: (seconds to the last chunk's feeding, in all)."""
    assert set(w.enroll(*users)) == {None}
    due = [entry for entry in world.queue if entry[2] == "due"]
    world.queue.clear()
    world.calls.clear()
    fed = [0.0]
    began = time.perf_counter()

    def guard(name: str, detail: Any, call: Any) -> Any:
        answer = world.guard(name, detail, call)
        if name == "sqs:SendMessageBatch" and "sends" in detail["QueueUrl"]:
            fed.append(time.perf_counter() - began)
        return answer

    with seam.guarded(guard), ThreadPoolExecutor(workers) as threads:
        list(threads.map(lambda entry: world.handle("due", entry[3]), due))
    in_all = time.perf_counter() - began
    for entry in [e for e in world.queue if e[2] == "sends" and "entries" not in e[3]]:
        world.handle("sends", entry[3])
    return max(fed), in_all


def prepare() -> list[str]:
    """A published scenario and its friends."""
    users = [f"u{n:03}" for n in range(FRIENDS)]
    w.put_messages(m1="こんにちは")
    w.put_friends(*users)
    w.publish(**NODES)
    return users


def counted() -> bool:
    """The calls, against moto."""
    with mock_aws():
        aws.forget_clients()
        resources.create_tables()
        resources.create_queues()
        with w.a_world() as world:
            good = timers_alone(world)
            users = prepare()
            a_wave(world, users, 1)
            show(f"a wave of {FRIENDS}, one message step", world.calls, FRIENDS, "friend")
            aws_calls = sum(n for name, n in world.calls.items() if not name.startswith("line:"))
            good &= aws_calls / FRIENDS <= CALLS_OF_A_STEP and len(world.sends) == FRIENDS
    aws.forget_clients()
    return good


def timed() -> bool:
    """The time of a wave, against dynalite with its file store."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        command = ["node", str(DYNALITE), "--host", "127.0.0.1", "--port", str(port), "--path", folder]
        process = subprocess.Popen([*command, "--createTableMs", "0"], stdout=subprocess.DEVNULL)
        stack.callback(process.wait)
        stack.callback(process.kill)
        os.environ["AWS_ENDPOINT_URL_DYNAMODB"] = f"http://127.0.0.1:{port}"
        _await_port(port)
        with mock_aws():
            # The parameter store is moto's; tables are dynalite's, beyond moto's reach.
            aws.forget_clients()
            stack.enter_context(_pass_through(port))
            resources.create_tables()
            resources.create_queues()
            with w.a_world() as world:
                users = prepare()
                at_line, in_all = a_wave(world, users, 3)
        del os.environ["AWS_ENDPOINT_URL_DYNAMODB"]
    print(
        f"dynalite, wave of {FRIENDS}: chunks are fed after {at_line:.2f} s, all is done after {in_all:.2f} s"
    )
    return at_line <= 2.0


def _pass_through(port: int) -> Any:
    from moto.core.config import default_user_config

    default_user_config["core"]["passthrough"]["urls"] = [rf"http://127\.0\.0\.1:{port}/?.*"]
    return ExitStack()


def _await_port(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("dynalite did not start")


def main() -> int:
    """Everything asked for; 1 when a bound does not hold."""
    good = counted()
    if "--dynalite" in sys.argv:
        if not DYNALITE.exists():
            raise SystemExit(f"{DYNALITE} is not installed: make run installs it")
        good &= timed()
    print(json.dumps({"good": good}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
