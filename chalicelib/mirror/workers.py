"""The handler of the queue ``mirror``: one message makes an account's next snapshot."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.accounts.service import get_account
from chalicelib.gateways import queues
from chalicelib.mirror import compaction, following
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import logger, observed
from chalicelib.shared.settings import settings
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft

bp = Blueprint(__name__)


@bp.on_sqs_message(queue=settings().queue("mirror"), batch_size=1, maximum_concurrency=2)
@observed
def compact(event: SQSEvent) -> dict[str, Any]:
    """Make the next snapshot (``{"account"}``), when a job is over (``{"account", "job"}``) if one is named;
    what does not fit the time goes on with the same message.
    """
    left = time_left.begin(event)
    return each_message(event, lambda body, _received: make(body, left))


def make(body: dict[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """One message's work."""
    account = get_account(body["account"])
    if not following.is_over(account.id, body):
        return
    done = compaction.run(account.id, account.shards, left)
    if done is None:
        following.ask_again(body)  # somebody is at it
        return
    logger.info("snapshot", extra={"account": account.id, **vars(done)})
    if not done.is_over:
        queues.send("mirror", body)
