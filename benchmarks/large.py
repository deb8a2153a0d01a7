"""What work that is larger than one invocation costs for each 100,000, against the time and the memory of its
function.

    python -m benchmarks.large [SIZE] [ROW]       so many friends, entries and lines (20,000); one row alone

Calls of AWS are answered from memory or a temporary folder and counted, so what is measured is our own CPU,
without the AWS client's and the network's. ``each`` is how long the CPU of one message takes when a million
are worked on, at the share of a vCPU that its function's memory gives (1,769 MB = 1), beside the time in
which an invocation may begin new work. What is larger goes on in the next invocation, from its saved
position. Each row runs in a process of its own, which reports the most memory it had: with everything the
function has loaded, the row's own input and, of one invocation, no less than all messages that it measures.
"""

from __future__ import annotations

import functools
import json
import multiprocessing
import resource
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

from chalicelib.accounts.model import Account
from chalicelib.broadcasts.model import Arm, Slice
from chalicelib.broadcasts.plans import plan
from chalicelib.catalog import service as catalog
from chalicelib.catalog.snapshot import Document, Snapshot
from chalicelib.deliveries import policies
from chalicelib.enrollments import funnel, waking
from chalicelib.gateways import objects, queues, seam
from chalicelib.jobs.service import JobHeader
from chalicelib.local.config import ROOT
from chalicelib.messages import render
from chalicelib.segments import by_shard
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.time_left import NO_LIMIT, RESERVE
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers
from chalicelib.transfers import chunking, exports
from chalicelib.transfers.bins import Bins
from chalicelib.transfers.csv_file import CsvFile
from tests.many import NOW, SHARDS, SHOP, Answers, Bucket, Friends, Minute, an_account

SIZE = 20_000
MB_PER_CPU = 1769
ZONE = ZoneInfo("Asia/Tokyo")
MESSAGE = {"messages": [{"type": "text", "text": "{{ friend.display_name }}さん、こんにちは。" * 3}]}
OWN = Arm("own", 1, MESSAGE, static=False)
ALL = Arm("all", 1, MESSAGE, static=True)
CAPS = {"caps": [{"category": "marketing", "max": 3, "per": "week"}]}
NODES = {
    "until": {"type": "wait", "after": "1d", "next": "step"},
    "step": {"type": "message", "message": "step", "next": None},
}
PUBLISHED = {"version": 1, "definition": {"start": "until", "nodes": NODES}}


@dataclass
class Measured:
    """CPU seconds, calls and peak memory of a block."""

    cpu_s: float = 0.0
    calls: Counter[str] = field(default_factory=Counter)
    peak_mb: float = 0.0


@contextmanager
def measured(answers: Answers) -> Iterator[Measured]:
    """Answers calls from memory, and counts them."""
    found = Measured()

    def guard(name: str, detail: Any, _call: Callable[[], Any]) -> Any:
        if name == "clock:now":
            return NOW
        found.calls[name] += 1
        return answers[name](detail) if name in answers else {}

    began = time.process_time()
    with seam.guarded(guard):
        yield found
    found.cpu_s = time.process_time() - began
    found.peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def function(name: str) -> tuple[int, float]:
    """The memory of a function, and its seconds for new work."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    own = config["stages"]["prod"]["lambda_functions"][name]
    return int(own["lambda_memory_size"]), own["lambda_timeout"] * (1 - RESERVE)


def show(row: Row, found: Measured, size: int) -> None:
    """A line."""
    memory, seconds = function(row.of)
    per = 100_000 / size
    each = found.cpu_s * per * 10 / row.messages / min(1, memory / MB_PER_CPU)
    calls, often = sum(found.calls.values()) * per, max(1, -(-each // seconds))
    print(f"{row.what:<36} {found.cpu_s * per:6.2f} CPU s, {calls:7,.0f} calls per 100,000", end="; ")
    print(f"{row.of}: {row.messages} messages, each {each:.1f} of {seconds:.0f} s", end=": ")
    print(f"{often:.0f} invocations; {found.peak_mb:.0f} of {memory} MB", flush=True)


# Broadcasts: judging with rendering, packing, reserving.


def judge(arm: Arm) -> plan.Judge:
    """Renders, and lets everybody in."""
    documents = Snapshot(SHOP.id)

    def rendered(of: Arm, sheet: dict[str, Any]) -> list[dict[str, Any]]:
        return render.render(of.body, sheet, documents, NOW, zone=ZONE)

    return plan.Judge(
        broadcast="b",
        arms=[arm],
        hold_out_percent=0,
        included=lambda _: True,
        excluded=lambda _: False,
        render=rendered,
    )


def slices(arm: Arm, size: int) -> Iterator[Slice]:
    """The friends judged, slice by slice."""
    by, at = judge(arm), 0
    key: str | None = None
    while at < size:
        until = min(at + 1000, size)
        page: list[dict[str, Any]] = [
            {"user_id": f"U{n:032x}", "status": "following", "display_name": f"客 {n}", "attributes": {}}
            for n in range(at, until)
        ]
        made = plan.make_slice(key, page, page[-1]["user_id"] if until < size else None, by)
        yield made
        at += sum(map(len, made.arms.values()))
        key = made.next_key


def judging(size: int) -> Measured:
    """Judging, without the store's own work."""
    with measured({}) as found:
        for _ in slices(OWN, size):
            pass
    return found


def packing(arm: Arm, size: int) -> Measured:
    """Packing the slices of one message's part."""
    every = list(slices(arm, max(size // 10, 1)))
    (part,) = plan.parts({0: plan.totals(every)})
    found = Measured()
    for _ in range(min(10, size)):
        packer = plan.Packer([arm], part, plan.beginning(part, [arm]))
        with measured({}) as once:
            for number, made in enumerate(every):
                for piece in packer.take(0, number, made):
                    json.dumps(piece.payloads or piece.users)
        found.cpu_s, found.peak_mb = found.cpu_s + once.cpu_s, once.peak_mb
    return found


def reserving(size: int) -> Measured:
    """Reserving caps while planning: one write for each friend, several under way."""
    policy = policies.read(CAPS, ZONE)
    none: Answers = {"dynamodb:Query": lambda _: {"Items": [], "Count": 0, "ScannedCount": 0}}
    with measured({"dynamodb:GetItem": an_account(), **none}) as found:
        for at in range(0, size, 1000):
            users = [f"U{n:032x}" for n in range(at, min(at + 1000, size))]
            assert policies.admit(SHOP.id, policy, "marketing", users, "run", NOW) == {}
    return found


# A minute: many steps of one node, in 40 seconds.


def draining(size: int) -> Measured:
    """Draining a minute."""
    minute = Minute(size)
    with measured(minute.answers()) as found:
        walked = timers.drain(f"{minute.at:%Y-%m-%dT%H:%MZ}")
    assert walked.count == minute.count * minute.held
    return found


def verifying(size: int) -> Measured:
    """Verifying it, when every owner has moved on."""
    minute = Minute(size)
    with measured(minute.answers()) as found:
        checks = {"step": lambda asked: [True] * len(asked)}
        assert timers.verify(f"{minute.at:%Y-%m-%dT%H:%MZ}", checks).is_over
    return found


# Files: an import sorted and cut, an export written and joined.


def cutting(size: int) -> Measured:
    """Sorting and cutting an import."""
    with tempfile.TemporaryDirectory() as folder:
        bucket = Bucket(folder)
        with bucket.path("file").open("w", encoding="utf-8", newline="") as file:
            file.write("user_id,display_name,tags\r\n")
            file.writelines(f"U{n:032x},客 {n},vip|new\r\n" for n in range(size))
        length = bucket.path("file").stat().st_size
        with bucket.path("file").open("rb") as begun:
            written = CsvFile(begun).written()
        bins = Bins("file", length, written, 0)
        with measured(bucket.answers()) as found:
            at = bins.sort(bins.beginning(), NO_LIMIT)
            for number in range(bins.count):
                for chunk in chunking.chunks(functools.partial(bins.records, number, at.pieces), 0):
                    json.dumps(chunk)
    return found


def shards(size: int) -> tuple[range, Friends]:
    """As many full shards of a million friends as make so many, and what they answer."""
    of_shard = min(size, 1_000_000 // SHARDS)
    return range(max(1, size // of_shard)), Friends(of_shard)


def exporting(size: int) -> Measured:
    """Writing an export shard by shard, and joining the parts."""
    every, friends = shards(size)
    header = ["user_id", "display_name", "status", "tags", "created_at"]
    params = {"header": header, "condition": None}
    job = JobHeader(new_ulid(), SHOP.id, "export", 0, SHARDS, iso(NOW), "bench", params, None, None)
    write, name = exports._write, exports._piece  # noqa: SLF001 (a message's part of the work)
    with (
        tempfile.TemporaryDirectory() as folder,
        measured(friends.answers() | Bucket(folder).answers()) as found,
    ):
        for shard in every:
            write(SHOP, job, shard, exports._Part(), lambda *_: lambda _: True, NO_LIMIT)  # noqa: SLF001
        pieces = [name(SHOP.id, job.id, shard, 0) for shard in every]
        assert objects.join("exports/all.csv", b"head", pieces, "text/csv") is True
    return found


def walking(make: Callable[[Account, str], by_shard.Each], size: int) -> Measured:
    """A change of a scenario, or a count, over everybody who is in it."""
    every, friends = shards(size)
    documents = {
        ("scenarios", "visit"): Document("scenarios", "visit", 1, {"nodes": NODES}, iso(NOW)),
        ("published", "visit"): Document("published", "visit", 1, PUBLISHED, iso(NOW)),
    }
    snapshot = Snapshot(SHOP.id, 1, "stamp", {}, documents)
    updated: Answers = {"dynamodb:UpdateItem": lambda _: {"Attributes": {}}}
    patched = patch.object(catalog, "snapshot", lambda _account: snapshot)
    with patched, measured({**friends.answers(), **updated}) as found:
        counted: Counter[str] = Counter()
        for shard in every:
            place, _ = by_shard.walk(SHOP, by_shard.Place(shard), make(SHOP, "visit"), NO_LIMIT, funnel.NEEDS)
            counted.update(place.counts)
    assert counted
    return found


@dataclass(frozen=True)
class Row:
    """Work, the function that does it, and how many messages share a million's of it."""

    what: str
    of: str
    messages: int
    work: Callable[[int], Measured]


ROWS = {
    "judging": Row("judging, payloads of their own", "plan_shard", SHARDS, judging),
    "own": Row("packing, own payloads", "plan_shard", 100, functools.partial(packing, OWN)),
    "all": Row("packing, one payload", "plan_shard", 100, functools.partial(packing, ALL)),
    "caps": Row("reserving caps", "plan_shard", SHARDS, reserving),
    "drain": Row("draining a minute", "minute_tasks", 1, draining),
    "verify": Row("verifying it, owners' checks aside", "minute_tasks", 1, verifying),
    "import": Row("sorting and cutting an import", "bulk", 1, cutting),
    "export": Row("writing and joining an export", "bulk", SHARDS, exporting),
    "publish": Row(
        "publishing: waits armed anew", "bulk", SHARDS, functools.partial(walking, waking.rearmer)
    ),
    "resume": Row("resuming: who waits is woken", "bulk", SHARDS, functools.partial(walking, waking.waker)),
    "funnel": Row("counting a funnel", "bulk", SHARDS, functools.partial(walking, funnel.counter)),
}


def alone(row: Row, size: int) -> Measured:
    """The row in a process of its own: its memory is nobody else's."""
    context = multiprocessing.get_context("fork")
    receiving, sending = context.Pipe(duplex=False)

    def work() -> None:
        queues.url.cache_clear()
        sending.send(row.work(size))

    process = context.Process(target=work)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    sending.close()
    found: Measured = receiving.recv()
    process.join()
    return found


def main() -> int:
    """Measure, one row after the other."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    for row in [ROWS[name] for name in sys.argv[2:]] or ROWS.values():
        show(row, alone(row, size), size)
    return 0


if __name__ == "__main__":
    sys.exit(main())
