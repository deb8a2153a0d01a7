"""SQS's JSON protocol, as boto3 and moto's Step Functions speak it, in front of ``Queues``.

Durable where moto's SQS is not, and quick with a backlog: a poll costs the same with 20,000 messages
waiting. Not spoken: permissions, tags, and the older query protocol.
"""

from __future__ import annotations

import base64
import hashlib
import json
import struct
from collections.abc import Callable
from typing import Any

from chalicelib.local.sqs.model import Entry, SqsError, receipt
from chalicelib.local.sqs.queues import Queues
from chalicelib.local.sqs.store import Message

Answer = tuple[int, dict[str, str], bytes]
TARGET = "AmazonSQS."
_MAX_BYTES = 1_048_576
_BATCH = 10
_COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def _always() -> bool:
    return True


def _invalid(message: str) -> SqsError:
    return SqsError("InvalidParameterValue", message)


def _unsupported(_body: dict[str, Any], _alive: Callable[[], bool]) -> dict[str, Any]:
    code = "AWS.SimpleQueueService.UnsupportedOperation"
    raise SqsError("UnsupportedOperation", "This is not part of the local SQS.", code)


def _number(body: dict[str, Any], name: str, low: int, high: int) -> int | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or not low <= value <= high:
        raise _invalid(f"Value {value} for parameter {name} is invalid. Reason: between {low} and {high}.")
    return value


def md5_of_attributes(attributes: dict[str, Any]) -> str:
    """SQS's digest of message attributes: name, type and value, each with its length, in order of names."""
    digest = hashlib.md5(usedforsecurity=False)
    for name in sorted(attributes):
        kind = attributes[name]["DataType"]
        for text in (name, kind):
            digest.update(struct.pack("!I", len(text.encode())) + text.encode())
        binary = "BinaryValue" in attributes[name]
        value = (
            base64.b64decode(attributes[name]["BinaryValue"])
            if binary
            else attributes[name]["StringValue"].encode()
        )
        digest.update(bytes([2 if binary else 1]) + struct.pack("!I", len(value)) + value)
    return digest.hexdigest()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Sqs:
    """Answers SQS requests. ``origin`` is the server's own address, for queue URLs."""

    def __init__(self, queues: Queues, origin: str, account_id: str, region: str) -> None:
        self._queues = queues
        self._origin = origin
        self._account_id = account_id
        self._region = region
        self._actions: dict[str, Callable[[dict[str, Any], Callable[[], bool]], dict[str, Any]]] = {
            "CreateQueue": self._create_queue,
            "DeleteQueue": self._delete_queue,
            "GetQueueUrl": self._get_queue_url,
            "GetQueueAttributes": self._get_queue_attributes,
            "SetQueueAttributes": self._set_queue_attributes,
            "ListQueues": self._list_queues,
            "PurgeQueue": self._purge_queue,
            "SendMessage": self._send_message,
            "SendMessageBatch": self._send_message_batch,
            "ReceiveMessage": self._receive_message,
            "DeleteMessage": self._delete_message,
            "DeleteMessageBatch": self._delete_message_batch,
            "ChangeMessageVisibility": self._change_visibility,
            "ChangeMessageVisibilityBatch": self._change_visibility_batch,
            "StartMessageMoveTask": self._start_move,
        }

    def answer(self, target: str, raw: bytes, alive: Callable[[], bool] = _always) -> Answer:
        """Status, headers and body for a request; ``alive`` returns whether the caller still listens."""
        action = target.removeprefix(TARGET)
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        try:
            answer = self._actions.get(action, _unsupported)(json.loads(raw or b"{}"), alive)
        except SqsError as error:
            headers["x-amzn-query-error"] = f"{error.code};Sender"
            body = {"__type": f"com.amazonaws.sqs#{error.name}", "message": error.message}
            return 400, headers, json.dumps(body).encode()
        return 200, headers, json.dumps(answer).encode()

    # -- queues

    def _create_queue(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        name, attributes = body["QueueName"], dict(body.get("Attributes") or {})
        if name.endswith(".fifo") != (attributes.get("FifoQueue") == "true"):
            raise _invalid("The name of a FIFO queue, and of no other, ends with .fifo.")
        self._queues.create(name, attributes)
        return {"QueueUrl": self._url(name)}

    def _delete_queue(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        self._queues.delete_queue(self._name(body))
        return {}

    def _get_queue_url(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        return {"QueueUrl": self._url(self._queues.get(body["QueueName"]).name)}

    def _get_queue_attributes(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        name = self._name(body)
        wanted = set(body.get("AttributeNames") or [])
        known: dict[str, str] = {
            "VisibilityTimeout": "30",
            "DelaySeconds": "0",
            **self._queues.get(name).attributes,
            "QueueArn": f"arn:aws:sqs:{self._region}:{self._account_id}:{name}",
        }
        if wanted & {"All", *_COUNTS}:
            counts = zip(_COUNTS, self._queues.counts(name), strict=True)
            known.update((key, str(count)) for key, count in counts)
        return {"Attributes": {k: v for k, v in known.items() if "All" in wanted or k in wanted}}

    def _set_queue_attributes(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        self._queues.set_attributes(self._name(body), dict(body["Attributes"]))
        return {}

    def _list_queues(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        prefix = body.get("QueueNamePrefix") or ""
        return {"QueueUrls": [self._url(n) for n in self._queues.names() if n.startswith(prefix)]}

    def _purge_queue(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        self._queues.purge(self._name(body))
        return {}

    def _start_move(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        source = body["SourceArn"].rpartition(":")[2]
        destination = (body.get("DestinationArn") or "").rpartition(":")[2]
        moved = self._queues.move_all(source, destination or None)
        return {"TaskHandle": base64.b64encode(f"{source} {moved}".encode()).decode()}

    # -- messages

    def _send_message(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        name = self._name(body)
        (message,) = self._queues.send(name, [self._entry(name, body)])
        return self._sent(name, message)

    def _send_message_batch(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        name, items = self._name(body), self._batch(body)
        if sum(len(item.get("MessageBody", "").encode()) for item in items) > _MAX_BYTES:
            raise SqsError(
                "BatchRequestTooLong",
                "The batch is longer than 1,048,576 bytes.",
                "AWS.SimpleQueueService.BatchRequestTooLong",
            )
        entries: list[tuple[str, Entry]] = []
        failed: list[dict[str, Any]] = []
        for item in items:
            try:
                entries.append((item["Id"], self._entry(name, item)))
            except SqsError as error:
                failed.append(_failure(item["Id"], error))
        messages = self._queues.send(name, [entry for _, entry in entries])
        sent = [
            {"Id": entry_id, **self._sent(name, message)}
            for (entry_id, _), message in zip(entries, messages, strict=True)
        ]
        return {"Successful": sent, "Failed": failed} if failed else {"Successful": sent}

    def _receive_message(self, body: dict[str, Any], alive: Callable[[], bool]) -> dict[str, Any]:
        name = self._name(body)
        queue = self._queues.get(name)
        wait_s = _number(body, "WaitTimeSeconds", 0, 20)
        messages = self._queues.receive(
            name,
            _number(body, "MaxNumberOfMessages", 1, 10) or 1,
            queue.number("ReceiveMessageWaitTimeSeconds", 0) if wait_s is None else wait_s,
            _number(body, "VisibilityTimeout", 0, 43200),
            alive,
        )
        wanted = {*(body.get("AttributeNames") or []), *(body.get("MessageSystemAttributeNames") or [])}
        with_attributes = bool(body.get("MessageAttributeNames"))
        return (
            {"Messages": [self._received(m, wanted, with_attributes) for m in messages]} if messages else {}
        )

    def _delete_message(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        (error,) = self._queues.delete(self._name(body), [body["ReceiptHandle"]])
        if error is not None:
            raise error
        return {}

    def _delete_message_batch(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        items = self._batch(body)
        errors = self._queues.delete(self._name(body), [item["ReceiptHandle"] for item in items])
        return _batch_answer([(item["Id"], error) for item, error in zip(items, errors, strict=True)])

    def _change_visibility(self, body: dict[str, Any], _: Callable[[], bool]) -> dict[str, Any]:
        seconds = _number(body, "VisibilityTimeout", 0, 43200) or 0
        self._queues.change_visibility(self._name(body), body["ReceiptHandle"], seconds)
        return {}

    def _change_visibility_batch(self, body: dict[str, Any], alive: Callable[[], bool]) -> dict[str, Any]:
        results: list[tuple[str, SqsError | None]] = []
        for item in self._batch(body):
            try:
                self._change_visibility({**item, "QueueUrl": body["QueueUrl"]}, alive)
                results.append((item["Id"], None))
            except SqsError as error:
                results.append((item["Id"], error))
        return _batch_answer(results)

    # -- shapes

    def _url(self, name: str) -> str:
        return f"{self._origin}/{self._account_id}/{name}"

    def _name(self, body: dict[str, Any]) -> str:
        # Only the name counts: ports change between runs, and Step Functions says "localhost".
        return self._queues.get(str(body.get("QueueUrl", "")).rpartition("/")[2]).name

    def _batch(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = body.get("Entries") or []
        if not items:
            raise SqsError(
                "EmptyBatchRequest",
                "There should be at least one entry in the request.",
                "AWS.SimpleQueueService.EmptyBatchRequest",
            )
        if len(items) > _BATCH:
            raise SqsError(
                "TooManyEntriesInBatchRequest",
                f"Maximum number of entries is {_BATCH}.",
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest",
            )
        if len({item["Id"] for item in items}) < len(items):
            raise SqsError(
                "BatchEntryIdsNotDistinct",
                "Two entries have the same Id.",
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct",
            )
        return items

    def _entry(self, name: str, item: dict[str, Any]) -> Entry:
        text, group = item.get("MessageBody") or "", item.get("MessageGroupId")
        delay_s = _number(item, "DelaySeconds", 0, 900)
        if not text:
            raise SqsError("MissingParameter", "The request must contain the parameter MessageBody.")
        if len(text.encode()) > _MAX_BYTES:
            raise _invalid("The message is longer than 1,048,576 bytes.")
        if self._queues.get(name).fifo:
            if group is None:
                raise SqsError("MissingParameter", "The request must contain the parameter MessageGroupId.")
            if delay_s:
                raise _invalid("A message of a FIFO queue has no delay of its own.")
            delay_s = None
            if not item.get("MessageDeduplicationId") and not self._by_content(name):
                raise _invalid("The queue needs a MessageDeduplicationId or ContentBasedDeduplication.")
        return Entry(
            text, group, item.get("MessageDeduplicationId"), delay_s, item.get("MessageAttributes") or {}
        )

    def _by_content(self, name: str) -> bool:
        return self._queues.get(name).attributes.get("ContentBasedDeduplication") == "true"

    def _sent(self, name: str, message: Message) -> dict[str, Any]:
        answer = {"MessageId": message.id, "MD5OfMessageBody": _md5(message.body)}
        if message.attributes:
            answer["MD5OfMessageAttributes"] = md5_of_attributes(message.attributes)
        if self._queues.get(name).fifo:
            answer["SequenceNumber"] = str(message.sequence)
        return answer

    def _received(self, message: Message, wanted: set[str], with_attributes: bool) -> dict[str, Any]:
        system = {
            "SenderId": self._account_id,
            "SentTimestamp": str(message.sent_ms),
            "ApproximateReceiveCount": str(message.receives),
            "ApproximateFirstReceiveTimestamp": str(message.first_received_ms),
            "MessageGroupId": message.group,
            "MessageDeduplicationId": message.dedup,
            "SequenceNumber": str(message.sequence) if message.queue.endswith(".fifo") else None,
            "DeadLetterQueueSourceArn": message.dead_from
            and f"arn:aws:sqs:{self._region}:{self._account_id}:{message.dead_from}",
        }
        answer: dict[str, Any] = {
            "MessageId": message.id,
            "ReceiptHandle": receipt(message),
            "MD5OfBody": _md5(message.body),
            "Body": message.body,
        }
        shown = {k: v for k, v in system.items() if v is not None and ("All" in wanted or k in wanted)}
        if shown:
            answer["Attributes"] = shown
        if with_attributes and message.attributes:
            answer["MessageAttributes"] = message.attributes
            answer["MD5OfMessageAttributes"] = md5_of_attributes(message.attributes)
        return answer


def _failure(entry_id: str, error: SqsError) -> dict[str, Any]:
    return {"Id": entry_id, "SenderFault": True, "Code": error.code, "Message": error.message}


def _batch_answer(results: list[tuple[str, SqsError | None]]) -> dict[str, Any]:
    return {
        "Successful": [{"Id": entry_id} for entry_id, error in results if error is None],
        "Failed": [_failure(entry_id, error) for entry_id, error in results if error is not None],
    }
