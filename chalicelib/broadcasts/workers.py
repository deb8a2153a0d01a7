"""The handlers of the queues ``shards`` and ``broadcast-tasks``."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.broadcasts import frozen_store, lifecycle, planning, steps, store
from chalicelib.broadcasts.model import Frozen
from chalicelib.shared.batches import each_message
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)


@bp.on_sqs_message(queue=settings().queue("shards"), batch_size=10)
def plan_shard(event: SQSEvent) -> dict[str, Any]:
    """Judge shards (``{"account", "broadcast", "run", "shard"}``); whoever sees that all are, packs."""
    touched: dict[str, Frozen] = {}
    tools: dict[str, planning.Tools] = {}

    def work(body: dict[str, Any], _received: int) -> None:
        run = body["run"]
        if run not in touched:
            frozen = frozen_store.find_frozen(body["account"], body["broadcast"], run)
            if frozen is None:
                return  # asked for before the run was frozen: whoever freezes it asks again
            touched[run], tools[run] = frozen, planning.tools(frozen)
        planning.judge_shard(touched[run], tools[run], body["shard"])

    answer = each_message(event, work)
    # After the shards and before the batch is done with: if this fails, the whole batch comes again.
    for frozen in touched.values():
        if planning.pack_when_judged(frozen):
            head = store.find(frozen.account, frozen.broadcast)
            if head is not None and head.run == frozen.run:
                lifecycle.nudge(head)
    return answer


@bp.on_sqs_message(queue=settings().queue("broadcast-tasks"), batch_size=5)
def tasks(event: SQSEvent) -> dict[str, Any]:
    """Carry out the machine's tasks, and go on with runs whose watch has run out (``kind`` run)."""

    def work(body: dict[str, Any], _received: int) -> None:
        for entry in body.get("entries", ()):
            place = entry["body"]
            lifecycle.watched(entry["account"], place["broadcast"], place["run"], int(entry["version"]))
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
