"""The inbox: the one corridor into the engine. First in, first out per friend."""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.gateways import queues
from chalicelib.shared.events import FriendEvent, inbox_message


def put(events: Sequence[FriendEvent]) -> list[int]:
    """Put events in the inbox in their order; answers the indexes of those it refused.

    Raises botocore's errors when it is not known whether anything was taken. Putting again is harmless.
    """
    messages = [inbox_message(event) for event in events]
    return queues.send_all("inbox", [queues.Message(m.body, m.group, m.dedup) for m in messages])
