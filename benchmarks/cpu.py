"""The processor's time of our own for one of each thing, beside the bare calls to the store that it makes.

    python -m benchmarks.cpu [friends]            default 1,000, against dynalite; make run installs it

This process is measured, and beside it the store's, which is the laptop's; queues and LINE answer from
memory. A bare call is an update of a small item by the same lean client; ``ratio`` is a thing's time by that
of as many of them.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from chalicelib.accounts import service as accounts
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.gateways import aws, line, queues, seam
from chalicelib.jobs import service as jobs
from chalicelib.local import resources
from chalicelib.reaction import service as reaction
from chalicelib.shared.settings import Settings
from chalicelib.shared.times import iso
from chalicelib.transfers import imports
from tests import scenario_world as w
from tests import units
from tests.reaction_builders import DOCUMENTS, a_rule, an_event

ROOT = Path(__file__).parents[1]
DYNALITE = ROOT / ".tools" / "dynalite"
FRIENDS = 1000


Spent = Callable[[], float]
"""The processor's seconds of the store so far."""


class Outside:
    """Queues, parameters and files from memory; everything else goes on. Counts calls to the store."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.parameters: dict[str, str] = {}

    def guard(self, name: str, detail: Any, onward: Callable[[], Any]) -> Any:
        """Stands before a world's guard."""
        if name.startswith("dynamodb:"):
            self.calls[name] += 1
        if name == "sqs:GetQueueUrl":
            return {"QueueUrl": f"http://127.0.0.1/1/{detail['QueueName']}"}
        if name == "ssm:PutParameter":
            return self.parameters.update({detail["Name"]: detail["Value"]})
        if name == "ssm:GetParameter":
            return {"Parameter": {"Name": detail["Name"], "Value": self.parameters[detail["Name"]]}}
        return line.Answer(200) if name == "line:reply" else onward()


@contextmanager
def a_store() -> Iterator[Spent]:
    """dynalite as on the laptop, by the lean client; what it has spent."""
    with ExitStack() as stack:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        start = str(ROOT / "infra" / "dynalite" / "start.cjs")
        command = ["node", start, str(DYNALITE), str(port), folder]
        process = stack.enter_context(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )
        stack.callback(process.kill)
        _await_port(port)
        there = {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}"}
        stack.enter_context(patch.dict(os.environ, there))
        stack.enter_context(patch.object(aws, "settings", lambda: Settings(stage="test", lean_calls=1)))
        aws.forget_clients()
        queues.url.cache_clear()
        yield lambda: _spent(process.pid)
    aws.forget_clients()
    queues.url.cache_clear()


def _spent(pid: int) -> float:
    """The processor's seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _await_port(port: int) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise SystemExit("dynalite did not start")


class Table:
    """Prints a line for each thing."""

    def __init__(self, outside: Outside, store: Spent) -> None:
        self._outside, self._store, self._bare = outside, store, 0.0

    def measure(self, what: str, times: int, work: Callable[[], Any]) -> None:
        """The time of ``times`` things that ``work`` does; the first line is the bare call's."""
        self._outside.calls.clear()
        began, stored = time.process_time(), self._store()
        work()
        each = (time.process_time() - began) / times * 1000
        store = (self._store() - stored) / times * 1000
        calls = sum(self._outside.calls.values()) / times
        self._bare = self._bare or each
        ratio = each / (self._bare * calls)
        print(f"{what:<34} {each:6.2f} ms, {calls:5.2f} calls, ratio {ratio:4.1f}; the store {store:6.2f} ms")


def bare(users: list[str]) -> None:
    """One small conditional update for each."""
    for user in users:
        aws.client("dynamodb").update_item(
            TableName="todoku-test-enrollments",
            Key={"pk": {"S": f"bare#{user}"}, "sk": {"S": "x"}},
            UpdateExpression="SET a = :a",
            ConditionExpression="attribute_not_exists(a)",
            ExpressionAttributeValues={":a": {"S": "x"}},
        )


def react(users: list[str], world: w.World) -> None:
    """A message of each, by a rule that adds a tag and points and replies."""
    account = accounts.get_account(w.SHOP)
    program = reaction.program_for(account)
    for n, user in enumerate(users):
        event = an_event(user=user, id=f"cpu{n}", text="好き")
        reaction.react(replace(event, at=iso(world.now)), account, program)


def rules() -> None:
    """The documents of the benchmark of events, in the world's account."""
    points = {"add_score": {"score": "interest", "points": 1}}
    then = [{"add_tag": "vip"}, points, {"reply": {"message": "hello"}}]
    writes = [Write(kind, name, body) for kind, docs in DOCUMENTS.items() for name, body in docs.items()]
    writes.append(Write("rules", "keen", a_rule(then=then, match={"text": "好き"})))
    catalog.save(w.SHOP, writes, lambda _: None, "bench")


def rows(count: int) -> None:
    """New friends from lines of a file, in chunks of a hundred."""
    params = {"header": ["user_id", "display_name", "tags"], "fire": False}
    job = jobs.create(w.SHOP, "import", by="bench", total=count, chunks=-(-count // 100), params=params)
    for start in range(0, count, 100):
        lines = [[n, [f"V{n:032x}", f"客 {n}", "vip"]] for n in range(start, min(count, start + 100))]
        imports.apply_rows({"account": w.SHOP, "id": job, "chunk": f"c{start}", "rows": lines})


def enter(users: list[str]) -> None:
    """Everybody enters the scenario, a hundred at a time."""
    for start in range(0, len(users), 100):
        assert set(w.enroll(*users[start : start + 100])) == {None}


def measure_all(world: w.World, users: list[str], table: Table) -> None:
    """Everything, on a world with documents and friends."""
    n, hour = len(users), timedelta(minutes=40)
    w.put_messages(m1=units.SHORT, m2=units.SHORT, m3=units.SHORT)
    rules()
    w.put_friends(*users)
    w.publish(**units.STEPS)
    table.measure("bare update", n, lambda: bare(users))
    table.measure("event: tag, points, reply", n, lambda: react(users, world))
    table.measure("imported row, a new friend", n, lambda: rows(n))
    table.measure("enrolment", n, lambda: enter(users))
    world.run(hour, sweep=False)
    world.calls.clear()
    table.measure("step in a wave, to the timeline", n, lambda: world.run(hour, sweep=False))
    print(f"the wave went out in {world.calls['line:multicast']} multicasts")


def main() -> int:
    """Measure everything."""
    friends = int(sys.argv[1]) if len(sys.argv) > 1 else FRIENDS
    if not DYNALITE.exists():
        print(f"{DYNALITE} is not installed: make run installs it")
        return 1
    real = w.World.guard

    def guard(world: w.World, name: str, detail: Any, call: Callable[[], Any]) -> Any:
        return outside.guard(name, detail, lambda: real(world, name, detail, call))

    outside = Outside()
    with (
        a_store() as store,
        patch.object(w.World, "guard", guard),
        seam.guarded(outside.guard),
    ):
        resources.create_tables()
        with w.a_world() as world:
            units.with_receipts(world)
            measure_all(world, [f"U{n:032x}" for n in range(friends)], Table(outside, store))
    return 0


if __name__ == "__main__":
    sys.exit(main())
