"""What work that is larger than one invocation costs for each 100,000, against the time of its function.

    python -m benchmarks.large                    friends, entries and lines from memory

Calls of DynamoDB and SQS are answered from memory and counted, so what is measured is our own CPU, without
the AWS client's and the network's. ``each`` is how long the CPU of one message takes when a million are
worked on, at the share of a vCPU that its function's memory gives (1,769 MB = 1), beside the time in which an
invocation may begin new work. What is larger goes on in the next invocation, from its saved position.
"""

from __future__ import annotations

import functools
import io
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.broadcasts.model import Arm, Slice
from chalicelib.broadcasts.plans import plan
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import queues, seam
from chalicelib.local.config import ROOT
from chalicelib.messages import render
from chalicelib.shared.time_left import NO_LIMIT, RESERVE
from chalicelib.timers import service as timers
from chalicelib.timers import store as timers_store
from chalicelib.timers.model import Slot
from chalicelib.transfers import chunking
from chalicelib.transfers.bins import Bins
from chalicelib.transfers.csv_file import CsvFile

SIZE = 20_000
SHARDS = 64
MB_PER_CPU = 1769
NOW = datetime(2026, 11, 22, 6, 0, tzinfo=UTC)
MESSAGE = {"messages": [{"type": "text", "text": "{{ friend.display_name }}さん、こんにちは。" * 3}]}
OWN = Arm("own", 1, MESSAGE, static=False)
ALL = Arm("all", 1, MESSAGE, static=True)


class Measured:
    """CPU seconds and calls of a block."""

    def __init__(self) -> None:
        self.cpu_s, self.calls = 0.0, Counter[str]()


@contextmanager
def measured(answers: dict[str, Callable[[Any], Any]]) -> Iterator[Measured]:
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


def function(name: str) -> tuple[float, float]:
    """The share of a vCPU and the seconds for new work that a function has."""
    config = json.loads((ROOT / ".chalice" / "config.json").read_text(encoding="utf-8"))
    own = config["stages"]["prod"]["lambda_functions"][name]
    return own["lambda_memory_size"] / MB_PER_CPU, own["lambda_timeout"] * (1 - RESERVE)


def show(what: str, found: Measured, of: str, size: int, messages: int) -> None:
    """A line; ``messages``: so many invocations share a million's work side by side."""
    share, seconds = function(of)
    per = 100_000 / size
    each = found.cpu_s * per * 10 / messages / share
    calls, often = sum(found.calls.values()) * per, max(1, -(-each // seconds))
    print(f"{what:<34} {found.cpu_s * per:6.2f} CPU s, {calls:5,.0f} calls per 100,000", end="; ")
    print(f"{of}: {messages} messages, each {each:.1f} of {seconds:.0f} s: {often:.0f} invocations")


def sheets() -> list[dict[str, Any]]:
    """Friends who follow."""
    return [
        {"user_id": f"U{n:032x}", "status": "following", "display_name": f"客 {n}", "attributes": {}}
        for n in range(SIZE)
    ]


def slices(arm: Arm) -> list[Slice]:
    """The friends judged, in slices."""
    zone, documents = ZoneInfo("Asia/Tokyo"), Snapshot("shop")

    def rendered(of: Arm, sheet: dict[str, Any]) -> list[dict[str, Any]]:
        return render.render(of.body, sheet, documents, NOW, zone=zone)

    judge = plan.Judge(
        broadcast="b",
        arms=[arm],
        hold_out_percent=0,
        included=lambda _: True,
        excluded=lambda _: False,
        render=rendered,
    )
    every, found, key = sheets(), list[Slice](), None
    at = 0
    while at < len(every):
        page = every[at : at + 1000]
        following = page[-1]["user_id"] if at + 1000 < len(every) else None
        made = plan.make_slice(key, page, following, judge)
        found.append(made)
        at += sum(map(len, made.arms.values()))
        key = made.next_key
    return found


def planning() -> None:
    """Judging with rendering, and packing, without the store's own work."""
    with measured({}) as judged:
        own = slices(OWN)
    show("judging, payloads of their own", judged, "plan_shard", SIZE, SHARDS)
    for what, arm, found in (("own payloads", OWN, own), ("one payload", ALL, slices(ALL))):
        totals = {0: plan.totals(found)}
        (part,) = plan.parts(totals)
        packer = plan.Packer([arm], part, plan.beginning(part, [arm]))
        with measured({}) as packed:
            for number, made in enumerate(found):
                for piece in packer.take(0, number, made):
                    json.dumps(piece.payloads or piece.users)
        show(f"packing, {what}", packed, "plan_shard", SIZE, 100)


def a_minute() -> None:
    """Draining and verifying a minute of steps of one node and 40 seconds."""
    minute = NOW + timedelta(hours=1)
    entries = [
        timers.Entry(
            "shop",
            "step",
            f"s#U{n:032x}",
            1,
            minute + timedelta(seconds=n * 40 // SIZE),
            group="s#n",
            body={"user_id": f"U{n:032x}", "scenario": "s", "run": 1},
        )
        for n in range(SIZE)
    ]
    by_shard: dict[str, list[dict[str, Any]]] = {}

    def keep(detail: Any) -> Any:
        for writes in detail["RequestItems"].values():
            for write in writes:
                item = write["PutRequest"]["Item"]
                by_shard.setdefault(item["pk"]["S"], []).append(item)
        return {}

    def query(detail: Any) -> Any:
        values = detail["ExpressionAttributeValues"]
        return {"Items": by_shard.get(values[":pk"]["S"], [])}

    with measured({"dynamodb:BatchWriteItem": keep}):
        timers_store.put([Slot(entry, at=entry.due_at) for entry in entries])
    for items in by_shard.values():
        items.sort(key=lambda item: str(item["sk"]["S"]))
    bucket = {"Attributes": {"pk": {"S": "BKT"}, "sk": {"S": "BKT"}, "state": {"S": "SEALED"}}}
    drained = {"Item": {**bucket["Attributes"], "state": {"S": "DRAINED"}}}
    answers: dict[str, Callable[[Any], Any]] = {
        "dynamodb:Query": query,
        "dynamodb:UpdateItem": lambda _: bucket,
        "dynamodb:GetItem": lambda _: drained,
        "sqs:SendMessageBatch": lambda _: {"Successful": [], "Failed": []},
        "sqs:GetQueueUrl": lambda asked: {"QueueUrl": asked["QueueName"]},
    }
    queues.url.cache_clear()
    name = f"{minute:%Y-%m-%dT%H:%MZ}"
    with measured(answers) as found:
        assert timers.drain(name).count == SIZE
    show("draining a minute", found, "minute_tasks", SIZE, 1)
    with measured(answers) as found:
        assert timers.verify(name, {"step": lambda asked: [True] * len(asked)}).is_over
    show("verifying it, owners' checks aside", found, "minute_tasks", SIZE, 1)
    queues.url.cache_clear()


def a_file() -> None:
    """Sorting and cutting an import."""
    lines = "".join(f"U{n:032x},客 {n},vip|new\r\n" for n in range(SIZE))
    file = ("user_id,display_name,tags\r\n" + lines).encode()
    objects = {"file": file}

    def put(detail: Mapping[str, Any]) -> None:
        objects[detail["Key"]] = detail["Body"]

    def get(detail: Mapping[str, Any]) -> dict[str, Any]:
        since = int(detail.get("Range", "bytes=0-")[6:-1])
        return {"Body": io.BytesIO(objects[detail["Key"]][since:])}

    written = CsvFile(io.BytesIO(file)).written()
    bins = Bins("file", len(file), written, 0)
    with measured({"s3:PutObject": put, "s3:GetObject": get}) as found:
        at = bins.sort(bins.beginning(), NO_LIMIT)
        for number in range(bins.count):
            for chunk in chunking.chunks(functools.partial(bins.records, number, at.pieces), 0):
                json.dumps(chunk)
    show("sorting and cutting an import", found, "bulk", SIZE, 1)


def main() -> int:
    """Measure, and tell the memory."""
    planning()
    a_minute()
    a_file()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory of this process, all inputs included: {peak:.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
