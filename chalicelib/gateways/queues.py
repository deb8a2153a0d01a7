"""SQS: send messages. Bodies are JSON; batches are cut to SQS's limits (10 messages, 1 MiB)."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.gateways import aws
from chalicelib.shared import metrics
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import FIFO_QUEUES, settings

_BATCH_BYTES = 1_000_000
MAX_DELAY_S = 900


@dataclass(frozen=True)
class Message:
    """One message: a JSON body; ``group`` and ``dedup`` for FIFO queues; in others it is the account."""

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


def dead_letter(queue: str, body: dict[str, Any]) -> None:
    """Put a message among the dead letters of a queue at once. Raises botocore's errors.

    SQS does not know where it came from: to redrive it, somebody has to name the queue.
    """
    sqs = aws.client("sqs")
    dead_url = sqs.get_queue_url(QueueName=settings().dead_letters(queue))["QueueUrl"]
    sqs.send_message(QueueUrl=dead_url, MessageBody=_text(body))
    metrics.count("DeadLettersWritten", queue=queue)


def redrive(queue: str, *, most: int | None = None) -> int | None:
    """Put the dead letters of a queue back into it: SQS does so by itself and None is the answer; or, with
    ``most`` or where SQS cannot (an emulator), one by one here, and so many were put back.

    The queue is named, so that what ``dead_letter`` has put there comes back too.
    """
    if most is None and _start_move(queue):
        return None
    moved = 0
    while (most is None or moved < most) and (n := _move_some(queue, 10 if most is None else most - moved)):
        moved += n
    return moved


def _start_move(queue: str) -> bool:
    sqs = aws.client("sqs")
    try:
        sqs.start_message_move_task(
            SourceArn=arn(settings().dead_letters(queue)), DestinationArn=arn(settings().queue(queue))
        )
    # What the emulators answer: on AWS dead letters move by themselves, there they are moved by hand.
    except (NotImplementedError, sqs.exceptions.UnsupportedOperation):
        return False
    return True


def arn(name: str) -> str:
    """The ARN of a queue by its whole name."""
    return f"arn:aws:sqs:{settings().region}:{settings().aws_account_id}:{name}"


def _move_some(queue: str, most: int) -> int:
    """Some of them: sent before they are deleted, so that a crash doubles one and loses none."""
    sqs = aws.client("sqs")
    dead_url = sqs.get_queue_url(QueueName=settings().dead_letters(queue))["QueueUrl"]
    found = sqs.receive_message(
        QueueUrl=dead_url,
        MaxNumberOfMessages=min(10, most),
        VisibilityTimeout=60,
        MessageSystemAttributeNames=["All"],
    ).get("Messages", [])
    for message in found:
        group = message.get("Attributes", {}).get("MessageGroupId")
        again = {"MessageGroupId": group} if group else {}
        if queue in FIFO_QUEUES:
            # SQS remembers the old one for five minutes, and would swallow it.
            again["MessageDeduplicationId"] = digest("again", message["MessageId"])
        sqs.send_message(QueueUrl=url(queue), MessageBody=message["Body"], **again)
        sqs.delete_message(QueueUrl=dead_url, ReceiptHandle=message["ReceiptHandle"])
    return len(found)


def send_all(queue: str, messages: Sequence[Message]) -> list[int]:
    """Put messages in a queue in their order; returns the indexes of those SQS refused."""
    refused: list[int] = []
    for batch in _batches(messages, fair=queue not in FIFO_QUEUES):
        answer = aws.client("sqs").send_message_batch(
            QueueUrl=url(queue), Entries=[entry for _, entry in batch]
        )
        refused += [int(failure["Id"]) for failure in answer.get("Failed", [])]
    return refused


def begin_send(queue: str, message: Message) -> Callable[[], bool]:
    """Begin to put one message in a queue. What is returned waits until SQS has answered: whether it took the
    message. Sent again after a lost connection, it is there once in a FIFO queue.
    """
    entry = _entry(0, message, fair=queue not in FIFO_QUEUES)
    end = aws.begin("sqs", "SendMessageBatch", {"QueueUrl": url(queue), "Entries": [entry]})
    return lambda: not end().get("Failed")


def _batches(messages: Sequence[Message], *, fair: bool) -> list[list[tuple[int, dict[str, Any]]]]:
    batches: list[list[tuple[int, dict[str, Any]]]] = []
    size = 0
    for index, message in enumerate(messages):
        entry = _entry(index, message, fair=fair)
        length = len(entry["MessageBody"].encode())
        if not batches or len(batches[-1]) == 10 or size + length > _BATCH_BYTES:
            batches.append([])
            size = 0
        batches[-1].append((index, entry))
        size += length
    return batches


def _entry(index: int, message: Message, *, fair: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "Id": str(index),
        "MessageBody": _text(message.body),
    }
    group = _account_of(message.body) if fair else message.group
    if group is not None:
        entry["MessageGroupId"] = group
    if message.dedup is not None:
        entry["MessageDeduplicationId"] = message.dedup
    if message.delay_s:
        entry["DelaySeconds"] = min(message.delay_s, MAX_DELAY_S)
    return entry


def _account_of(body: dict[str, Any]) -> str | None:
    """Whose message it is. In standard queues many messages of one delay no other, and nothing that has a
    ``lane`` of its own.
    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
    """
    entries = body.get("entries") or [body]
    account: str | None = entries[0].get("account")
    lane = entries[0].get("lane")
    return account if lane is None else f"{account}-{lane}"


def _text(body: dict[str, Any]) -> str:
    """The body as JSON; the two characters that SQS refuses as their escapes."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


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


def is_waiting(queue: str) -> bool:
    """Whether messages wait to be received, as far as SQS knows."""
    name = "ApproximateNumberOfMessages"
    answer = aws.client("sqs").get_queue_attributes(QueueUrl=url(queue), AttributeNames=[name])
    return int(answer["Attributes"][name]) > 0


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
