"""The handler of the queue ``sends``."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.deliveries import service
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import observed
from chalicelib.shared.settings import settings
from chalicelib.timers import service as timers

bp = Blueprint(__name__)


@bp.on_sqs_message(
    queue=settings().queue("sends"), batch_size=1, maximum_concurrency=settings().sends_concurrency
)
@observed
def send(event: SQSEvent) -> dict[str, Any]:
    """Try a chunk (``{"account", "run", "chunk"}``), or wake whom the timers have brought (``due.py``).

    One message at a time: a chunk may need the whole of its time, and what waited behind it would be
    invisible until the queue gives it back.
    """

    time_left.begin(event)

    def work(body: dict[str, Any], _received: int) -> None:
        if "entries" in body:
            timers.wake(body)
        else:
            service.send_now(body["account"], body["run"], body["chunk"])

    return each_message(event, work)
