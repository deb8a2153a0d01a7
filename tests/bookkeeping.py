"""What a booking system writes down itself: what it said of reservations, and the reminders that must follow.

Two of each: at one moment before the reservation, and at a later one. It knows nothing of Todoku.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple


class Word(NamedTuple):
    """What the booking system says of a reservation, when, and when we hear of it."""

    heard: datetime
    said: datetime
    user: str
    reservation: str
    at: datetime
    status: str


class Reminder(NamedTuple):
    at: datetime
    user: str
    text: str


Due = Callable[[str, datetime], datetime]
"""When the reminder of a stage is due of a reservation at that time."""


def predicted(words: list[Word], due: Due, text: Callable[[str, Word], str]) -> list[Reminder]:
    """One reservation's reminders, by what was heard: an event for every word, one for every wait's end.

    The stages are ``first`` and ``second``. A wait whose moment is past when it is begun says nothing.
    """
    order = itertools.count()
    agenda = [(one.heard, next(order), one) for one in words]
    heapq.heapify(agenda)
    best: Word | None = None
    stage, sent = "none", list[Reminder]()
    since = min(one.heard for one in words)
    while agenda:
        now, _, one = heapq.heappop(agenda)
        if one is not None and (best is None or one.said >= best.said):
            best = one
        assert best is not None
        if best.status == "cancelled":
            stage = "over" if stage != "none" else stage
            continue
        if stage == "none":
            stage, since = "first", now
        while stage != "over" and due(stage, best.at) <= now:
            if due(stage, best.at) > since:
                sent.append(Reminder(now, best.user, text(stage, best)))
            stage, since = ("second" if stage == "first" else "over"), now
        if stage != "over":
            heapq.heappush(agenda, (due(stage, best.at), next(order), None))
    return sent
