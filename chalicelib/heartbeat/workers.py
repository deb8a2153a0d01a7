"""The handlers of the queue ``minute-tasks`` and of the schedule, and the command after downtime."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, Rate, SQSEvent

from chalicelib.broadcasts import service as broadcasts
from chalicelib.deliveries import service as deliveries
from chalicelib.engine import moments
from chalicelib.gateways import executions
from chalicelib.scenarios import service as scenarios
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings
from chalicelib.timers import service as timers

bp = Blueprint(__name__)

CHECKS: timers.Checks = {
    "step": scenarios.advanced,
    "chunk": deliveries.chunk_done,
    "run": broadcasts.run_done,
    "moment": moments.over,
}
"""For each kind of due entry: its owner's word on whether it has moved past it."""


@bp.on_sqs_message(queue=settings().queue("minute-tasks"), batch_size=1)
def minute_tasks(event: SQSEvent) -> dict[str, Any]:
    """Drain or verify one minute (``{"task", "minute", "token"}``) and tell its execution."""

    def work(body: dict[str, Any], _received: int) -> None:
        if body["task"] == "drain":
            done = {"sent": timers.drain(body["minute"], CHECKS)}
        else:
            done = {"fed": timers.verify(body["minute"], CHECKS)}
        executions.succeed(body["token"], done)

    return each_message(event, work)


@bp.schedule(Rate(1, unit=Rate.MINUTES))
def sweep(_event: CloudWatchEvent) -> dict[str, int]:
    """Drain and verify the minutes whose executions did not."""
    done = timers.sweep(CHECKS)
    if done["fed"]:
        logger.warning("the sweeper fed what executions had lost", extra=done)
    return done


def recover() -> dict[str, int]:
    """After downtime: feed what is overdue, start executions again, go on with open broadcasts.

    Answers ``{"fed", "sent", "started"}``. Safe at any time.
    """
    done = timers.recover(CHECKS)
    broadcasts.resume_open_runs()
    logger.info("recovered", extra=done)
    return done


@bp.lambda_function(name="recover")
def recover_command(_event: dict[str, Any], _context: Any) -> dict[str, int]:
    """``recover`` for operators: invoke it by hand after an outage."""
    return recover()
