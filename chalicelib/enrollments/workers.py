"""The handler of the queue ``due``."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalice.app import Blueprint, SQSEvent

from chalicelib.enrollments import service
from chalicelib.enrollments.model import Pointer
from chalicelib.gateways import clock, queues
from chalicelib.shared import time_left
from chalicelib.shared.batches import each_message
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.metrics import measure
from chalicelib.shared.observability import logger, observed
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import parse_iso
from chalicelib.timers import service as timers

bp = Blueprint(__name__)

_TOGETHER = 500
"""As many friends as LINE takes in one multicast travel together at most, also back."""
_RESERVE = 1 / 2
"""What has not been begun in the first half of the function's time goes to another worker."""
_MOVING = 2.5
"""So many times as long as its sending the moving on of friends may take."""
_LONG_S = 2.0
"""Before so much moving on is begun others' messages go first, if any wait in the queue."""
_LEAST, _AT_FIRST = 10, 50.0
_pace = {"friends_per_s": _AT_FIRST}
"""How fast this process moves friends on, as it was lately."""


@bp.on_sqs_message(queue=settings().queue("due"), batch_size=10, maximum_concurrency=20)
@observed
def advance(event: SQSEvent) -> dict[str, Any]:
    """Move on the friends whose turn has come (drained ``step`` messages).

    Messages that waited in the queue are carried out together, so that a rush becomes multicasts too.
    """
    left = time_left.begin(event, _RESERVE)
    began = clock.now()
    together, done = _due_together(event, began), set()
    if together:
        crowd = [one for body in together.values() for one in body["entries"]]
        timers.wait_until(_latest(crowd))
        try:
            _carry_out(crowd, left, began)
            done = set(together)
        except Exception:  # noqa: BLE001 (whatever it was, each message alone meets it again and reports it)
            logger.exception("friends did not move together, each message goes alone")

    def work(body: dict[str, Any], received: int) -> None:
        if json.dumps(body, sort_keys=True) not in done and (entries := timers.due(body)):
            again = received > 1 or bool(together) or bool(body.get("again"))
            _carry_out(entries, left, began, again=again)

    return each_message(event, work)


def _carry_out(
    entries: Sequence[Mapping[str, Any]], left: TimeLeft, began: datetime, *, again: bool = False
) -> None:
    """Send to as many at a time as half of the time that is left is enough for. Then those who were sent
    something move on, as far as there is time: nobody's message waits for that, here or in the queue.

    Who is not begun or moved goes back at once, in messages of their own, behind what waits there: coming
    back by itself would take minutes and count as a failure. Who comes so is moved on in any case.
    """
    _measure(entries, began)
    sent: list[_Sent] = []
    while entries and not left.is_over:
        fitting = int(_pace["friends_per_s"] * left.seconds(at_most=60) / 2)
        number = min(_TOGETHER, max(_LEAST, fitting))
        some, entries = entries[:number], entries[number:]
        start = time.monotonic()
        move_on = service.begin_advance(_pointers(some), redelivered=again)
        sent.append(_Sent(some, move_on, time.monotonic() - start))
        _pace["friends_per_s"] = (_pace["friends_per_s"] + sent[-1].pace) / 2
    _give_back(entries, again=again)
    moving_s = _MOVING * sum(one.seconds for one in sent)
    if not again and moving_s > _LONG_S and queues.is_waiting("due"):
        unmoved = sent
    else:
        unmoved = [one for n, one in enumerate(sent) if not one.try_to_move_on(NO_LIMIT if n == 0 else left)]
    _give_back([entry for one in unmoved for entry in one.entries], again=True)


@dataclass(frozen=True)
class _Sent:
    """Friends who were sent something, what moves them on, and how long the sending took."""

    entries: Sequence[Mapping[str, Any]]
    move_on: Callable[[], None]
    seconds: float

    @property
    def pace(self) -> float:
        """Friends in a second."""
        return len(self.entries) / max(self.seconds, 0.001)

    def try_to_move_on(self, left: TimeLeft) -> bool:
        """Move them on if there is time for it; whether there was."""
        if is_time := left.has(_MOVING * self.seconds):
            self.move_on()
        return is_time


def _give_back(entries: Sequence[Mapping[str, Any]], *, again: bool) -> None:
    body = {"kind": "step"} | ({"again": True} if again else {})
    back = [
        queues.Message({**body, "entries": list(entries[first : first + _TOGETHER])})
        for first in range(0, len(entries), _TOGETHER)
    ]
    if back and queues.send_all("due", back):
        raise Unavailable(Reason("due_refused"))


def _due_together(event: SQSEvent, now: datetime) -> dict[str, dict[str, Any]]:
    """The messages, by their text, that are received for the first time and due within ``EARLY``: two at
    least. Whoever arms a step that is due soon sends it without knowing of others, so a wave may come as many
    small messages.
    """
    found: dict[str, dict[str, Any]] = {}
    for record in event:
        body = json.loads(record.body)
        raw = record.to_dict()
        received = raw.get("attributes", {}).get("ApproximateReceiveCount", "1")
        first_time = received == "1" and not body.get("again")
        if first_time and _latest(body["entries"]) <= now + timers.EARLY:
            found[json.dumps(body, sort_keys=True)] = body
    return found if len(found) > 1 else {}


def _latest(entries: Iterable[Mapping[str, Any]]) -> datetime:
    return max(parse_iso(entry["due_at"]) for entry in entries)


def _measure(entries: Iterable[Mapping[str, Any]], began: datetime) -> None:
    """Report how late the latest of these steps was when its batch was begun."""
    late = began - min(parse_iso(entry["due_at"]) for entry in entries)
    measure("StepsLate", max(0.0, late.total_seconds()), "Seconds")


def _pointers(entries: Iterable[Mapping[str, Any]]) -> list[Pointer]:
    return [
        Pointer(
            account=entry["account"],
            user_id=entry["body"]["user_id"],
            scenario=entry["body"]["scenario"],
            run=int(entry["body"]["run"]),
            v=int(entry["version"]),
            due_at=entry["due_at"],
            value=entry["body"].get("value"),
        )
        for entry in entries
    ]
