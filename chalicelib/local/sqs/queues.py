"""Queues as SQS keeps them: delay, visibility, FIFO groups, de-duplication, dead letters, long polling.

Every change is in the ``Store`` before it is answered. One lock guards everything: an operation takes
microseconds, and a queue that waits for messages waits outside of it.
"""

from __future__ import annotations

import hashlib
import threading
import time
import uuid
from collections.abc import Callable, Sequence

from chalicelib.local.sqs.model import Entry, Queue, SqsError, no_such_queue
from chalicelib.local.sqs.order import FifoOrder, Order, StandardOrder
from chalicelib.local.sqs.store import Dedup, Message, Store

_DEDUP_MS = 5 * 60 * 1000
_POLL_S = 1.0
"""A waiting receiver looks at least this often whether its caller is still there."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _at_once(work: Callable[[], None]) -> None:
    work()


class Queues:
    """All queues of the local SQS. Thread-safe. ``after_answer``: does what may wait until who asked has been
    answered.
    """

    def __init__(
        self,
        store: Store,
        now_ms: Callable[[], int] = _now_ms,
        after_answer: Callable[[Callable[[], None]], None] = _at_once,
    ) -> None:
        self._store = store
        self._now_ms = now_ms
        self._after_answer = after_answer
        self._lock = threading.RLock()
        self._queues: dict[str, Queue] = {}
        self._dedups: dict[tuple[str, str, str], Dedup] = {}
        self._closing = False
        # Sequence numbers go on rising after the highest message was deleted and the process restarted.
        self._sequence = max(store.last_sequence(), time.time_ns() // 1000)
        for name, attributes in store.queues().items():
            self._add_queue(name, attributes)
        for message in store.messages():
            self._admit(message)
        for dedup in store.dedups(self._now_ms() - _DEDUP_MS):
            self._dedups[dedup.queue, dedup.scope, dedup.dedup] = dedup

    # -- queues

    def create(self, name: str, attributes: dict[str, str]) -> None:
        """Create a queue. Raises SqsError when it exists with other attributes."""
        with self._lock:
            if name in self._queues:
                present = self._queues[name].attributes
                if any(present.get(key) != value for key, value in attributes.items()):
                    raise SqsError(
                        "QueueNameExists",
                        "A queue of this name exists with other attributes.",
                        "QueueAlreadyExists",
                    )
                return
            with self._store.commit():
                self._store.put_queue(name, attributes)
            self._add_queue(name, attributes)

    def set_attributes(self, name: str, attributes: dict[str, str]) -> None:
        """Change some attributes of a queue."""
        with self._lock:
            queue = self.get(name)
            merged = {**queue.attributes, **attributes}
            with self._store.commit():
                self._store.put_queue(name, merged)
            queue.attributes = merged

    def delete_queue(self, name: str) -> None:
        """Delete a queue and all it holds."""
        with self._lock:
            self.get(name)
            with self._store.commit():
                self._store.delete_queue(name)
            del self._queues[name]
            self._dedups = {key: dedup for key, dedup in self._dedups.items() if key[0] != name}

    def get(self, name: str) -> Queue:
        """The queue of a name. Raises SqsError."""
        queue = self._queues.get(name)
        if queue is None:
            raise no_such_queue()
        return queue

    def names(self) -> list[str]:
        """The names of all queues."""
        with self._lock:
            return sorted(self._queues)

    def counts(self, name: str) -> tuple[int, int, int]:
        """How many messages are visible (or behind one of their group), held, and delayed."""
        with self._lock:
            now_ms, held, delayed = self._now_ms(), 0, 0
            order = self.get(name).order
            for message in order:
                if message.visible_ms > now_ms:
                    held += message.receives > 0
                    delayed += message.receives == 0
            return len(order) - held - delayed, held, delayed

    # -- messages

    def send(self, name: str, entries: Sequence[Entry]) -> list[Message]:
        """Take messages in, all of them durably; a duplicate answers the message it repeats."""
        with self._lock:
            queue, now_ms = self.get(name), self._now_ms()
            answers: list[Message] = []
            fresh: list[Message] = []
            dedups: dict[tuple[str, str, str], Dedup] = {}
            for entry in entries:
                message = self._message(queue, entry, now_ms)
                if queue.fifo:
                    dedup = self._dedup(queue, message)
                    key = dedup.queue, dedup.scope, dedup.dedup
                    seen = dedups.get(key) or self._dedups.get(key)
                    if seen is not None and seen.at_ms > now_ms - _DEDUP_MS:
                        message.id, message.sequence = seen.message_id, seen.sequence
                        answers.append(message)
                        continue
                    dedups[key] = dedup
                answers.append(message)
                fresh.append(message)
            with self._store.commit():
                self._store.put_messages(fresh)
                self._store.put_dedups(dedups.values())
                self._forget_old_dedups(now_ms)
            self._dedups.update(dedups)
            for message in fresh:
                self._admit(message)
        if fresh:
            self._after_answer(lambda: self._wake(queue, len(fresh)))
        return answers

    def _wake(self, queue: Queue, messages: int) -> None:
        # One receiver for each: all of them, woken for one message, would take the CPU from its sender. So
        # would the one, before the sender has its answer.
        with self._lock:
            queue.changed.notify(messages)

    def receive(
        self, name: str, limit: int, wait_s: float, visibility_s: int | None, alive: Callable[[], bool]
    ) -> list[Message]:
        """Hand out up to ``limit`` messages, waiting up to ``wait_s`` while there are none.

        Nothing is handed to a caller that is no longer ``alive``.
        """
        deadline = time.monotonic() + wait_s
        with self._lock:
            queue = self.get(name)
            hold_s = queue.number("VisibilityTimeout", 30) if visibility_s is None else visibility_s
            while alive():
                if taken := self._take(queue, limit, hold_s * 1000):
                    return taken
                left_s = deadline - time.monotonic()
                if left_s <= 0 or self._closing:
                    break
                next_ms = queue.order.next_ms()
                due_s = _POLL_S if next_ms is None else (next_ms - self._now_ms()) / 1000 + 0.001
                queue.changed.wait(max(0.001, min(left_s, due_s, _POLL_S)))
            # Who leaves may have been woken for something: another one looks.
            queue.changed.notify()
            return []

    def delete(self, name: str, receipts: Sequence[str]) -> list[SqsError | None]:
        """Forget messages by their receipts; answers per receipt what was wrong with it.

        An old receipt of a message that was received again since deletes nothing.
        """
        with self._lock:
            queue = self.get(name)
            answers: list[SqsError | None] = []
            found: dict[int, Message] = {}
            for text in receipts:
                try:
                    message = self._by_receipt(queue, text)
                except SqsError as error:
                    answers.append(error)
                    continue
                answers.append(None)
                if message is not None:
                    found[message.sequence] = message
            with self._store.commit():
                self._store.delete_messages(list(found))
            for message in found.values():
                self._drop(queue, message)
            queue.changed.notify(len(found))
            return answers

    def change_visibility(self, name: str, text: str, seconds: int) -> None:
        """Let a held message become visible after so many seconds from now."""
        with self._lock:
            queue = self.get(name)
            message = self._by_receipt(queue, text)
            now_ms = self._now_ms()
            if message is None or message.visible_ms <= now_ms:
                raise SqsError(
                    "MessageNotInflight",
                    "The message is not in flight.",
                    "AWS.SimpleQueueService.MessageNotInflight",
                )
            message.visible_ms = now_ms + seconds * 1000
            queue.order.moved(message)
            queue.changed.notify()

    def purge(self, name: str) -> None:
        """Forget every message of a queue."""
        with self._lock:
            queue = self.get(name)
            messages = list(queue.order)
            with self._store.commit():
                self._store.delete_messages([m.sequence for m in messages])
            for message in messages:
                self._drop(queue, message)

    def move_all(self, name: str, destination: str | None) -> int:
        """Send the messages of a dead-letter queue back to where they came from, or to ``destination``."""
        with self._lock:
            queue, moved = self.get(name), 0
            for message in sorted(queue.order, key=lambda m: m.sequence):
                target = destination or message.dead_from
                if target in self._queues and message.visible_ms <= self._now_ms():
                    self._transfer(queue, message, self._queues[target], dead_from=None)
                    moved += 1
            return moved

    def close(self) -> None:
        """Answer every waiting receiver and close the file."""
        with self._lock:
            self._closing = True
            for queue in self._queues.values():
                queue.changed.notify_all()
            self._store.close()

    # -- inside

    def _add_queue(self, name: str, attributes: dict[str, str]) -> None:
        order: Order = FifoOrder() if name.endswith(".fifo") else StandardOrder()
        self._queues[name] = Queue(name, attributes, threading.Condition(self._lock), order)

    def _admit(self, message: Message) -> None:
        queue = self._queues.get(message.queue)
        if queue is not None:
            queue.by_id[message.id] = message
            queue.order.add(message)

    def _drop(self, queue: Queue, message: Message) -> None:
        queue.order.discard(message)
        queue.by_id.pop(message.id, None)

    def _next_sequence(self) -> int:
        self._sequence += 1
        return self._sequence

    def _message(self, queue: Queue, entry: Entry, now_ms: int) -> Message:
        delay_s = queue.number("DelaySeconds", 0) if entry.delay_s is None else entry.delay_s
        return Message(
            sequence=self._next_sequence(),
            id=str(uuid.uuid4()),
            queue=queue.name,
            body=entry.body,
            sent_ms=now_ms,
            visible_ms=now_ms + delay_s * 1000,
            group=entry.group,
            dedup=entry.dedup,
            attributes=entry.attributes,
        )

    def _dedup(self, queue: Queue, message: Message) -> Dedup:
        if message.dedup is None:
            message.dedup = hashlib.sha256(message.body.encode()).hexdigest()
        per_group = queue.attributes.get("DeduplicationScope") == "messageGroup"
        scope = message.group or "" if per_group else ""
        return Dedup(queue.name, scope, message.dedup, message.id, message.sequence, message.sent_ms)

    def _forget_old_dedups(self, now_ms: int) -> None:
        # Insertion order is time order, so the old ones are at the front.
        old = []
        for key, dedup in self._dedups.items():
            if dedup.at_ms > now_ms - _DEDUP_MS:
                break
            old.append(key)
        if old:
            self._store.delete_dedups(now_ms - _DEDUP_MS)
            for key in old:
                del self._dedups[key]

    def _take(self, queue: Queue, limit: int, hold_ms: int) -> list[Message]:
        now_ms = self._now_ms()
        answers: list[Message] = []
        while len(answers) < limit and (taken := queue.order.take(now_ms, limit - len(answers))):
            for message in taken:
                if self._dead_letter(queue, message):
                    continue
                message.receives += 1
                message.first_received_ms = message.first_received_ms or now_ms
                # Even a timeout of 0 moves on by a millisecond, or this loop would take it again.
                message.visible_ms = now_ms + max(hold_ms, 1)
                queue.order.moved(message)
                answers.append(message)
        if answers:
            with self._store.commit():
                self._store.mark_received(answers)
        return answers

    def _dead_letter(self, queue: Queue, message: Message) -> bool:
        """Move a message that was received too often to the dead letters."""
        redrive = queue.redrive if message.receives else None
        if redrive is None or message.receives < redrive[1] or redrive[0] not in self._queues:
            return False
        self._transfer(queue, message, self._queues[redrive[0]], dead_from=queue.name)
        return True

    def _transfer(self, source: Queue, message: Message, target: Queue, dead_from: str | None) -> None:
        copy = Message(
            sequence=self._next_sequence(),
            id=message.id,
            queue=target.name,
            body=message.body,
            sent_ms=message.sent_ms,
            visible_ms=self._now_ms(),
            group=message.group,
            dedup=message.dedup,
            dead_from=dead_from,
            attributes=message.attributes,
        )
        with self._store.commit():
            self._store.delete_messages([message.sequence])
            self._store.put_messages([copy])
        self._drop(source, message)
        self._admit(copy)
        target.changed.notify_all()

    def _by_receipt(self, queue: Queue, text: str) -> Message | None:
        message_id, _, receives = text.partition("#")
        message = queue.by_id.get(message_id)
        if not receives.isdigit():
            raise SqsError("ReceiptHandleIsInvalid", "The input receipt handle is invalid.")
        if message is None or message.receives == int(receives):
            return message
        if queue.fifo:
            raise SqsError("InvalidParameterValue", "The receipt handle has expired.")
        return None
