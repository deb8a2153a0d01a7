"""SQS: send messages. Bodies are JSON; batches are cut to SQS's limits (10 messages, 1 MiB)."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.gateways import aws
from chalicelib.shared.settings import settings

_BATCH_BYTES = 1_000_000
MAX_DELAY_S = 900


@dataclass(frozen=True)
class Message:
    """One message: a JSON body; ``group`` and ``dedup`` for FIFO (or ``group`` alone for fair queues)."""

    body: dict[str, Any]
    group: str | None = None
    dedup: str | None = None
    delay_s: int = 0


@functools.cache
def url(queue: str) -> str:
    """The URL of a queue by its short name in ``settings.QUEUES``."""
    found: str = aws.client("sqs").get_queue_url(QueueName=settings().queue(queue))["QueueUrl"]
    return found


def send(
    queue: str, body: dict[str, Any], *, group: str | None = None, dedup: str | None = None, delay_s: int = 0
) -> None:
    """Put one message in a queue. Raises botocore's errors: nothing was sent, or it is not known."""
    failed = send_all(queue, [Message(body, group, dedup, delay_s)])
    if failed:
        raise RuntimeError(f"queue {queue} refused the message: {failed[0]}")


def bury(queue: str, body: dict[str, Any]) -> None:
    """Put a message among the dead letters of a queue at once. Raises botocore's errors.

    SQS does not know where it came from: to redrive it, somebody has to name the queue.
    """
    sqs = aws.client("sqs")
    dead_url = sqs.get_queue_url(QueueName=settings().dead_letters(queue))["QueueUrl"]
    sqs.send_message(QueueUrl=dead_url, MessageBody=_entry(0, Message(body))["MessageBody"])


def send_all(queue: str, messages: Sequence[Message]) -> list[int]:
    """Put messages in a queue in their order; answers the indexes of those SQS refused."""
    refused: list[int] = []
    for batch in _batches(messages):
        answer = aws.client("sqs").send_message_batch(
            QueueUrl=url(queue), Entries=[entry for _, entry in batch]
        )
        refused += [int(failure["Id"]) for failure in answer.get("Failed", [])]
    return refused


def _batches(messages: Sequence[Message]) -> list[list[tuple[int, dict[str, Any]]]]:
    batches: list[list[tuple[int, dict[str, Any]]]] = []
    size = 0
    for index, message in enumerate(messages):
        entry = _entry(index, message)
        length = len(entry["MessageBody"].encode())
        if not batches or len(batches[-1]) == 10 or size + length > _BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append((index, entry))
        size += length
    return batches


def _entry(index: int, message: Message) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "Id": str(index),
        "MessageBody": json.dumps(message.body, ensure_ascii=False, separators=(",", ":")),
    }
    if message.group is not None:
        entry["MessageGroupId"] = message.group
    if message.dedup is not None:
        entry["MessageDeduplicationId"] = message.dedup
    if message.delay_s:
        entry["DelaySeconds"] = min(message.delay_s, MAX_DELAY_S)
    return entry


def retry_in(queue: str, receipt_handle: str, seconds: int) -> None:
    """Let a message that is being worked on come back after so many seconds."""
    sqs = aws.client("sqs")
    try:
        sqs.change_message_visibility(
            QueueUrl=url(queue), ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )
    except sqs.exceptions.ClientError:
        # It is not in flight any more: it comes back by itself.
        return


def counts(queue: str) -> dict[str, int]:
    """``{"waiting", "in_flight", "dlq"}`` of a queue and its dead letters (SQS's approximate counts)."""
    sqs = aws.client("sqs")
    names = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    own = sqs.get_queue_attributes(QueueUrl=url(queue), AttributeNames=names)["Attributes"]
    dead_url = sqs.get_queue_url(QueueName=settings().dead_letters(queue))["QueueUrl"]
    dead = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=names[:1])["Attributes"]
    return {
        "waiting": int(own[names[0]]) + int(own[names[2]]),
        "in_flight": int(own[names[1]]),
        "dlq": int(dead[names[0]]),
    }
