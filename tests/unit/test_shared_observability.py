"""One line for each invocation and each failure, and metrics added up to one line per invocation."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from chalice.app import SQSEvent
from chalice.local import LambdaContext

from chalicelib.shared import metrics
from chalicelib.shared.batches import each_message
from chalicelib.shared.observability import carried, log_fields, logger, observed, subject
from chalicelib.shared.text.redaction import friend_hash

USER = "U" + "a" * 32


def lines(printed: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in printed.readouterr().out.splitlines()]


def sqs(*bodies: dict[str, Any]) -> dict[str, Any]:
    records = [
        {
            "messageId": f"m{number}",
            "body": json.dumps(body),
            "attributes": {"ApproximateReceiveCount": "2"},
            "eventSource": "aws:sqs",
        }
        for number, body in enumerate(bodies)
    ]
    return {"Records": records}


@pytest.fixture
def printed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[pytest.CaptureFixture[str]]:
    """What a function prints: its log and its metrics."""
    level = logger.log_level
    handler = logging.getLogger("todoku").handlers[0]
    monkeypatch.setattr(handler, "emit", lambda record: print(handler.format(record)))
    logger.setLevel("INFO")
    yield capsys
    logger.setLevel(level)


def test_an_invocation_is_one_line_and_a_failure_another(printed: pytest.CaptureFixture[str]) -> None:
    """Both carry Lambda's request id; the failure says on whose behalf, the invocation what it worked on."""

    @observed
    def handler(event: SQSEvent) -> dict[str, Any]:
        def work(body: dict[str, Any], _received: int) -> None:
            if body["chunk"] == "c2":
                raise ValueError("お客様 said 'hello you'")

        return each_message(event, work)

    context = LambdaContext("send", 512)
    event = SQSEvent(
        sqs(
            {"account": "shop", "run": "r1", "chunk": "c1"},
            {"account": "shop", "run": "r1", "chunk": "c2", "user_id": USER, "event_id": "e1"},
        ),
        context,
    )
    assert handler(event) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    failure, invocation = lines(printed)
    assert (failure["level"], failure["exception_name"], failure["attempt"]) == ("ERROR", "ValueError", 2)
    where = {"account": "shop", "run": "r1", "chunk": "c2", "event": "e1", "friend": friend_hash(USER)}
    assert where.items() <= failure.items()
    assert failure["function_request_id"] == invocation["function_request_id"] == context.aws_request_id
    assert (invocation["message"], invocation["handler"], invocation["outcome"]) == (
        "invocation",
        "handler",
        "ok",
    )
    assert (invocation["messages"], invocation["about"][0]) == (
        2,
        {"account": "shop", "run": "r1", "chunk": "c1"},
    )
    assert "friend" not in invocation, "a line says nothing of what an earlier message was about"
    for line in (failure, invocation):
        assert USER not in json.dumps(line)
        assert "hello" not in json.dumps(line)


def test_an_invocation_that_fails_says_so_and_fails(printed: pytest.CaptureFixture[str]) -> None:
    """The error reaches Lambda, and the line tells the outcome."""

    @observed
    def recover(_event: dict[str, Any], _context: Any) -> None:
        metrics.count("Line5xx", kind="push")
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        recover({}, LambdaContext("recover", 512))
    counted, failure, invocation = lines(printed)
    assert counted["Line5xx"] == [1.0], "what was counted until then is told"
    assert failure["message"] == "the invocation failed"
    assert invocation["outcome"] == "failed"


def test_metrics_of_an_invocation_are_added_up(printed: pytest.CaptureFixture[str]) -> None:
    """Counts of threads too; one line per combination of dimensions, each per stage, account and all."""
    with metrics.batched(), ThreadPoolExecutor(4) as threads:
        list(threads.map(carried(lambda _: metrics.count("Line429", kind="push")), range(8)))
        metrics.count("LedgerUnknown", 3, account="shop")
        metrics.measure("QuotaLeft", 12, "Count", account="shop")
    first, second = lines(printed)
    assert (first["Line429"], first["stage"], first["kind"]) == ([8.0], "test", "push")
    (defined,) = first["_aws"]["CloudWatchMetrics"]
    assert (defined["Namespace"], defined["Dimensions"]) == ("Todoku", [["stage"], ["stage", "kind"]])
    assert (second["LedgerUnknown"], second["QuotaLeft"]) == ([3.0], [12.0])


def test_a_count_outside_an_invocation_is_reported_at_once(printed: pytest.CaptureFixture[str]) -> None:
    """Commands and tests have no end of an invocation to wait for."""
    metrics.count("DeadLettersWritten", queue="bulk")
    assert lines(printed)[0]["DeadLettersWritten"] == [1.0]


def test_more_than_a_hundred_values_lose_none(printed: pytest.CaptureFixture[str]) -> None:
    """EMF takes a hundred values per line."""
    with metrics.batched():
        for value in range(205):
            metrics.measure("StepsLate", value, "Seconds")
    assert sorted(value for line in lines(printed) for value in line["StepsLate"]) == list(range(205))


def test_what_a_message_is_about() -> None:
    """Names only, whatever else a body holds; entries that travel together tell how many they are."""
    entry = {"account": "shop", "body": {"user_id": "U1", "scenario": "s", "run": 2}}
    assert subject({"kind": "step", "entries": [entry, entry]}) == {
        "account": "shop",
        "user_id": "U1",
        "run": 2,
        "kind": "step",
        "entries": 2,
    }
    assert subject({"text": "こんにちは", "props": {"text": "x"}, "account": "shop"}) == {"account": "shop"}


def test_what_the_work_is_about_ends_with_it(printed: pytest.CaptureFixture[str]) -> None:
    """Inside it everything says so, also in threads; outside nothing does."""
    with log_fields(account="shop", event="e1"), ThreadPoolExecutor(1) as threads:
        threads.submit(carried(lambda: logger.warning("inside"))).result()
    logger.warning("outside")
    inside, outside = lines(printed)
    assert (inside["account"], inside["event"]) == ("shop", "e1")
    assert "account" not in outside
