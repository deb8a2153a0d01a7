"""Waiting for a change that goes through the inbox: whoever asked for it wants to see it."""

from __future__ import annotations

from chalicelib.gateways import clock
from chalicelib.shared import time_left
from chalicelib.shared.events import FriendEvent
from chalicelib.timeline import service as activities

_WAIT_S = 5.0
_POLL_S = 0.1


def is_applied(event: FriendEvent) -> bool:
    """Look until the event's activity is there, for 5 s at most and no longer than its function has time."""
    looks = int(time_left.current().seconds(at_most=_WAIT_S) / _POLL_S)
    for _ in range(looks):
        if activities.find(event.account_id, event.user_id, event.event_id):
            return True
        clock.sleep(_POLL_S)
    return False
