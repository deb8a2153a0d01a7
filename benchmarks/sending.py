"""What planning and sending a broadcast takes beside a bare loop over the same friends, and the memory of it.

    python -m benchmarks.sending [--friends 100000]          beside the bare loop, on the laptop's tables
    python -m benchmarks.sending --memory 1000000            the peak memory of all workers in one process

dynalite is another process, as on the laptop; queues, the state machine and LINE answer from memory, to both
alike. The bare loop reads every sheet by shard, and posts a multicast for every 500 who follow: no plan, no
ledger, no retry, nothing that survives its end. Beside it is one that reads of each sheet what a plan
reads. Exits 1 when a broadcast takes more than twice the bare loop's time or CPU (its and the store's), or
more requests than LINE needs (500 friends in each, one more for each variant).

With ``--memory`` the friends are in no table: each page of them is made when it is read. All workers of
a broadcast (planning, packing, its tasks, sending) run in this one process, which also holds what stands for
queues; so none of them needs more than its peak. Exits 1 above 150 MB.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from math import ceil
from typing import Any
from unittest.mock import patch

from benchmarks.cpu import DYNALITE, Spent, a_store
from chalicelib.accounts.model import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.friends import store as friends_store
from chalicelib.gateways import aws, line, seam
from chalicelib.gateways.dynamo import to_av
from chalicelib.local import resources
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.settings import settings
from chalicelib.sheets.model import new_sheet
from chalicelib.timers import service as timers
from tests.deliveries_builders import START, World, an_account

SHOP = Account("shop", "Shop", "Asia/Tokyo", 64)
PAGE = 1000
MOST, MOST_MB = 2.0, 150
PLANNED = ("sk", "status", "topics", "erased_at")
ARMS = [{"id": "a", "message": "news"}, {"id": "b", "message": "other"}]
WAYS: dict[str, dict[str, Any]] = {
    "one message": {"message": "news"},
    "two variants, a tenth held out": {"variants": ARMS, "test": {"hold_out_percent": 10}},
}


class Outside(World):
    """Queues, machine and LINE in memory; counts LINE's requests and keeps none. ``made``: friends of an
    account are in no table.
    """

    def __init__(self, friends: int = 0) -> None:
        super().__init__()
        self.friends, self.requests, self.reached = friends, Counter[str](), 0

    def cross(self, name: str, detail: Any, call: Callable[[], Any]) -> Any:
        """As the world, without LINE's memory."""
        if name == "sqs:GetQueueUrl":
            return {"QueueUrl": f"http://127.0.0.1/1/{detail['QueueName']}"}
        if name in {"line:multicast", "line:push"}:
            body = detail["body"]
            json.dumps(body)
            self.requests[name] += 1
            self.reached += len(body["to"]) if name == "line:multicast" else 1
            return line.Answer(200, request_id=f"r{self.requests.total()}")
        if self.friends and name == "dynamodb:Query" and detail["TableName"] == settings().table("friends"):
            return self._page(detail)
        return super().cross(name, detail, call)

    def _page(self, detail: Any) -> Any:
        """A page of friends, made now."""
        shard = int(detail["ExpressionAttributeValues"][":pk"]["S"].rpartition("#")[2])
        after = detail.get("ExclusiveStartKey", {}).get("sk", {}).get("S")
        first = int(after[8:], 16) + 1 if after else 0
        size = self.friends // SHOP.shards + (shard < self.friends % SHOP.shards)
        last = min(first + PAGE, size)
        items = [sheet_item(f"U{shard:07x}{n:024x}", shard) for n in range(first, last)]
        return {"Items": items} | ({"LastEvaluatedKey": _key(items[-1])} if last < size else {})


def _key(item: dict[str, Any]) -> dict[str, Any]:
    return {"pk": item["pk"], "sk": item["sk"]}


def sheet_item(user: str, shard: int) -> dict[str, Any]:
    """A friend who follows, with a tag and an attribute, as the table has it."""
    at = START.isoformat()
    sheet = new_sheet(SHOP.id, user, at) | {"status": "following", "display_name": "客", "followed_at": at}
    sheet |= {"tags": {"vip": {"since": at, "by": "import", "at": at}}}
    sheet = {name: value for name, value in sheet.items() if name not in {"account", "user_id"}}
    return {name: to_av(value) for name, value in sheet.items()} | {
        "pk": {"S": friends_store.partition(SHOP.id, shard)},
        "sk": {"S": user},
        "rev": {"N": "1"},
    }


def seed(count: int) -> None:
    """So many friends in the laptop's table, each in the shard where everybody looks for them."""
    table = settings().table("friends")
    items = [(user, friend_shard(user, SHOP.shards)) for user in (f"U{n:032x}" for n in range(count))]
    for start in range(0, count, 25):
        writes = [{"PutRequest": {"Item": sheet_item(*one)}} for one in items[start : start + 25]]
        aws.client("dynamodb").batch_write_item(RequestItems={table: writes})


def bare(fields: Sequence[str] = ()) -> Callable[[Outside], None]:
    """Read every sheet, or these fields of it, and post."""

    def work(_world: Outside) -> None:
        for number, users in enumerate(_fives(_following(fields))):
            body = {"to": users, "messages": [{"type": "text", "text": "冬の新作です"}]}
            line.send("token", "multicast", body, f"key{number}")

    return work


def _following(fields: Sequence[str]) -> Iterator[str]:
    names = {f"#{number}": name for number, name in enumerate(fields)}
    wanted = {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names} if names else {}
    for shard in range(SHOP.shards):
        request: dict[str, Any] = {
            "TableName": settings().table("friends"),
            "KeyConditionExpression": "pk = :pk",
            "ExpressionAttributeValues": {":pk": {"S": friends_store.partition(SHOP.id, shard)}},
            **wanted,
        }
        while True:
            page = aws.client("dynamodb").query(**request)
            yield from (item["sk"]["S"] for item in page["Items"] if item["status"]["S"] == "following")
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _fives(users: Iterator[str]) -> Iterator[list[str]]:
    some: list[str] = []
    for user in users:
        some.append(user)
        if len(some) == 500:
            yield some
            some = []
    if some:
        yield some


def ours(name: str, way: dict[str, Any], world: Outside) -> None:
    """One broadcast from /send to done."""
    world.lose = lambda queue, _: queue == "bulk"  # telling timelines is another work, and another benchmark
    body = {"name": name, "audience": {"everyone": True}, **way}
    broadcasts.put(SHOP.id, name, body, None, "bench")
    broadcasts.send(SHOP.id, name, "bench")
    world.run(until=timedelta(minutes=10))
    found = broadcasts.get(SHOP.id, name)
    assert found["status"] == "done", found
    assert found["progress"]["accepted"] == world.reached, found["progress"]


@contextmanager
def a_shop(friends: int = 0) -> Iterator[tuple[Outside, Spent]]:
    """An account on the laptop's tables."""
    with ExitStack() as stack:
        store = stack.enter_context(a_store())
        world = Outside(friends)
        stack.enter_context(patch.multiple(timers, arm=world.arm, watch=world.watch))
        stack.enter_context(seam.guarded(world.guard))
        resources.create_tables()
        an_account(SHOP)
        yield world, store


def beside(friends: int) -> bool:
    """Our time beside the bare loop's."""
    with a_shop() as (world, store):
        seed(friends)
        good, least, cheapest = True, 0.0, 0.0
        loops = [("bare loop", bare(), 0), ("bare loop, a plan's fields alone", bare(PLANNED), 0)]
        for name, work, arms in [*loops, *_broadcasts()]:
            world.counted.clear()
            world.requests.clear()
            world.reached, world.now = 0, world.now + timedelta(days=1)  # the brake would stop the same words
            began, own, stored = time.perf_counter(), time.process_time(), store()
            work(world)
            took, own, stored = time.perf_counter() - began, time.process_time() - own, store() - stored
            least, spent, cheapest = least or took, own + stored, cheapest or own + stored
            calls = sum(n for what, n in world.counted.items() if what.startswith(("dynamodb", "sqs")))
            requests = world.requests.total()
            print(
                f"{name:<34} {took:6.1f} s, {took / least:4.2f} ×; CPU {own:.1f} s and the store's "
                f"{stored:.1f} s, {spent / cheapest:4.2f} ×"
            )
            print(
                f"    {calls * 1000 / friends:.1f} AWS calls for each 1,000, {requests} LINE requests",
                flush=True,
            )
            good &= took <= MOST * least and spent <= MOST * cheapest
            good &= requests <= ceil(world.reached / 500) + arms
    return good


def _broadcasts() -> list[tuple[str, Callable[[Outside], None], int]]:
    def sending(number: int, way: dict[str, Any]) -> Callable[[Outside], None]:
        return lambda world: ours(f"b{number}", way, world)

    return [
        (name, sending(n, way), len(way.get("variants", [0]))) for n, (name, way) in enumerate(WAYS.items())
    ]


def memory(friends: int) -> bool:
    """The peak of all workers of one broadcast to so many."""
    with a_shop(friends) as (world, _):
        before = peak_mb()
        ours("many", WAYS["one message"], world)
        after = peak_mb()
    print(f"{friends:,} friends, {world.requests.total():,} LINE requests")
    print(f"{before:.0f} MB before, {after:.0f} MB at most")
    return after <= MOST_MB and world.reached == friends


def peak_mb() -> float:
    """The most that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    """Measure, report, judge."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sending")
    parser.add_argument("--friends", type=int, default=100_000)
    parser.add_argument("--memory", type=int)
    asked = parser.parse_args()
    if not DYNALITE.exists():
        print(f"{DYNALITE} is not installed: make run installs it")
        return 1
    good = memory(asked.memory) if asked.memory else beside(asked.friends)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
