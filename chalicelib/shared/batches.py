"""SQS batches: run one function per message, report exactly the failures."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import SQSEvent

from chalicelib.shared.observability import log_fields, logger, note_subject, subject


def each_message(event: SQSEvent, work: Callable[[dict[str, Any], int], None]) -> dict[str, Any]:
    """Call ``work(body, receive_count)`` per message; answer ``{"batchItemFailures": [...]}``.

    An exception of ``work`` fails its message only.
    """

    def run(record: SQSRecord) -> None:
        body, received = json.loads(record.body), int(record.attributes.approximate_receive_count or 1)
        found = subject(body)
        note_subject(found)
        with log_fields(**found, message_id=record.message_id):
            try:
                work(body, received)
            except Exception:
                logger.exception("a message failed", extra={"attempt": received})
                raise

    answer = process_partial_response(
        event=event.to_dict(),
        record_handler=run,
        processor=BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False),
        context=None,
    )
    return dict(answer)
