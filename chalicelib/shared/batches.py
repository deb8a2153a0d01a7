"""SQS batches: run one function per message, report exactly the failures.

A failing message of a FIFO queue takes the rest of its group in the batch with it, so that order holds.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    SqsFifoPartialProcessor,
    process_partial_response,
)
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from chalice.app import SQSEvent

from chalicelib.shared.observability import logger


def each_message(
    event: SQSEvent, work: Callable[[dict[str, Any], int], None], *, fifo: bool = False
) -> dict[str, Any]:
    """Call ``work(body, receive_count)`` per message; answer ``{"batchItemFailures": [...]}``.

    An exception of ``work`` fails its message only (FIFO: and the later ones of its group).
    """

    def run(record: SQSRecord) -> None:
        try:
            work(json.loads(record.body), int(record.attributes.approximate_receive_count or 1))
        except Exception:
            logger.exception("message failed", extra={"message_id": record.message_id})
            raise

    # The processor's constructors differ in type only; both take the same records.
    processor: Any
    if fifo:
        processor = SqsFifoPartialProcessor(skip_group_on_error=True)
        processor.raise_on_entire_batch_failure = False
    else:
        processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    answer = process_partial_response(
        event=event.to_dict(),
        record_handler=run,
        processor=processor,
        context=None,
    )
    return dict(answer)
