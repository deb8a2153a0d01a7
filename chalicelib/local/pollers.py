"""Lambda's event source mapping on a laptop: receive a batch, invoke the function, delete what succeeded.

What failed, or was stopped by its function's timeout, stays in the queue and comes back when its visibility
timeout is over, or earlier where the handler asked for it (the reaction does, for events). SQS moves it to
the dead letters after the queue's ``maxReceiveCount``. As many pollers as ``MaximumConcurrency``, the
function's reserved concurrency and this machine allow take one batch at a time each.
"""

from __future__ import annotations

import contextlib
import math
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from chalicelib.gateways import aws
from chalicelib.local.environments import MOST, InvocationFailed, TimedOut
from chalicelib.local.wiring import Function, QueueHandler
from chalicelib.shared.settings import settings

_WAIT_S = 10
_PAUSE_S = 1.0
Invoke = Callable[[Function, dict[str, Any]], Any]
_SYSTEM = [
    "SenderId",
    "SentTimestamp",
    "ApproximateReceiveCount",
    "ApproximateFirstReceiveTimestamp",
    "SequenceNumber",
    "MessageGroupId",
    "MessageDeduplicationId",
]


def to_event(queue: str, messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The event that Lambda gives a handler for a batch of messages."""
    at = settings()
    arn = f"arn:aws:sqs:{at.region}:{at.aws_account_id}:{queue}"
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message.get("Attributes", {}),
                "messageAttributes": {},
                "md5OfBody": message["MD5OfBody"],
                "eventSource": "aws:sqs",
                "eventSourceARN": arn,
                "awsRegion": at.region,
            }
            for message in messages
        ]
    }


def failed_ids(answer: Any, ids: Sequence[str]) -> set[str]:
    """Which messages of a batch failed. An answer that names none of the batch fails all of it, as Lambda."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    named = {failure.get("itemIdentifier") for failure in failures or []}
    return set(ids) if named - set(ids) else {str(name) for name in named}


class Busy:
    """How many handlers run now, so that a stop can wait for them and starts nothing new."""

    def __init__(self) -> None:
        self._count = 0
        self._changed = threading.Condition()
        self._stopping = False

    @property
    def stopping(self) -> bool:
        """Whether nothing new may start."""
        return self._stopping

    def enter(self) -> bool:
        """Begin; False when nothing may begin any more."""
        with self._changed:
            if not self._stopping:
                self._count += 1
            return not self._stopping

    def leave(self) -> None:
        """End."""
        with self._changed:
            self._count -= 1
            self._changed.notify_all()

    def stop(self, patience_s: float) -> bool:
        """Let nothing begin, wait for what runs; whether all of it ended."""
        deadline = time.monotonic() + patience_s
        with self._changed:
            self._stopping = True
            while self._count and (left := deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            return self._count == 0


class Room:
    """How many batches of a queue are worked on at a time.

    Half as many after each that ran out of time, and slowly more again, as Lambda's pollers stand back while
    a function fails. Else an overloaded machine would do nothing but what it will not end in time.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html#services-sqs-backoff-strategy
    """

    _MORE = 0.1

    def __init__(self, most: int) -> None:
        self._most = self._allowed = float(most)
        self._used = 0
        self._changed = threading.Condition()

    @property
    def allowed(self) -> int:
        """So many, one at least."""
        return max(1, int(self._allowed))

    def enter(self) -> None:
        """Wait for a place."""
        with self._changed:
            while self._used >= self.allowed:
                self._changed.wait()
            self._used += 1

    def leave(self) -> None:
        """Give the place back."""
        with self._changed:
            self._used -= 1
            self._changed.notify()

    def note(self, *, in_time: bool) -> None:
        """Whether a batch was ended in time."""
        with self._changed:
            now = self._allowed + self._MORE if in_time else self._allowed / 2
            self._allowed = min(self._most, max(1.0, now))
            self._changed.notify_all()


class Precedence:
    """Lets no background work begin while steps that are due are sent, in a wave's first seconds.

    The processor's priorities do not do that alone: the tables answer whoever comes first. After
    ``longest_s`` everything goes on side by side, so that steps that never cease keep nothing waiting.
    """

    def __init__(self, longest_s: float = 20.0) -> None:
        self._longest_s = longest_s
        self._running, self._since = 0, 0.0
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def of(self, function: Function, busy: Busy) -> Iterator[None]:
        """Run a function's batch within: who is first makes others wait, who is last waits."""
        with self._changed:
            while function.is_last and not busy.stopping and self._holds():
                self._changed.wait(_PAUSE_S)
            if function.is_first:
                self._since = self._since if self._running else time.monotonic()
                self._running += 1
        try:
            yield
        finally:
            with self._changed:
                self._running -= function.is_first
                self._changed.notify_all()

    def _holds(self) -> bool:
        return self._running > 0 and time.monotonic() - self._since < self._longest_s


class Poller(threading.Thread):
    """One receiver of one queue."""

    def __init__(
        self, handler: QueueHandler, busy: Busy, invoke: Invoke, room: Room, precedence: Precedence
    ) -> None:
        super().__init__(daemon=True, name=handler.queue)
        self._handler = handler
        self._invoke = invoke
        self._busy = busy
        self._room = room
        self._precedence = precedence
        self._url = ""

    def run(self) -> None:
        """Receive and handle until the process stops; trouble with the queue itself is tried again."""
        while not self._busy.stopping:
            self._room.enter()
            try:
                self._url = self._url or self._find_url()
                if messages := self._receive():
                    with self._precedence.of(self._handler.function, self._busy):
                        self._handle(messages)
            except Exception:  # noqa: BLE001 (a poller must go on; what failed stays in the queue)
                if not self._busy.stopping:
                    traceback.print_exc()
                    time.sleep(_PAUSE_S)
            finally:
                self._room.leave()

    def _find_url(self) -> str:
        url: str = aws.client("sqs").get_queue_url(QueueName=self._handler.queue)["QueueUrl"]
        return url

    def _receive(self) -> list[dict[str, Any]]:
        """A batch: what is there, and what comes within the batching window while there is room."""
        messages: list[dict[str, Any]] = []
        over = 0.0
        while (room := self._handler.batch_size - len(messages)) > 0:
            left = over - time.monotonic() if messages else _WAIT_S
            if left <= 0 and len(messages) % 10:
                break
            answer = aws.client("sqs").receive_message(
                QueueUrl=self._url,
                MaxNumberOfMessages=min(10, room),
                WaitTimeSeconds=max(0, min(_WAIT_S, math.ceil(left))),
                MessageSystemAttributeNames=_SYSTEM,
            )
            more = answer.get("Messages", [])
            if not messages:
                over = time.monotonic() + self._handler.window_s
            messages += more
            if not more and time.monotonic() >= over:
                break
        return messages

    def _handle(self, messages: list[dict[str, Any]]) -> None:
        if not self._busy.enter():
            # Received while the process stops: let another one have them.
            self._each("change_message_visibility_batch", messages, VisibilityTimeout=0)
            return
        try:
            failed = self._call(messages)
            if done := [m for m in messages if m["MessageId"] not in failed]:
                self._each("delete_message_batch", done)
        finally:
            self._busy.leave()

    def _call(self, messages: list[dict[str, Any]]) -> set[str]:
        ids = [m["MessageId"] for m in messages]
        try:
            answer = self._invoke(self._handler.function, to_event(self._handler.queue, messages))
        except InvocationFailed as error:
            if isinstance(error, TimedOut):
                self._room.note(in_time=False)
            return set(ids)
        self._room.note(in_time=True)
        return failed_ids(answer, ids)

    def _each(self, operation: str, messages: list[dict[str, Any]], **values: Any) -> None:
        entries = [
            {"Id": str(n), "ReceiptHandle": message["ReceiptHandle"], **values}
            for n, message in enumerate(messages)
        ]
        for start in range(0, len(entries), 10):
            getattr(aws.client("sqs"), operation)(QueueUrl=self._url, Entries=entries[start : start + 10])


def start(handlers: Sequence[QueueHandler], busy: Busy, invoke: Invoke) -> list[Poller]:
    """Start the pollers of every queue."""
    pollers, precedence = [], Precedence()
    for handler in handlers:
        room = Room(handler.at_most(MOST))
        pollers += [Poller(handler, busy, invoke, room, precedence) for _ in range(handler.at_most(MOST))]
    for poller in pollers:
        poller.start()
    return pollers
