"""The handler of the queue ``due``."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.gateways import clock
from chalicelib.scenarios import service
from chalicelib.scenarios.model import EARLY, Pointer
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import logger
from chalicelib.shared.settings import settings
from chalicelib.shared.times import parse_iso

bp = Blueprint(__name__)

_TOGETHER = 100
"""As many friends as a drained message holds travel together at most."""


@bp.on_sqs_message(queue=settings().queue("due"), batch_size=10)
def advance(event: SQSEvent) -> dict[str, Any]:
    """Move on the friends whose turn has come (drained ``step`` messages).

    Messages that waited in the queue are carried out together, so that a rush becomes multicasts too.
    """
    together, done = _due_together(event), set()
    if together:
        try:
            service.advance(_pointers(together.values()))
            done = set(together)
        except Exception:  # noqa: BLE001 (whatever it was, each message alone meets it again and reports it)
            logger.exception("friends did not move together, each message goes alone")

    def work(body: dict[str, Any], received: int) -> None:
        pointers = _pointers([body])
        if json.dumps(body, sort_keys=True) in done:
            return
        _wait_for(pointers)
        service.advance(pointers, redelivered=received > 1 or bool(together))

    return each_message(event, work)


def _due_together(event: SQSEvent) -> dict[str, dict[str, Any]]:
    """The messages, by their text, that are received for the first time and due already: two at least."""
    now, found, friends = clock.now(), {}, 0
    for record in event:
        body = json.loads(record.body)
        raw = record.to_dict()
        first_time = raw.get("attributes", {}).get("ApproximateReceiveCount", "1") == "1"
        late = max(parse_iso(entry["due_at"]) for entry in body["entries"]) <= now
        if first_time and late and friends + len(body["entries"]) <= _TOGETHER:
            found[json.dumps(body, sort_keys=True)] = body
            friends += len(body["entries"])
    return found if len(found) > 1 else {}


def _pointers(bodies: Any) -> list[Pointer]:
    return [
        Pointer(
            account=entry["account"],
            user_id=entry["body"]["user_id"],
            scenario=entry["body"]["scenario"],
            run=int(entry["body"]["run"]),
            v=int(entry["version"]),
            due_at=entry["due_at"],
        )
        for body in bodies
        for entry in body["entries"]
    ]


def _wait_for(pointers: list[Pointer]) -> None:
    """Wait for the moment itself: queues delay by whole seconds, so a message is early by up to one."""
    early = max(parse_iso(pointer.due_at) for pointer in pointers) - clock.now()
    if timedelta(0) < early <= EARLY:
        clock.sleep(early.total_seconds())
