"""The handlers of the queue ``minute-tasks`` and of the schedule, and the command after downtime."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, Rate, SQSEvent

from chalicelib.accounts import service as accounts
from chalicelib.accounts.service import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.gateways import clock, executions, queues
from chalicelib.jobs import kinds as jobs
from chalicelib.mirror import compaction
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import logger, observed
from chalicelib.shared.settings import settings
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.timers import service as timers

bp = Blueprint(__name__)

_MIRROR_MINUTE = 4


@bp.on_sqs_message(queue=settings().queue("minute-tasks"), batch_size=1, maximum_concurrency=8)
@observed
def minute_tasks(event: SQSEvent) -> dict[str, Any]:
    """Drain or verify one minute (``{"task", "minute", "token"}``) and report to its execution.

    What there is no time for is gone on with by the same message again.
    """
    left = time_left.begin(event)

    def work(body: dict[str, Any], _received: int) -> None:
        walk = timers.drain if body["task"] == "drain" else timers.verify
        walked = walk(body["minute"], timers.checks(), left)
        if walked.is_over:
            name = "sent" if body["task"] == "drain" else "fed"
            executions.succeed(body["token"], {name: walked.count})
        else:
            queues.send("minute-tasks", body)

    return each_message(event, work)


@bp.schedule(Rate(1, unit=Rate.MINUTES))
@observed
def sweep(event: CloudWatchEvent) -> dict[str, int]:
    """Drain and verify the minutes whose executions did not, and ask for what is each account's turn now."""
    now = clock.now()
    done = timers.sweep(timers.checks(), time_left.begin(event))
    if done["fed"]:
        logger.warning("the sweeper fed what executions had lost", extra=done)
    # In what is left of the time: a few messages.
    every = accounts.list_accounts()
    _ask_for_jobs(every, now)
    _refresh_mirrors(every, now)
    return done


def _ask_for_jobs(every: Sequence[Account], now: datetime) -> None:
    """Everything of this minute; what cannot be asked for now is asked for at its next turn."""
    messages = [
        queues.Message({"job": job, "account": account.id})
        for account in every
        for job in jobs.asked(jobs.Minute(account.id, account.zone, now))
    ]
    if refused := queues.send_all(jobs.QUEUE, messages):
        logger.warning("jobs of the hour were refused", extra={"refused": len(refused)})


def _refresh_mirrors(every: Sequence[Account], now: datetime) -> None:
    """Once an hour for each account: have the next snapshot of its mirror made, if the last one is old."""
    if now.minute % 10 == _MIRROR_MINUTE:
        for account in every:
            turn = jobs.Minute(account.id, account.zone, now).turn(6)
            if turn == now.minute // 10 and compaction.is_due(account.id, now):
                queues.send("mirror", {"account": account.id})


def recover(left: TimeLeft = NO_LIMIT) -> dict[str, int]:
    """After downtime: feed what is overdue, start executions again, go on with open broadcasts.

    Answers ``{"fed", "sent", "started"}``. Safe at any time.
    """
    done = timers.recover(timers.checks(), left)
    broadcasts.resume_open_runs()
    for account in accounts.list_accounts():
        queues.send("bulk", {"job": "schedules", "account": account.id})
    logger.info("recovered", extra=done)
    return done


@bp.lambda_function(name="recover")
@observed
def recover_command(_event: dict[str, Any], context: Any) -> dict[str, int]:
    """``recover`` for operators: invoke it by hand after an outage."""
    return recover(time_left.begin_with(context))
