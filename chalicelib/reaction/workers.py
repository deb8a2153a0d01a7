"""The handlers of the queues ``inbox`` and ``bulk``."""

from __future__ import annotations

import threading
from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.jobs import kinds as jobs
from chalicelib.reaction import batch, service
from chalicelib.rules.model import Program
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.observability import observed
from chalicelib.shared.settings import settings
from chalicelib.timers import service as timers

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


_REACT_RESERVE = 1 / 2
"""An event may ask LINE several times and none may be cut off: in the second half none begins."""


@bp.on_sqs_message(queue=settings().queue("inbox"), batch_size=10, maximum_concurrency=100)
@observed
def react(event: SQSEvent) -> dict[str, Any]:
    """React to what friends did: first in, first out per friend."""
    programs = _Programs()

    def work(body: dict[str, Any]) -> None:
        found = FriendEvent.from_message(body)
        service.react(found, *programs.get(found.account_id))

    def give_up(body: dict[str, Any], error: BaseException) -> None:
        service.give_up(FriendEvent.from_message(body), f"{type(error).__name__}: {error}")

    return batch.run(event.to_dict()["Records"], work, give_up, time_left.begin(event, _REACT_RESERVE))


@bp.on_sqs_message(queue=settings().queue("bulk"), batch_size=1, maximum_concurrency=10)
@observed
def bulk(event: SQSEvent) -> dict[str, Any]:
    """Work that may wait: what rooms have declared in their ``jobs.py``, and whom the timers have brought."""

    time_left.begin(event)

    def work(body: dict[str, Any], received: int) -> None:
        if "entries" in body:
            timers.wake(body)
        else:
            jobs.carry_out(body, received)

    return each_message(event, work)
