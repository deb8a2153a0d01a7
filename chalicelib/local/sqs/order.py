"""Which message may be taken next: the in-memory half of the local SQS, one order per queue.

Heaps hold entries that may have gone stale: only the latest entry of a message (or group) counts, so that
every change is one push and nothing is ever searched.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator
from typing import Protocol

from chalicelib.local.sqs.store import Message


class Order(Protocol):
    """What a queue needs of its order. ``take`` hands messages out; each must then be moved or discarded."""

    def add(self, message: Message) -> None:
        """A new message."""

    def discard(self, message: Message) -> None:
        """The message is gone."""

    def moved(self, message: Message) -> None:
        """The message's ``visible_ms`` has changed."""

    def take(self, now_ms: int, limit: int) -> list[Message]:
        """Up to ``limit`` messages that may be received now, in order."""

    def next_ms(self) -> int | None:
        """When something may be received next; None while nothing waits."""

    def __iter__(self) -> Iterator[Message]: ...

    def __len__(self) -> int: ...


class StandardOrder:
    """By the time a message becomes visible, then by sending."""

    def __init__(self) -> None:
        self._messages: dict[int, Message] = {}
        self._latest: dict[int, tuple[int, int]] = {}
        self._heap: list[tuple[int, int]] = []

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def __len__(self) -> int:
        return len(self._messages)

    def add(self, message: Message) -> None:
        self._messages[message.sequence] = message
        self.moved(message)

    def discard(self, message: Message) -> None:
        self._messages.pop(message.sequence, None)
        self._latest.pop(message.sequence, None)

    def moved(self, message: Message) -> None:
        entry = message.visible_ms, message.sequence
        self._latest[message.sequence] = entry
        heapq.heappush(self._heap, entry)

    def take(self, now_ms: int, limit: int) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < limit and (due := self.next_ms()) is not None and due <= now_ms:
            _, sequence = heapq.heappop(self._heap)
            del self._latest[sequence]
            taken.append(self._messages[sequence])
        return taken

    def next_ms(self) -> int | None:
        while self._heap:
            entry = self._heap[0]
            if self._latest.get(entry[1]) is entry:
                return entry[0]
            heapq.heappop(self._heap)
        return None


class _Group:
    """The messages of one group, oldest first, and those of them that somebody holds."""

    __slots__ = ("held", "latest", "messages")

    def __init__(self) -> None:
        self.messages: OrderedDict[int, Message] = OrderedDict()
        self.held: set[int] = set()
        self.latest: tuple[int, int, str] | None = None

    def state(self) -> tuple[int, int]:
        """When the group may be read next (nothing held, head visible), and the sequence of its head."""
        head = next(iter(self.messages.values()))
        held = (self.messages[sequence].visible_ms for sequence in self.held)
        return max([head.visible_ms, *held]), head.sequence


class FifoOrder:
    """By group: a group is read from its head, and not at all while one of its messages is held."""

    def __init__(self) -> None:
        self._groups: dict[str, _Group] = {}
        self._heap: list[tuple[int, int, str]] = []
        self._count = 0

    def __iter__(self) -> Iterator[Message]:
        for group in self._groups.values():
            yield from group.messages.values()

    def __len__(self) -> int:
        return self._count

    def add(self, message: Message) -> None:
        name = message.group or ""
        group = self._groups.setdefault(name, _Group())
        group.messages[message.sequence] = message
        self._count += 1
        if len(group.messages) == 1:
            self._push(name)

    def discard(self, message: Message) -> None:
        name = message.group or ""
        group = self._groups.get(name)
        if group is None or group.messages.pop(message.sequence, None) is None:
            return
        self._count -= 1
        group.held.discard(message.sequence)
        if group.messages:
            self._push(name)
        else:
            del self._groups[name]

    def moved(self, message: Message) -> None:
        name = message.group or ""
        self._groups[name].held.add(message.sequence)
        self._push(name)

    def take(self, now_ms: int, limit: int) -> list[Message]:
        taken: list[Message] = []
        while len(taken) < limit and (due := self.next_ms()) is not None and due <= now_ms:
            _, _, name = heapq.heappop(self._heap)
            group = self._groups[name]
            group.latest = None
            group.held.clear()
            for message in group.messages.values():
                if len(taken) == limit or message.visible_ms > now_ms:
                    break
                taken.append(message)
        return taken

    def next_ms(self) -> int | None:
        while self._heap:
            entry = self._heap[0]
            group = self._groups.get(entry[2])
            if group is not None and group.latest is entry:
                return entry[0]
            heapq.heappop(self._heap)
        return None

    def _push(self, name: str) -> None:
        group = self._groups[name]
        group.latest = (*group.state(), name)
        heapq.heappush(self._heap, group.latest)
