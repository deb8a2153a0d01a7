"""The time of an invocation: what may begin in it, and what goes back or goes on later."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.gateways import clock
from chalicelib.reaction import batch
from chalicelib.segments import by_shard
from chalicelib.shared import time_left
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from tests.few_looks import FewLooks


def few(looks: int) -> TimeLeft:
    return TimeLeft(FewLooks(looks).get_remaining_time_in_millis)


def records(*names: str, received: int = 1, group: str = "") -> list[dict[str, Any]]:
    return [
        {
            "messageId": name,
            "receiptHandle": f"handle-{name}",
            "body": json.dumps({"name": name, "at": f"2026-11-22T00:00:0{n}Z"}),
            "attributes": {"ApproximateReceiveCount": str(received), "MessageGroupId": group},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q",
            "awsRegion": "ap-northeast-1",
        }
        for n, name in enumerate(names)
    ]


def test_nothing_begins_in_the_last_third() -> None:
    """60 s: for 40 s something may begin, and a call may last until 50 s are over; a moment at least."""
    left_ms = [60_000]
    left = TimeLeft(lambda: left_ms[0])
    assert (left.is_over, left.seconds(90), left.for_call(10)) == (False, 40, 10)
    left_ms[0] = 21_000
    assert (left.is_over, left.seconds(90), left.for_call(10), left.for_call(90)) == (False, 1, 10, 11)
    left_ms[0] = 15_000
    assert (left.is_over, left.seconds(90), left.for_call(10)) == (True, 0, 5)
    left_ms[0] = 0
    assert left.for_call(10) == 0.2
    assert (NO_LIMIT.is_over, NO_LIMIT.seconds(90), NO_LIMIT.for_call(10)) == (False, 90, 10)


def test_the_time_of_an_invocation_is_its_contexts() -> None:
    """Whoever has no context has no limit, also after somebody who had one."""
    event = SQSEvent({"Records": []}, FewLooks(0))
    assert time_left.begin(event).is_over
    assert time_left.current().is_over
    assert time_left.begin(SQSEvent({"Records": []}, None)) is NO_LIMIT
    assert time_left.current() is NO_LIMIT


@pytest.mark.parametrize(("received", "tried"), [(1, ["a"]), (batch.LAST_RECEIVE, ["a", "b", "c"])])
def test_events_that_do_not_fit_go_back_in_their_order(
    received: int, tried: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One begins in any case, and so does what would go to the dead letters untried."""
    done: list[str] = []
    back: list[tuple[str, int]] = []
    monkeypatch.setattr(
        batch.queues, "retry_in", lambda queue, handle, seconds: back.append((handle, seconds))
    )
    answer = batch.run(
        records("a", "b", "c", received=received, group="shop#U1"),
        lambda body: done.append(body["name"]),
        lambda body, error: None,
        few(0),
    )
    assert done == tried
    left = [name for name in "abc" if name not in tried]
    assert back == [(f"handle-{name}", 0) for name in left]
    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == left


def test_who_went_back_begins_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Friends whose events have waited longest are first in the next batch."""
    done: list[str] = []
    monkeypatch.setattr(batch.queues, "retry_in", lambda *_: None)
    monkeypatch.setattr(batch, "_THREADS", 1)
    found = records("new", group="shop#U1") + records("old", received=3, group="shop#U2")
    batch.run(found, lambda body: done.append(body["name"]), lambda body, error: None, few(0))
    assert done == ["old"]


def test_a_request_has_no_more_time_than_its_function(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 3 s two are left for what may take 20; after the request nothing is left over from it."""
    left_ms = [3_000.0]
    now = [datetime(2026, 11, 22, tzinfo=UTC)]
    monkeypatch.setattr(clock, "now", lambda: now[0])
    with time_left.during(SimpleNamespace(get_remaining_time_in_millis=lambda: left_ms[0])):
        left = by_shard.within(20)
        now[0] += timedelta(seconds=1.9)
        assert not left.is_over
        now[0] += timedelta(seconds=0.2)
        assert left.is_over
    assert time_left.current() is NO_LIMIT
    free = by_shard.within(20)
    now[0] += timedelta(seconds=19)
    assert not free.is_over


def test_a_sample_holds_whole_shards_only() -> None:
    """The first two are read to their end; of the others none that there was no time for."""
    read = by_shard.sample(6, lambda shard, left: None if left.is_over else shard, few(0))
    assert read == [0, 1]
    assert by_shard.sample(6, lambda shard, _: shard, NO_LIMIT) == [0, 1, 2, 3, 4, 5]
