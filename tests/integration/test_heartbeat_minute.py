"""The ``minute`` machine, executed from its own file, drives drain and verify through the queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from chalice.app import SQSEvent

from chalicelib.gateways import aws, clock, executions, queues
from chalicelib.heartbeat import workers
from chalicelib.local import resources
from chalicelib.shared.settings import settings
from chalicelib.timers import service as timers
from chalicelib.timers import store
from chalicelib.timers.model import Entry, execution_name, minute_key, minute_of
from tests.conftest import emulated_aws

DEFINITION = resources.INFRA / "statemachines" / "minute.asl.json"


@pytest.fixture
def machines() -> Iterator[None]:
    """An emulated AWS that executes state machines."""
    with emulated_aws(machines=True):
        yield


def receive(queue: str) -> list[dict[str, Any]]:
    answer = aws.client("sqs").receive_message(
        QueueUrl=queues.url(queue), MaxNumberOfMessages=10, WaitTimeSeconds=1
    )
    return list(answer.get("Messages", []))


def records(messages: list[dict[str, Any]]) -> SQSEvent:
    """What Lambda would call the handler with."""
    return SQSEvent(
        {
            "Records": [
                {
                    "messageId": message["MessageId"],
                    "receiptHandle": message["ReceiptHandle"],
                    "body": message["Body"],
                    "attributes": {"ApproximateReceiveCount": "1"},
                    "messageAttributes": {},
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:ap-northeast-1:1:{settings().queue('minute-tasks')}",
                    "awsRegion": "ap-northeast-1",
                }
                for message in messages
            ]
        },
        None,
    )


def test_an_execution_drains_and_verifies_its_minute(machines: None) -> None:
    """Started by hand for a minute that is over: drain is commanded, then verify, and it succeeds."""
    minute = minute_of(clock.now() - timedelta(minutes=10))
    entry = Entry("shop", "step", "s#u1", 1, minute, body={"user_id": "u1", "scenario": "s", "run": 1})
    store.open_bucket(minute)
    store.put([timers_slot(entry)])
    payload = {
        "minute": minute_key(minute),
        "drain_at": f"{minute:%Y-%m-%dT%H:%M:%SZ}",
        "verify_at": f"{minute + timedelta(minutes=3):%Y-%m-%dT%H:%M:%SZ}",
        "timeout_s": 5,
    }
    assert executions.start("minute", execution_name(minute), payload)
    seen: list[str] = []
    deadline = time.monotonic() + 30
    while executions.is_running("minute", execution_name(minute)) and time.monotonic() < deadline:
        messages = receive("minute-tasks")
        seen += [json.loads(message["Body"])["task"] for message in messages]
        if messages:
            assert workers.minute_tasks(records(messages).to_dict(), None) == {"batchItemFailures": []}
    assert seen == ["drain", "verify"]
    (due,) = receive("due")
    assert json.loads(due["Body"])["entries"][0]["id"] == "s#u1"
    assert store.read_bucket(minute).state == "VERIFIED"


def timers_slot(entry: Entry) -> Any:
    from chalicelib.timers.model import Slot

    return Slot(entry, entry.due_at)


def test_the_definition_is_json_before_and_after_substitution() -> None:
    """The file is valid JSON as it stands and as it is deployed; its states have the tasks' names."""
    raw = DEFINITION.read_text(encoding="utf-8")
    deployed = raw.replace("${QueueUrl}", "https://sqs/q")
    for text in (raw, deployed):
        states = json.loads(text)["States"]
        tasks = [s["Parameters"]["MessageBody"]["task"] for s in states.values() if s["Type"] == "Task"]
        assert tasks == ["drain", "verify"]
        assert all("TimeoutSecondsPath" in s for s in states.values() if s["Type"] == "Task")


def test_every_kind_of_entry_has_an_owner_who_answers(cloud: None) -> None:
    """Nothing known of an entry any more: every owner says that it needs no feeding."""
    now = clock.now()
    bodies = {
        "step": {"user_id": "u1", "scenario": "s", "run": 1},
        "chunk": {"run": "r", "chunk": "c"},
        "run": {"broadcast": "b", "run": "r"},
        "sheet_due": {},
        "chunk_hold": {"run": "r", "chunk": "c"},
        "run_hold": {"broadcast": "b", "run": "r"},
        "variant": {"broadcast": "b", "run": "r"},
        "decision": {"broadcast": "b", "run": "r"},
        "rule_hold": {"user_id": "u1", "event_id": "e", "rule": "r", "index": 0},
        "schedule": {},
        "insight": {"ended": "2026-01-01T00:00:00.000Z"},
        "line_audience": {},
        "rich_menus": {},
        "rich_menu_end": {},
    }
    assert set(bodies) == set(timers.DUE)
    for kind, check in timers.checks().items():
        assert check([Entry("shop", kind, "x", 0, now, body=bodies[kind])]) == [True]  # type: ignore[arg-type]


def test_sweep_and_recover_run_on_an_empty_house(cloud: None) -> None:
    """With nothing armed there is nothing to do, and nothing fails."""
    assert timers.sweep(timers.checks()) == {"drained": 0, "verified": 0, "fed": 0}
    assert workers.recover() == {"fed": 0, "sent": 0, "started": 0}
