"""The inbox: the one corridor into the reaction. First in, first out per friend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from chalicelib.gateways import queues
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent, in_order, inbox_message
from chalicelib.shared.reasons import Reason


def put(events: Sequence[FriendEvent]) -> list[int]:
    """Put events in the inbox in the order of their timestamps; returns the indexes of those it refused.

    Raises botocore's errors when it is not known whether anything was taken. Putting again is harmless.
    """
    order = in_order(range(len(events)), lambda index: events[index].reported_at)
    messages = [inbox_message(events[index]) for index in order]
    refused = queues.send_all("inbox", [queues.Message(m.body, m.group, m.dedup) for m in messages])
    return sorted(order[place] for place in refused)


def begin_put(event: FriendEvent) -> Callable[[], bool]:
    """Begin to put an event in the inbox. What is returned waits for SQS: whether it took the event. Raises
    as ``put``.
    """
    message = inbox_message(event)
    return queues.begin_send("inbox", queues.Message(message.body, message.group, message.dedup))


def put_all(events: Sequence[FriendEvent], otherwise: Reason | None = None) -> None:
    """Put events in the inbox. Raises Unavailable when it did not take them all; ``otherwise`` says what has
    not been done then, for whoever asked for it.
    """
    if events and (refused := put(events)):
        raise Unavailable(otherwise or Reason("inbox_refused", refused=len(refused), of=len(events)))
