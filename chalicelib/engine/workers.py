"""The handlers of the queues ``inbox`` and ``bulk``."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.deliveries import service as deliveries
from chalicelib.engine import batch, jobs, moments, service
from chalicelib.engine.model import Program
from chalicelib.friends import exports, imports
from chalicelib.scenarios import jobs as enrollments
from chalicelib.segments import service as segments
from chalicelib.shared.batches import each_message
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)


class _Programs:
    """The accounts' programs, read once per batch: what is in force when the batch begins."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[Account, Program]] = {}
        self._lock = threading.Lock()

    def get(self, account_id: str) -> tuple[Account, Program]:
        """The account and its program."""
        with self._lock:
            if account_id not in self._known:
                account = get_account(account_id)
                self._known[account_id] = account, service.program_for(account)
            return self._known[account_id]


@bp.on_sqs_message(queue=settings().queue("inbox"), batch_size=10)
def react(event: SQSEvent) -> dict[str, Any]:
    """React to what friends did: first in, first out per friend."""
    programs = _Programs()

    def work(body: dict[str, Any]) -> None:
        found = FriendEvent.from_message(body)
        service.react(found, *programs.get(found.account_id))

    def give_up(body: dict[str, Any], error: BaseException) -> None:
        service.give_up(FriendEvent.from_message(body), f"{type(error).__name__}: {error}")

    return batch.run(event.to_dict()["Records"], work, give_up)


@bp.on_sqs_message(queue=settings().queue("bulk"), batch_size=1, maximum_concurrency=10)
def bulk(event: SQSEvent) -> dict[str, Any]:
    """Work that may wait: ``{"job": "import", …}`` and the other names in ``_JOBS``; due moments."""

    def work(body: dict[str, Any], received: int) -> None:
        _JOBS[body.get("job") or body["kind"]](body, received)

    return each_message(event, work)


def _moment(body: dict[str, Any], _received: int) -> None:
    moments.come(body["entries"])


def _export(body: dict[str, Any], _received: int) -> None:
    exports.work(body)


def _count(body: dict[str, Any], _received: int) -> None:
    segments.work(body)


def _enroll(body: dict[str, Any], _received: int) -> None:
    enrollments.work(body)


def _import(body: dict[str, Any], received: int) -> None:
    imports.work(body, received, service.react, moments.OfAccount)


def _receipts(body: dict[str, Any], _received: int) -> None:
    deliveries.write_receipts(body["account"], body["run"], body["chunk"])


_JOBS: dict[str, Callable[[dict[str, Any], int], None]] = {
    "import": _import,
    "export": _export,
    "count": _count,
    "enroll": _enroll,
    "events": jobs.events,
    "profile": jobs.profile,
    "post": jobs.post,
    "call_outcome": jobs.call_outcome,
    "hide_message": jobs.hide_message,
    "content": jobs.content,
    "forget_content": jobs.forget_content,
    "forget_said": jobs.forget_said,
    "erase": jobs.erase,
    "receipts": _receipts,
    "outcome": jobs.outcome,
    "moment": _moment,
}
