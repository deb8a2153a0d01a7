"""The pollers do what Lambda's event source mapping does: delete what succeeded, leave what failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.gateways import aws
from chalicelib.local import pollers, wiring
from chalicelib.local.pollers import Busy, Poller, failed_ids, to_event
from chalicelib.local.wiring import QueueHandler
from tests.e2e import tiny


class FakeSqs:
    """Hands out the given messages once and remembers what became of them."""

    def __init__(self, count: int) -> None:
        self.waiting = [
            {"MessageId": f"m{n}", "ReceiptHandle": f"r{n}", "Body": "{}", "MD5OfBody": "", "Attributes": {}}
            for n in range(count)
        ]
        self.deleted: list[str] = []
        self.given_back: list[str] = []

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803
        return {"QueueUrl": f"http://127.0.0.1/1/{QueueName}"}

    def receive_message(self, **ask: Any) -> dict[str, Any]:
        taken, self.waiting = (
            self.waiting[: ask["MaxNumberOfMessages"]],
            self.waiting[ask["MaxNumberOfMessages"] :],
        )
        if not taken:
            time.sleep(0.01)
        return {"Messages": taken} if taken else {}

    def delete_message_batch(self, **ask: Any) -> None:
        self.deleted += [entry["ReceiptHandle"] for entry in ask["Entries"]]

    def change_message_visibility_batch(self, **ask: Any) -> None:
        self.given_back += [entry["ReceiptHandle"] for entry in ask["Entries"]]


def poll(
    monkeypatch: pytest.MonkeyPatch, sqs: FakeSqs, handler: Callable[[Any, Any], Any], batch_size: int = 10
) -> None:
    """Poll until the fake has nothing more."""
    monkeypatch.setattr(aws, "client", lambda _: sqs)
    monkeypatch.setattr(pollers, "load_handler", lambda _: handler)
    busy = Busy()
    poller = Poller(QueueHandler("q", "room.workers.work", batch_size, None), busy)
    poller.start()
    deadline = time.monotonic() + 5
    while sqs.waiting and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert busy.stop(5)
    poller.join(5)


@pytest.mark.parametrize(
    ("answer", "deleted"),
    [
        (None, ["r0", "r1", "r2"]),
        ({}, ["r0", "r1", "r2"]),
        ({"batchItemFailures": []}, ["r0", "r1", "r2"]),
        ({"batchItemFailures": [{"itemIdentifier": "m1"}]}, ["r0", "r2"]),
        ({"batchItemFailures": [{"itemIdentifier": "unknown"}]}, []),
        ({"batchItemFailures": [{"itemIdentifier": ""}]}, []),
        ({"batchItemFailures": [{}]}, []),
    ],
)
def test_partial_failures(monkeypatch: pytest.MonkeyPatch, answer: Any, deleted: list[str]) -> None:
    """What a handler reports as failed stays; an answer that makes no sense fails the whole batch."""
    sqs = FakeSqs(3)
    poll(monkeypatch, sqs, lambda *_: answer)
    assert (sqs.deleted, sqs.given_back) == (deleted, [])


def test_a_handler_that_raises_fails_its_batch(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception deletes nothing, is in the log, and the poller goes on with the next batch."""
    sqs, calls = FakeSqs(4), []

    def handler(event: dict[str, Any], _: Any) -> None:
        calls.append(len(event["Records"]))
        if len(calls) == 1:
            raise RuntimeError("broken")

    poll(monkeypatch, sqs, handler, batch_size=2)
    assert (calls, sqs.deleted) == ([2, 2], ["r2", "r3"])
    assert "broken" in capsys.readouterr().err


def test_a_batch_may_be_larger_than_one_receive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler with a larger batch size gets several receives at once, and its deletes go in tens."""
    sqs, sizes = FakeSqs(25), []
    poll(monkeypatch, sqs, lambda event, _: sizes.append(len(event["Records"])), batch_size=100)
    assert (sizes, len(sqs.deleted)) == ([25], 25)


def test_a_stop_waits_for_handlers_and_starts_none() -> None:
    """While stopping, what runs may end and nothing begins."""
    busy = Busy()
    assert busy.enter()
    threading.Timer(0.1, busy.leave).start()
    assert busy.stop(5)
    assert not busy.enter()
    slow = Busy()
    slow.enter()
    assert not slow.stop(0.05)


def test_an_event_looks_like_lambdas() -> None:
    """Handlers get the records that Lambda makes of messages."""
    message = {
        "MessageId": "m",
        "ReceiptHandle": "r",
        "Body": "b",
        "MD5OfBody": "5",
        "Attributes": {"A": "1"},
    }
    (record,) = to_event("q.fifo", [message])["Records"]
    assert record["eventSourceARN"] == "arn:aws:sqs:ap-northeast-1:123456789012:q.fifo"
    assert (record["messageId"], record["attributes"], record["body"]) == ("m", {"A": "1"}, "b")
    assert failed_ids(None, ["m"]) == set()


def test_wiring_is_what_the_app_says() -> None:
    """Queues, batch sizes and schedules come from the app; handlers are found by their deployed path."""
    app = wiring.load_app("tests.e2e.tiny")
    assert wiring.queue_handlers(app) == [
        QueueHandler("todoku-test-inbox.fifo", "tests.e2e.tiny.react", 10, None),
        QueueHandler("todoku-test-bulk", "tests.e2e.tiny.bulk", 10, None),
    ]
    assert [(s.expression, s.function) for s in wiring.scheduled_handlers(app)] == [
        ("rate(1 minute)", "tests.e2e.tiny.sweep")
    ]
    assert wiring.load_handler("tests.e2e.tiny.react") is tiny.react
    assert wiring.timeout_s("chalicelib.engine.workers.react") == 10
    assert pollers.context("chalicelib.engine.workers.react").get_remaining_time_in_millis() > 9000
