"""The handlers of the queue ``minute-tasks`` and of the schedule, and the command after downtime."""

from __future__ import annotations

import zlib
from datetime import datetime, timedelta
from typing import Any

from chalice.app import Blueprint, CloudWatchEvent, Rate, SQSEvent

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import service as broadcasts
from chalicelib.catalog import kept_secrets
from chalicelib.deliveries import limits
from chalicelib.gateways import clock, executions, queues
from chalicelib.media import tidying
from chalicelib.mirror import compaction
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import logger, observed
from chalicelib.shared.settings import settings
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.timers import service as timers

bp = Blueprint(__name__)

_TIDY_MINUTE = 17
_QUOTA_MINUTE = 1
_MIRROR_MINUTE = 4
_SCHEDULES_MINUTE = 7
_FIGURES_MINUTE = 23
_ROLLUPS_MINUTE = 33
_MENUS_HOUR, _MENUS_MINUTE = 4, 37
_QUOTAS_WITHIN = timedelta(seconds=15)


@bp.on_sqs_message(queue=settings().queue("minute-tasks"), batch_size=1, maximum_concurrency=8)
@observed
def minute_tasks(event: SQSEvent) -> dict[str, Any]:
    """Drain or verify one minute (``{"task", "minute", "token"}``) and tell its execution.

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
    """Drain and verify the minutes whose executions did not; once an hour also look for secrets and files to
    delete, and at what is left of the quotas.
    """
    done = timers.sweep(timers.checks(), time_left.begin(event))
    if done["fed"]:
        logger.warning("the sweeper fed what executions had lost", extra=done)
    _tidy(clock.now())
    _ask_quotas(clock.now())
    _refresh_mirrors(clock.now())
    _look_at_schedules(clock.now())
    _find_figures(clock.now())
    _fold_reports(clock.now())
    _repair_menus(clock.now())
    return done


def _refresh_mirrors(now: datetime) -> None:
    """Once an hour for each account: have the next snapshot of its mirror made, if the last one is old."""
    for account in accounts.list_accounts() if now.minute % 10 == _MIRROR_MINUTE else ():
        if zlib.crc32(account.id.encode()) % 6 == now.minute // 10 and compaction.is_due(account.id, now):
            queues.send("mirror", {"account": account.id})


def _look_at_schedules(now: datetime) -> None:
    """Every ten minutes for each account: a save may have died before it could arm the next occurrence."""
    for account in accounts.list_accounts() if now.minute % 10 == _SCHEDULES_MINUTE else ():
        queues.send("bulk", {"job": "schedules", "account": account.id})


def _find_figures(now: datetime) -> None:
    """Once an hour for each account: the first time after its midnight is the one that counts."""
    for account in accounts.list_accounts() if now.minute == _FIGURES_MINUTE else ():
        queues.send("bulk", {"job": "figures", "account": account.id})


def _fold_reports(now: datetime) -> None:
    """Once an hour for each account: fold the lines of reports of the hour before, which have all come."""
    for account in accounts.list_accounts() if now.minute == _ROLLUPS_MINUTE else ():
        queues.send("bulk", {"job": "fold_reports", "account": account.id})


def _repair_menus(now: datetime) -> None:
    """Once a night for each account, by its own clock: link everybody to the rich menu of their sheet."""
    for account in accounts.list_accounts() if now.minute == _MENUS_MINUTE else ():
        if now.astimezone(account.zone).hour == _MENUS_HOUR:
            queues.send("bulk", {"job": "repair_rich_menus", "account": account.id})


def _tidy(now: datetime) -> None:
    """Once a day for each account, some of them each hour: delete the secrets that no document names, and old
    files that nothing shows.
    """
    if now.minute != _TIDY_MINUTE:
        return
    for account in accounts.list_accounts():
        if zlib.crc32(account.id.encode()) % 24 == now.hour:
            kept_secrets.tidy(account.id, now)
            tidying.tidy(account.id, now)


def _ask_quotas(now: datetime) -> None:
    """Once an hour for each account, a sixth of them each time: ask LINE what is left of its month."""
    if now.minute % 10 != _QUOTA_MINUTE:
        return
    for account in accounts.list_accounts():
        if zlib.crc32(account.id.encode()) % 6 != now.minute // 10:
            continue
        if clock.now() - now > _QUOTAS_WITHIN:
            return  # LINE is slow: the rest is asked for in an hour
        try:
            limits.left(account.id)
        except Exception:  # noqa: BLE001 (only a number for the dashboard is missing)
            logger.warning("the quota is not known", extra={"account": account.id}, exc_info=True)


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
