"""The handlers of the queues ``shards`` and ``broadcast-tasks``."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.accounts import friend_tokens
from chalicelib.broadcasts import lifecycle, steps, store
from chalicelib.broadcasts.model import RunSnapshot
from chalicelib.broadcasts.plans import packing, planning, run_snapshots
from chalicelib.broadcasts.winners import counting, deciding, rest
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import observed
from chalicelib.shared.settings import settings
from chalicelib.shared.time_left import TimeLeft
from chalicelib.timers import service as timers

bp = Blueprint(__name__)


@bp.on_sqs_message(queue=settings().queue("shards"), batch_size=1, maximum_concurrency=16)
@observed
def plan_shard(event: SQSEvent) -> dict[str, Any]:
    """Judge a shard (``{"account", "broadcast", "run", "shard"}``), pack a part of a run (``part``;
    ``stage``: of the rest after a test), or count what a test's friends did (``count``).

    Whoever sees that all shards are judged goes on with packing; what does not fit the time comes again.
    """
    left = time_left.begin(event)

    def work(body: dict[str, Any], received: int) -> None:
        run_snapshot = _stage_of(body)
        if run_snapshot is None:
            return  # asked for before the run was frozen: whoever freezes it asks again
        if "count" in body:
            done = _count(run_snapshot, body, left)
        elif "part" in body:
            done = packing.work_on(run_snapshot, int(body["part"]), left, again=received > 1)
        else:
            # After the shard and before the message is done with: if this fails, it comes again.
            done = _judge(run_snapshot, body, left) and packing.go_on(run_snapshot, left)
        if done:
            broadcast = store.find(run_snapshot.account, run_snapshot.broadcast)
            if broadcast is not None and broadcast.run == run_snapshot.run:
                lifecycle.poll_now(broadcast)

    return each_message(event, work)


def _stage_of(body: dict[str, Any]) -> RunSnapshot | None:
    """What a message's run is judged by; of the rest after a test, by the stored decision."""
    run_snapshot = run_snapshots.find_run_snapshot(body["account"], body["broadcast"], body["run"])
    if run_snapshot is None or "stage" not in body:
        return run_snapshot
    return rest.stage_of(run_snapshot, deciding.find(run_snapshot))


def _count(run_snapshot: RunSnapshot, body: dict[str, Any], left: TimeLeft) -> bool:
    """Count a shard's sample from where the message says; whether all shards are counted now."""
    asked = counting.Counted.read(body["count"])
    at = counting.count_shard(run_snapshot, int(body["shard"]), asked, left)
    if at is not None:
        packing.ask(run_snapshot, [{"shard": body["shard"], "count": at.body()}])
        return False
    return deciding.is_counted(run_snapshot, asked.arms)


def _judge(run_snapshot: RunSnapshot, body: dict[str, Any], left: TimeLeft) -> bool:
    """Judge a shard from where the message says; False when it is not over, and comes again."""
    since = planning.Judged.read(body["since"]) if "since" in body else None
    tools = planning.tools(run_snapshot, friend_tokens.make)
    at = planning.judge_shard(run_snapshot, tools, int(body["shard"]), left, since)
    if at is not None:
        packing.ask(run_snapshot, [{"shard": body["shard"], "since": at.body()}])
    return at is None


@bp.on_sqs_message(queue=settings().queue("broadcast-tasks"), batch_size=5, maximum_concurrency=4)
@observed
def tasks(event: SQSEvent) -> dict[str, Any]:
    """Carry out the machine's tasks, and wake whom the timers have brought (``due.py``)."""
    time_left.begin(event)

    def work(body: dict[str, Any], _received: int) -> None:
        if "entries" in body:
            timers.wake(body)
        if "task" in body:
            steps.carry_out(
                body["account"],
                body["broadcast"],
                body["run"],
                body["task"],
                body.get("token"),
                int(body.get("poll", 0)),
            )

    return each_message(event, work)
