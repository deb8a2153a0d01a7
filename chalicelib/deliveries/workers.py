"""The handler of the queue ``sends``."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.deliveries import service
from chalicelib.deliveries.push import BUDGET
from chalicelib.gateways import clock
from chalicelib.shared.batches import each_message
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)


class _OutOfTime(Exception):
    """The batch has taken long enough; the message comes again in another one."""


@bp.on_sqs_message(queue=settings().queue("sends"), batch_size=5)
def send(event: SQSEvent) -> dict[str, Any]:
    """Try chunks (``{"account", "run", "chunk"}``) and go on with watches that ran out (``kind`` chunk)."""
    started = clock.now()

    def work(body: dict[str, Any], _received: int) -> None:
        if clock.now() - started > BUDGET:
            raise _OutOfTime
        if "entries" not in body:
            service.send_now(body["account"], body["run"], body["chunk"])
            return
        for entry in body["entries"]:
            place = entry["body"]
            service.watched(entry["account"], place["run"], place["chunk"], int(entry["version"]))

    return each_message(event, work)
