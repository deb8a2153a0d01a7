"""What the local SQS talks about: queues, messages to send, receipts and errors."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from typing import Any

from chalicelib.local.sqs.order import Order
from chalicelib.local.sqs.store import Message


class SqsError(Exception):
    """An error of SQS: the name of its shape, the code of the query protocol, and a sentence."""

    def __init__(self, name: str, message: str, code: str | None = None) -> None:
        super().__init__(message)
        self.name = name
        self.code = code or name
        self.message = message


def no_such_queue() -> SqsError:
    """The error that boto3 knows as ``exceptions.QueueDoesNotExist``."""
    return SqsError(
        "QueueDoesNotExist",
        "The specified queue does not exist.",
        "AWS.SimpleQueueService.NonExistentQueue",
    )


@dataclass(frozen=True)
class Entry:
    """One message to send."""

    body: str
    group: str | None = None
    dedup: str | None = None
    delay_s: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass
class Queue:
    """A queue: its attributes, its order, and where its receivers wait."""

    name: str
    attributes: dict[str, str]
    changed: threading.Condition
    order: Order
    by_id: dict[str, Message] = field(default_factory=dict)

    @property
    def fifo(self) -> bool:
        """Whether messages of a group keep their order."""
        return self.name.endswith(".fifo")

    def number(self, attribute: str, default: int) -> int:
        """An attribute as a number."""
        return int(self.attributes.get(attribute, default))

    @property
    def redrive(self) -> tuple[str, int] | None:
        """The name of the dead-letter queue and after how many receives a message goes there."""
        policy = self.attributes.get("RedrivePolicy")
        if not policy:
            return None
        values = json.loads(policy)
        return values["deadLetterTargetArn"].rpartition(":")[2], int(values["maxReceiveCount"])


def receipt(message: Message) -> str:
    """The receipt of the latest receive of a message."""
    return f"{message.id}#{message.receives}"
