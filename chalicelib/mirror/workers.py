"""The handler of the queue ``mirror``: one message makes an account's next snapshot."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.accounts.service import get_account
from chalicelib.gateways import queues
from chalicelib.mirror import compaction
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import logger, observed
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)


@bp.on_sqs_message(queue=settings().queue("mirror"), batch_size=1, maximum_concurrency=2)
@observed
def compact(event: SQSEvent) -> dict[str, Any]:
    """Make the next snapshot (``{"account"}``); what does not fit the time goes on with the same message."""
    left = time_left.begin(event)

    def work(body: dict[str, Any], _received: int) -> None:
        account = get_account(body["account"])
        done = compaction.run(account.id, account.shards, left)
        if done is None:
            return  # somebody is at it
        logger.info("snapshot", extra={"account": account.id, **vars(done)})
        if not done.is_over:
            queues.send("mirror", body)

    return each_message(event, work)
