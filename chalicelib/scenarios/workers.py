"""The handler of the queue ``due``."""

from __future__ import annotations

from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.scenarios import service
from chalicelib.scenarios.model import Pointer
from chalicelib.shared.batches import each_message
from chalicelib.shared.settings import settings

bp = Blueprint(__name__)


@bp.on_sqs_message(queue=settings().queue("due"), batch_size=1)
def advance(event: SQSEvent) -> dict[str, Any]:
    """Move on up to 100 friends of one scenario whose turn has come (a drained ``step`` message)."""

    def work(body: dict[str, Any], received: int) -> None:
        pointers = [
            Pointer(
                account=entry["account"],
                user_id=entry["body"]["user_id"],
                scenario=entry["body"]["scenario"],
                run=int(entry["body"]["run"]),
                v=int(entry["version"]),
                due_at=entry["due_at"],
            )
            for entry in body["entries"]
        ]
        service.advance(pointers, redelivered=received > 1)

    return each_message(event, work)
