"""One rule for whoever is woken: before its time nobody is asked, and nothing that came early is lost."""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.audiences import service as audiences
from chalicelib.broadcasts import lifecycle
from chalicelib.broadcasts import workers as broadcasts
from chalicelib.broadcasts.insight import service as insight
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries import workers as sends
from chalicelib.enrollments import service as enrollments
from chalicelib.enrollments import workers as due
from chalicelib.gateways import clock, seam
from chalicelib.reaction import due_times
from chalicelib.reaction import workers as reaction
from chalicelib.reaction.effects import held
from chalicelib.richmenus import following, showing
from chalicelib.schedules import service as schedules
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.settings import settings as house
from chalicelib.timers import service as timers
from chalicelib.timers.model import Entry
from chalicelib.timers.plan import body_of
from tests.deliveries_builders import START
from tests.strategies import ONE_FIXTURE

OWNERS: dict[str, tuple[Callable[..., Any], Any, str]] = {
    "step": (due.advance, enrollments, "begin_advance"),
    "chunk": (sends.send, deliveries, "watched"),
    "chunk_hold": (sends.send, deliveries, "send_now"),
    "run": (broadcasts.tasks, lifecycle, "watched"),
    "run_hold": (broadcasts.tasks, lifecycle, "hold_ended"),
    "variant": (broadcasts.tasks, lifecycle, "due_time_came"),
    "decision": (broadcasts.tasks, lifecycle, "due_time_came"),
    "insight": (broadcasts.tasks, insight, "pull"),
    "sheet_due": (reaction.bulk, due_times, "come"),
    "rule_hold": (reaction.bulk, held, "come"),
    "schedule": (reaction.bulk, schedules, "look_at"),
    "line_audience": (reaction.bulk, audiences, "look_at"),
    "rich_menu_end": (reaction.bulk, following, "end"),
    "rich_menus": (reaction.bulk, showing, "look"),
}
"""For each kind of entry: the handler of its queue, and what its owner does when it is woken."""
BODY = {"run": "1", "chunk": "c1", "user_id": "u1", "scenario": "s", "broadcast": "b"}


class World:
    """A clock, and one queue whose messages come when their delay is over, or too early."""

    def __init__(self, kind: str) -> None:
        self.now, self.kind, self.sent = START, kind, 0
        self.queue: list[tuple[datetime, int, dict[str, Any]]] = []

    def guard(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            assert detail["seconds"] <= 1
            self.now += timedelta(seconds=detail["seconds"])
            return None
        assert name == "sqs:SendMessageBatch", name
        assert detail["QueueUrl"].endswith(house().queue(timers.DUE[self.kind].queue))
        for message in detail["Entries"]:
            self.put(json.loads(message["MessageBody"]), message.get("DelaySeconds", 0))
        return {"Successful": [], "Failed": []}

    def put(self, body: dict[str, Any], delay: float) -> None:
        self.sent += 1
        heapq.heappush(self.queue, (self.now + timedelta(seconds=delay), self.sent, body))


def record(body: dict[str, Any]) -> dict[str, Any]:
    """An event as Lambda hands it over."""
    attributes = {"ApproximateReceiveCount": "1"}
    common = {"eventSource": "aws:sqs", "receiptHandle": "h", "messageAttributes": {}, "md5OfBody": ""}
    arn = {"eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q", "awsRegion": "ap-northeast-1"}
    return {
        "Records": [{"messageId": "m", "body": json.dumps(body), "attributes": attributes, **common, **arn}]
    }


def entries(kind: str, after: list[float]) -> list[Entry]:
    return [
        Entry("shop", kind, f"e{n}", n, START + timedelta(seconds=s), body=BODY)  # type: ignore[arg-type]
        for n, s in enumerate(after)
    ]


def test_every_kind_is_here() -> None:
    """Whoever registers a kind of entry comes under the rule."""
    assert OWNERS.keys() == timers.DUE.keys()


@pytest.mark.parametrize("kind", OWNERS)
@settings(max_examples=25, database=None, suppress_health_check=ONE_FIXTURE)
@given(
    after=st.lists(st.floats(0, 3000).map(lambda s: round(s, 3)), min_size=1, max_size=4),
    early=st.floats(0, 1200),
)
def test_nobody_is_asked_before_its_time(kind: str, after: list[float], early: float) -> None:
    """However early a message comes: each entry's owner is asked once, in the second after its time (or at
    once, if the message comes later than that)."""
    handler, room, name = OWNERS[kind]
    found = entries(kind, after if timers.DUE[kind].pack > 1 else after[:1])
    world, asked = World(kind), dict[int, datetime]()

    def ask(*args: Any, **_more: Any) -> Callable[[], None]:
        versions = {"step": lambda: [p.v for p in args[0]]}
        versions |= dict.fromkeys(
            ("sheet_due", "rule_hold", "rich_menu_end"), lambda: [e["version"] for e in args[0]]
        )
        for version in versions.get(kind, lambda: [0])():
            assert version not in asked
            asked[version] = world.now
        return lambda: None

    with (
        seam.guarded(world.guard),
        patch.object(room, name, ask),
        patch("chalicelib.gateways.queues.url", lambda queue: house().queue(queue)),
    ):
        comes = max(entry.due_at for entry in found) - timedelta(seconds=early)
        world.put(body_of(found), max(0.0, (comes - world.now).total_seconds()))
        first = world.queue[0][0]
        while world.queue:
            at, _, body = heapq.heappop(world.queue)
            world.now = max(world.now, at)
            assert handler(record(body), None) == {"batchItemFailures": []}
    assert asked.keys() == {entry.version for entry in found}
    for entry in found:
        late = asked[entry.version] - max(entry.due_at, first)
        assert timedelta(0) <= late <= timedelta(seconds=1)


def test_a_queue_that_takes_nothing_back_keeps_the_message() -> None:
    """What cannot be put back is not done with: the message itself comes again."""

    def refuse(name: str, _detail: Any, _call: Any) -> Any:
        return START if name == "clock:now" else {"Failed": [{"Id": "0"}]}

    with (
        seam.guarded(refuse),
        patch("chalicelib.gateways.queues.url", lambda q: q),
        pytest.raises(Unavailable),
    ):
        timers.due(body_of(entries("chunk", [60])))
    assert clock.now() > START
