"""Waking: what comes before its time has not come. The one way from a queue to an entry's owner.

Messages may arrive early: queues wait in whole seconds, minutes are drained minutes before they begin, an
operator feeds one by hand. No owner has to think of it: a second is waited for here, and whatever is earlier
goes back to its queue for the time that is left, before the message that brought it is done with. So a
wake-up that comes early is neither lost nor taken for one, and its owner is asked within a second of its
time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.gateways import clock, queues
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.times import parse_iso
from chalicelib.timers.model import DUE, EARLY, Woken
from chalicelib.timers.plan import delay_s


def wake(message: Mapping[str, Any]) -> None:
    """Wake the owners of a message's entries whose time has come. Raises Unavailable as ``due`` does."""
    kind = DUE[message["kind"]]
    assert kind.wake is not None
    if come := due(message):
        kind.wake(come)


def due(message: Mapping[str, Any]) -> list[Woken]:
    """The entries of a message (``plan.body_of``) whose time has come; the clock has reached it on return.

    Raises Unavailable when the queue does not take back what is early: the whole message comes again.
    """
    now = clock.now()
    due_times = [parse_iso(entry["due_at"]) for entry in message["entries"]]
    come = [(at, e) for at, e in zip(due_times, message["entries"], strict=True) if at <= now + EARLY]
    early = [(at, e) for at, e in zip(due_times, message["entries"], strict=True) if at > now + EARLY]
    _not_yet(message["kind"], early, now)
    if come:
        wait_until(max(at for at, _ in come))
    return [entry for _, entry in come]


def wait_until(due_at: datetime) -> None:
    """Wait here for a moment that is at most ``EARLY`` away."""
    left = due_at - clock.now()
    if left.total_seconds() > 0:
        clock.sleep(left.total_seconds())


def _not_yet(kind: str, early: Sequence[tuple[datetime, Woken]], now: datetime) -> None:
    """Ask again at their time: those of one second together, as they came."""
    by_second: dict[datetime, list[Woken]] = defaultdict(list)
    latest: dict[datetime, datetime] = {}
    for at, entry in early:
        second = at.replace(microsecond=0)
        by_second[second].append(entry)
        latest[second] = max(at, latest.get(second, at))
    messages = [
        queues.Message({"kind": kind, "entries": entries}, delay_s=delay_s(latest[second], now))
        for second, entries in sorted(by_second.items())
    ]
    if messages and queues.send_all(DUE[kind].queue, messages):
        raise Unavailable(Reason("due_refused"))
