"""A batch of the inbox: friend by friend in their order, several friends side by side.

A failing event comes again after 1, 2, 5, then 10 seconds and the rest of its friend's events wait behind
it. At its last attempt it no longer holds them up: SQS moves it to the dead letters, and those who only
waited are worked on at once instead of following it there (SQS has counted their receives too).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from chalicelib.gateways import queues
from chalicelib.shared.observability import logger

LAST_RECEIVE = 5
RETRY_AFTER_S = (1, 2, 5, 10)
_THREADS = 5

Work = Callable[[dict[str, Any]], None]
GiveUp = Callable[[dict[str, Any], BaseException], None]


def run(records: Iterable[Mapping[str, Any]], work: Work, give_up: GiveUp) -> dict[str, Any]:
    """Work through SQS records; answers ``{"batchItemFailures": [...]}``.

    ``give_up`` is told of an event that has failed for the last time.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        groups.setdefault(record["attributes"].get("MessageGroupId", ""), []).append(record)
    if len(groups) == 1:
        failed = [_group(group, work, give_up) for group in groups.values()]
    else:
        with ThreadPoolExecutor(min(_THREADS, max(1, len(groups)))) as threads:
            failed = list(threads.map(lambda group: _group(group, work, give_up), groups.values()))
    return {"batchItemFailures": [{"itemIdentifier": name} for names in failed for name in names]}


def _group(records: list[Mapping[str, Any]], work: Work, give_up: GiveUp) -> list[str]:
    """One friend's events in order; answers the ids of the messages that must come again."""
    failed: list[str] = []
    for position, record in enumerate(records):
        body = json.loads(record["body"])
        try:
            work(body)
        except Exception as error:  # noqa: BLE001 (every failure is judged by its attempt)
            received = int(record["attributes"].get("ApproximateReceiveCount") or 1)
            logger.exception(
                "an event failed", extra={"message_id": record["messageId"], "attempt": received}
            )
            if received < LAST_RECEIVE:
                waiting = records[position:]
                delay = RETRY_AFTER_S[min(received, len(RETRY_AFTER_S)) - 1]
                for other in waiting:
                    _retry_in(other, delay)
                return failed + [other["messageId"] for other in waiting]
            failed.append(record["messageId"])
            _give_up(body, error, give_up)
            _retry_in(record, 0)
    return failed


def _give_up(body: dict[str, Any], error: Exception, give_up: GiveUp) -> None:
    try:
        give_up(body, error)
    except Exception:  # noqa: BLE001 (the message goes to the dead letters either way)
        logger.exception("a failed event leaves no activity")


def _retry_in(record: Mapping[str, Any], seconds: int) -> None:
    handle = record.get("receiptHandle")
    if handle:
        queues.retry_in("inbox", handle, seconds)
