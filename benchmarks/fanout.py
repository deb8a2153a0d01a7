"""What a broadcast costs in AWS and LINE calls, against a bare loop over the same friends.

    python -m benchmarks.fanout [friends]         default 1,000, in 8 shards, against an emulated AWS

The bare loop reads the friends by shard and calls multicast for every 500: no plan, no ledger, no retry.
Exits 1 when planning, sending and settling 1,000 recipients of one payload take more than 180 calls, or
of payloads of their own more than 290 calls besides the pushes, or when telling each friend's timeline and
fact sheet afterwards takes more than 1.1 calls per friend.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from datetime import timedelta
from math import ceil
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from chalicelib.accounts.model import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import aws, seam
from chalicelib.local import resources
from chalicelib.segments import audience
from chalicelib.timers import service as timers
from tests.deliveries_builders import World, a_friend, an_account

SHOP = Account("shop", "Shop", "Asia/Tokyo", 8)
LIMITS = {"news": 180, "dear": 290}
TIMELINE_LIMIT = 1.1


def show(title: str, calls: Counter[str], friends: int) -> int:
    """Print the calls of one way; returns how many there are."""
    total = sum(calls.values())
    print(f"{title}: {total} calls, {total * 1000 / friends:.0f} per 1,000 recipients")
    for name, count in calls.most_common():
        print(f"    {name:<36} {count:>6}")
    return total


def bare(world: World) -> Counter[str]:
    """Read every shard; one multicast for every 500 friends."""
    world.counted.clear()
    users: list[str] = []
    for shard in range(SHOP.shards):
        for sheets in audience.walk_shard(SHOP.id, shard, needs=()):
            users += [sheet["user_id"] for sheet in sheets if sheet["status"] == "following"]
    return world.counted + Counter({"line:multicast": ceil(len(users) / 500)})


def ours(world: World, message: str) -> tuple[Counter[str], float, Counter[str]]:
    """One broadcast from /send to done; its calls and its seconds; and the calls of telling its friends."""
    jobs: list[dict[str, Any]] = []
    world.lose = lambda queue, body: queue == "bulk" and not jobs.append(body)
    body = {"name": message, "audience": {"everyone": True}, "message": message}
    broadcasts.put(SHOP.id, message, body, None, "bench")
    world.counted.clear()
    began = time.perf_counter()
    broadcasts.send(SHOP.id, message, "bench")
    world.run(until=timedelta(minutes=1))
    took, counted = time.perf_counter() - began, +world.counted
    assert broadcasts.get(SHOP.id, message)["status"] == "done"
    world.counted.clear()
    for job in jobs:
        deliveries.write_receipts(job["account"], job["run"], job["chunk"])
    return counted, took, +world.counted


def main() -> int:
    """Count, print, judge."""
    friends = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    world, good = World(), True
    replaced = patch.multiple(timers, arm=world.arm, watch=world.watch)
    with mock_aws(), seam.guarded(world.guard), replaced:
        aws.forget_clients()
        resources.create_tables()
        resources.create_queues()
        an_account(SHOP)
        for n in range(friends):
            a_friend(f"U{n:032x}", SHOP)
        least = show("bare multicast loop", bare(world), friends)
        for message, what in (("news", "one payload (multicast)"), ("dear", "own payloads (push)")):
            counted, took, telling = ours(world, message)
            total = show(f"\nbroadcast, {what}", counted, friends)
            own = total - counted["line:push"]
            per_thousand = own * 1000 / friends
            print(f"    {own / least:.1f} times the bare loop's calls; {took:.1f} s against the emulation")
            if friends >= 1000 and per_thousand > LIMITS[message]:
                print(f"    more than {LIMITS[message]} calls per 1,000 recipients")
                good = False
            calls = show("    then, on timelines and fact sheets", telling, friends)
            good &= friends < 1000 or calls <= TIMELINE_LIMIT * friends
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
