"""The pollers do what Lambda's event source mapping does: delete what succeeded, leave what failed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.gateways import aws
from chalicelib.local import wiring
from chalicelib.local.environments import TimedOut
from chalicelib.local.pollers import Busy, Poller, Precedence, Room, failed_ids, to_event
from chalicelib.local.wiring import Function, QueueHandler
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
    monkeypatch: pytest.MonkeyPatch,
    sqs: FakeSqs,
    handler: Callable[[Any, Any], Any],
    batch_size: int = 10,
    window_s: int = 0,
) -> None:
    """Poll until the fake has nothing more."""
    monkeypatch.setattr(aws, "client", lambda _: sqs)
    busy = Busy()
    queue = QueueHandler("q", Function("work", "room.workers.work"), batch_size, window_s)
    poller = Poller(queue, busy, lambda _, event: handler(event, None), Room(1), Precedence())
    poller.start()
    deadline = time.monotonic() + 5
    until_s = time.monotonic() + window_s + 0.1
    while (sqs.waiting or time.monotonic() < until_s) and time.monotonic() < deadline:
        time.sleep(0.01)
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


def test_an_invocation_that_fails_fails_its_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """It deletes nothing and gives nothing back, and the poller goes on with the next batch."""
    sqs, calls = FakeSqs(4), []

    def handler(event: dict[str, Any], _: Any) -> None:
        calls.append(len(event["Records"]))
        if len(calls) == 1:
            raise TimedOut("work: Task timed out after 10.00 seconds")

    poll(monkeypatch, sqs, handler, batch_size=2)
    assert (calls, sqs.deleted, sqs.given_back) == ([2, 2], ["r2", "r3"], [])


def test_a_batch_may_be_larger_than_one_receive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler with a larger batch size gets several receives at once, and its deletes go in tens."""
    sqs, sizes = FakeSqs(25), []
    poll(monkeypatch, sqs, lambda event, _: sizes.append(len(event["Records"])), batch_size=100)
    assert (sizes, len(sqs.deleted)) == ([25], 25)


def test_a_batch_waits_for_its_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes within the batching window goes with the first message, as far as the batch has room."""
    sqs, sizes = FakeSqs(10), []
    sqs.waiting, late = sqs.waiting[:1], sqs.waiting[1:]
    threading.Timer(0.3, lambda: sqs.waiting.extend(late)).start()
    poll(monkeypatch, sqs, lambda event, _: sizes.append(len(event["Records"])), batch_size=5, window_s=1)
    assert sizes == [5, 5]
    assert len(sqs.deleted) == 10


def test_what_runs_out_of_time_leaves_less_room() -> None:
    """Half for each, one at least; what is ended in time makes it as large as it was, not larger."""
    room = Room(8)
    seen = []
    for in_time in (False, False, False, False, *([True] * 80)):
        room.note(in_time=in_time)
        seen.append(room.allowed)
    assert seen[:4] == [4, 2, 1, 1]
    assert seen[4:] == sorted(seen[4:])
    assert (seen[14], seen[-1]) == (2, 8)


def test_a_place_is_waited_for() -> None:
    """Nobody receives what there is no room to work on."""
    room = Room(2)
    room.note(in_time=False)
    room.enter()
    entered = threading.Event()
    thread = threading.Thread(target=lambda: (room.enter(), entered.set()))
    thread.start()
    assert not entered.wait(0.1)
    room.leave()
    assert entered.wait(5)
    thread.join()


def begins(precedence: Precedence, name: str, busy: Busy) -> threading.Event:
    """Begin a batch of a function in a thread of its own; set when it runs."""
    begun = threading.Event()

    def work() -> None:
        with precedence.of(Function(name, "p"), busy):
            begun.set()

    threading.Thread(target=work, daemon=True).start()
    return begun


def test_background_work_waits_for_steps_that_are_due() -> None:
    """Until the last of them has ended; nothing else waits."""
    precedence, busy = Precedence(), Busy()
    with precedence.of(Function("advance", "p"), busy):
        with precedence.of(Function("advance", "p"), busy):
            waiting = begins(precedence, "bulk", busy)
            assert begins(precedence, "react", busy).wait(5)
        assert not waiting.wait(0.1)
    assert waiting.wait(5)
    assert begins(precedence, "bulk", busy).wait(5)


def test_background_work_does_not_wait_for_ever() -> None:
    """Steps that never cease hold it once for so long; a stop does not wait for it."""
    busy = Busy()
    precedence = Precedence(longest_s=0.2)
    with precedence.of(Function("advance", "p"), busy):
        assert begins(precedence, "bulk", busy).wait(5)
        with precedence.of(Function("advance", "p"), busy):
            assert begins(precedence, "bulk", busy).wait(5)
    precedence = Precedence()
    with precedence.of(Function("advance", "p"), busy):
        waiting = begins(precedence, "bulk", busy)
        assert not waiting.wait(0.1)
        busy.stop(0)
        assert waiting.wait(5)


def test_pollers_are_as_many_as_may_run_at_a_time() -> None:
    """A part of MaximumConcurrency, the function's reserved concurrency, the machine: the least of them."""
    free, reserved = Function("f", "p"), Function("f", "p", reserved=2)
    allowed = [
        QueueHandler("q", function, 1, concurrency=concurrency).at_most(8)
        for function in (free, reserved)
        for concurrency in (None, 1, 3, 16, 100)
    ]
    assert allowed == [8, 1, 2, 4, 8, 2, 1, 2, 2, 2]


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
    assert [(h.queue, h.function.path, h.batch_size, h.window_s) for h in wiring.queue_handlers(app)] == [
        ("todoku-test-inbox.fifo", "tests.e2e.tiny.react", 10, 0),
        ("todoku-test-bulk", "tests.e2e.tiny.bulk", 10, 0),
    ]
    assert [(s.expression, s.function.path) for s in wiring.scheduled_handlers(app)] == [
        ("rate(1 minute)", "tests.e2e.tiny.sweep")
    ]
    assert wiring.load_handler("tests.e2e.tiny.react") is tiny.react


def test_functions_have_what_the_config_gives_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Timeout, memory and reserved concurrency are the function's own, else the stage's, else the app's."""
    react = wiring.function("react", "chalicelib.reaction.workers.react")
    assert (react.timeout_s, react.memory_mb) == (10, 512)
    assert wiring.api_function() == Function("api_handler", "app.app", 29, 1024)
    monkeypatch.setenv("TODOKU_LOCAL_TIME_SCALE", "0.1")
    assert wiring.function("recover", "x").timeout_s == 90
    config = {
        "lambda_timeout": 7,
        "stages": {"prod": {"lambda_functions": {"f": {"reserved_concurrency": 3}}}},
    }
    monkeypatch.setattr(wiring, "_config", lambda: config)
    assert wiring.function("f", "x") == Function("f", "x", 7 * 0.1, 128, 3)


def test_every_source_of_the_app_has_its_settings() -> None:
    """No handler of the app falls back to a default because its name was not found."""
    app = wiring.load_app("app")
    sources = [*wiring.queue_handlers(app), *wiring.scheduled_handlers(app)]
    names = {source.function.name for source in sources} | set(wiring.lambda_functions(app))
    given = wiring._config()["stages"]["prod"]["lambda_functions"]
    assert names == set(given) - {"api_handler"}
