"""The ``broadcast`` machine's file, executed by moto: waits, tasks with tokens, choices, retries, cancel."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts.model import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.broadcasts import steps, workers
from chalicelib.broadcasts.documents import Schedule
from chalicelib.deliveries import workers as delivery_workers
from chalicelib.gateways import aws, clock, executions, queues, seam
from chalicelib.reaction import workers as reaction_workers
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from tests.conftest import drain, emulated_aws
from tests.deliveries_builders import ASL, TEXT, Line, a_friend, an_account

SHOP = Account("shop", "Shop", "Asia/Tokyo", 2)
NEWS = {"name": "news", "audience": {"everyone": True}, "message": "news"}
HANDLERS = {
    "shards": workers.plan_shard,
    "broadcast-tasks": workers.tasks,
    "sends": delivery_workers.send,
}


@pytest.fixture
def line_fake() -> Iterator[Line]:
    """AWS with executions that run, and a LINE."""
    found = Line()

    def guard(name: str, detail: Any, call: Callable[[], Any]) -> Any:
        return found.answer(name, detail) if name.startswith("line:") else call()

    with emulated_aws(machines=True), seam.guarded(guard):
        an_account(SHOP)
        for n in range(4):
            a_friend(f"U{n}", SHOP)
        broadcasts.put("shop", "b", NEWS, None, "test")
        yield found
        for machine in aws.client("stepfunctions").list_state_machines()["stateMachines"]:
            arn = machine["stateMachineArn"]
            running = aws.client("stepfunctions").list_executions(stateMachineArn=arn, statusFilter="RUNNING")
            for execution in running["executions"]:
                aws.client("stepfunctions").stop_execution(executionArn=execution["executionArn"])


def poll_until(done: Callable[[], bool], *, seconds: float = 20, lose: tuple[str, ...] = ()) -> None:
    """Work on the queues as Lambda would, until ``done``; a task named in ``lose`` is lost once."""
    sqs, end, lost = aws.client("sqs"), time.monotonic() + seconds, set(lose)
    while not done():
        assert time.monotonic() < end, "not done in time"
        for queue, handler in HANDLERS.items():
            url = queues.url(queue)
            for message in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
                task = json.loads(message["Body"]).get("task")
                if task in lost:
                    lost.discard(task)
                else:
                    record = {"messageId": "m", "body": message["Body"], "receiptHandle": "h"}
                    attributes = {"attributes": {"ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs"}
                    assert handler({"Records": [record | attributes]}, None)["batchItemFailures"] == []
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        time.sleep(0.02)


def ended(run: str) -> Callable[[], bool]:
    return lambda: not executions.is_running("broadcast", run)


def path_of(run: str) -> list[str]:
    """The states that an execution entered, in order."""
    arn = settings().machine_arn("broadcast").replace(":stateMachine:", ":execution:") + f":{run}"
    history = aws.client("stepfunctions").get_execution_history(executionArn=arn)["events"]
    entered = [event.get("stateEnteredEventDetails") for event in history]
    return [details["name"] for details in entered if details]


def test_the_whole_way(line_fake: Line) -> None:
    """A schedule waits, then plan, check, release, settle, done; everybody got it once."""
    at = clock.now() + timedelta(seconds=2)
    run = broadcasts.set_schedule("shop", "b", Schedule(at=at), "test")["run"]
    poll_until(ended(run))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert line_fake.got == {f"U{n}": 1 for n in range(4)}
    assert [name for name in path_of(run) if not name.startswith("After")] == [
        "WaitUntilDue",
        "Plan",
        "Check",
        "Release",
        "Settle",
        "Done",
    ]
    for body in drain("bulk"):
        record = {"messageId": "m", "body": json.dumps(body), "receiptHandle": "h"}
        attributes = {"attributes": {"ApproximateReceiveCount": "1"}, "eventSource": "aws:sqs"}
        assert reaction_workers.bulk({"Records": [record | attributes]}, None)["batchItemFailures"] == []
    for n in range(4):
        (activity,), _ = activities.recent("shop", f"U{n}", 10)
        (effect,) = activity["effects"]
        assert (activity["type"], activity["source"], activity["props"]) == (
            "sent",
            "broadcast",
            {"broadcast": "b", "run": run},
        )
        assert (effect["status"], effect["message"], effect["messages"]) == ("done", "news", TEXT)


def test_cancel_takes_its_own_path(line_fake: Line) -> None:
    """A paused broadcast that is cancelled ends in ``Cancelled``."""
    run = broadcasts.send("shop", "b", "test")["run"]
    broadcasts.pause("shop", "b", "test")
    poll_until(lambda: broadcasts.get("shop", "b")["progress"]["pending"] == 4)
    broadcasts.cancel("shop", "b", "test")
    poll_until(ended(run))
    assert path_of(run)[-2:] == ["Cancel", "Cancelled"]
    assert broadcasts.get("shop", "b")["progress"]["skipped"] == {"cancelled": 4}
    assert not line_fake.got


def test_a_lost_command_is_asked_again(line_fake: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message of a task is lost: the task times out and the machine asks again with a new token."""
    quick = settings().__class__(**{**settings().__dict__, "task_timeout_s": 1})
    monkeypatch.setattr("chalicelib.broadcasts.lifecycle.settings", lambda: quick)
    run = broadcasts.send("shop", "b", "test")["run"]
    poll_until(ended(run), lose=("check",))
    assert broadcasts.get("shop", "b")["status"] == "done"
    assert line_fake.got == {f"U{n}": 1 for n in range(4)}


def test_states_and_tasks_are_the_same() -> None:
    """Each task of the file has its function, each function its state, and every outcome a way on."""
    states = ASL["States"]
    tasks = {
        state["Parameters"]["MessageBody"]["task"] for state in states.values() if state["Type"] == "Task"
    }
    assert tasks == set(steps.ENSURE)
    for name, state in states.items():
        if state["Type"] == "Task":
            assert state["Retry"][0]["ErrorEquals"] == ["States.ALL"]
            assert state["Retry"][0]["MaxAttempts"] == 99999999
        if state["Type"] == "Choice":
            outcomes = {choice["StringEquals"] for choice in state["Choices"]}
            assert outcomes - {"test"} == {"ok", "cancelled", "missed", "gone"}
            assert ("test" in outcomes) == (name == "AfterRelease")
            assert state["Default"] == "Failed"
