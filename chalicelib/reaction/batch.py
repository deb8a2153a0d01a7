"""A batch of the inbox: friend by friend in the order of their timestamps, several friends side by side.

A failing event comes again after 1, 2, 5, then 10 seconds and the rest of its friend's events wait behind
it: what is done is taken from the queue, the rest is put in order anew with whatever has come by then. At
its last attempt it no longer holds them up: SQS moves it to the dead letters, and those who only waited
are worked on at once instead of following it there (SQS has counted their receives too).
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from chalicelib.gateways import queues
from chalicelib.shared.events import in_order, reported_at
from chalicelib.shared.observability import carried, log_fields, logger, note_subject, subject
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso

LAST_RECEIVE = 5
RETRY_AFTER_S = (1, 2, 5, 10)
_THREADS = 5

Work = Callable[[dict[str, Any]], None]
GiveUp = Callable[[dict[str, Any], BaseException], None]


def run(
    records: Iterable[Mapping[str, Any]], work: Work, give_up: GiveUp, left: TimeLeft = NO_LIMIT
) -> dict[str, Any]:
    """Work through SQS records; returns ``{"batchItemFailures": [...]}``.

    ``give_up`` is called with an event that has failed for the last time. When the time is over, what has not
    begun goes back at once, in its order.
    """
    by_friend: dict[str, list[Mapping[str, Any]]] = {}
    for record in records:
        by_friend.setdefault(record["attributes"].get("MessageGroupId", ""), []).append(record)
        note_subject(subject(json.loads(record["body"])))
    # Who went back for want of time before begins first.
    groups = sorted(by_friend.values(), key=lambda group: -max(map(_received, group)))
    may_begin = _MayBegin(left)
    if len(groups) == 1:
        failed = [_group(group, work, give_up, may_begin) for group in groups]
    else:
        with ThreadPoolExecutor(min(_THREADS, max(1, len(groups)))) as threads:
            of_group = carried(lambda group: _group(group, work, give_up, may_begin))
            failed = list(threads.map(of_group, groups))
    return {"batchItemFailures": [{"itemIdentifier": name} for names in failed for name in names]}


class _MayBegin:
    """Whether there is time for one more event. One of each batch begins in any case."""

    def __init__(self, left: TimeLeft) -> None:
        self._left, self._first = left, threading.Lock()

    def __call__(self, record: Mapping[str, Any]) -> bool:
        # SQS has no more patience with an event at its last attempt, whatever is left.
        if self._first.acquire(blocking=False) or _received(record) >= LAST_RECEIVE:
            return True
        return not self._left.is_over


def _timestamp(body: Mapping[str, Any]) -> str:
    return reported_at(str(body.get("type")), body.get("props") or {}, str(body.get("at", "")))


def _body(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a message holds, with when the queue took it: whoever is led on by it has been since then."""
    body: dict[str, Any] = json.loads(record["body"])
    sent = record["attributes"].get("SentTimestamp")
    return body | ({"received_at": iso(datetime.fromtimestamp(int(sent) / 1000, UTC))} if sent else {})


def _received(record: Mapping[str, Any]) -> int:
    return int(record["attributes"].get("ApproximateReceiveCount") or 1)


def _group(
    records: list[Mapping[str, Any]],
    work: Work,
    give_up: GiveUp,
    may_begin: Callable[[Mapping[str, Any]], bool],
) -> list[str]:
    """One friend's events in order; returns the ids of the messages that must come again."""
    failed: list[str] = []
    ordered = in_order([(record, _body(record)) for record in records], lambda pair: _timestamp(pair[1]))
    for position, (record, body) in enumerate(ordered):
        if not may_begin(record):
            return failed + _come_again([other for other, _ in ordered[position:]], 0)
        received = _received(record)
        try:
            _work(record, body, work, received)
        except Exception as error:  # noqa: BLE001 (every failure is judged by its attempt)
            if received < LAST_RECEIVE:
                delay = RETRY_AFTER_S[min(received, len(RETRY_AFTER_S)) - 1]
                return failed + _come_again([other for other, _ in ordered[position:]], delay)
            failed.append(record["messageId"])
            _give_up(body, error, give_up)
            _retry_in(record, 0)
    return failed


def _work(record: Mapping[str, Any], body: dict[str, Any], work: Work, received: int) -> None:
    with log_fields(**subject(body), message_id=record["messageId"]):
        try:
            work(body)
        except Exception:
            logger.exception("an event failed", extra={"attempt": received})
            raise


def _come_again(waiting: Iterable[Mapping[str, Any]], seconds: int) -> list[str]:
    """Let these messages come back, in their order; returns their ids."""
    names = []
    for record in waiting:
        _retry_in(record, seconds)
        names.append(record["messageId"])
    return names


def _give_up(body: dict[str, Any], error: Exception, give_up: GiveUp) -> None:
    try:
        give_up(body, error)
    except Exception:  # noqa: BLE001 (the message goes to the dead letters either way)
        logger.exception("a failed event leaves no activity")


def _retry_in(record: Mapping[str, Any], seconds: int) -> None:
    handle = record.get("receiptHandle")
    if handle:
        queues.retry_in("inbox", handle, seconds)
