"""Shared fixtures: an emulated AWS (moto) with the resources of the template. No network but loopback."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

os.environ.update(
    AWS_ACCESS_KEY_ID="test",
    AWS_SECRET_ACCESS_KEY="test",
    AWS_DEFAULT_REGION="ap-northeast-1",
    TODOKU_STAGE="test",
    TODOKU_LINE_API_URL="http://127.0.0.1:9",
    POWERTOOLS_DEV="false",
    POWERTOOLS_TRACE_DISABLED="true",
    TZ="UTC",
)
for name in [n for n in os.environ if n.startswith("AWS_ENDPOINT_URL")]:
    del os.environ[name]

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties
from moto import mock_aws

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import limits
from chalicelib.deliveries.sending import push
from chalicelib.gateways import aws, queues, seam
from chalicelib.local import resources
from chalicelib.shared import side_by_side, time_left
from chalicelib.shared.settings import settings
from chalicelib.timers import arming
from tests import comparisons, moto_pace, moto_wire, reasons_checked, roles, waiting_messages

reasons_checked.hold()

# How long an example takes tells how busy the machine is, and not whether what it shows is true.
properties.register_profile("todoku", deadline=None, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("todoku")

_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> None:
    if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
        raise AssertionError(f"a test tried to reach {address}")
    _connect(self, address)


socket.socket.connect = _loopback_only  # type: ignore[method-assign, assignment]


@pytest.fixture(autouse=True)
def _one_call_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that crashes, counts or orders calls wants them in one order; tests of the pace ask for more."""
    # Of whatever ran before in this process: an invocation's time, and a worker's pace.
    monkeypatch.setattr(time_left, "_current", time_left.NO_LIMIT)
    monkeypatch.setattr(limits, "_of_worker", threading.local())
    monkeypatch.setattr(push, "AT_ONCE", 1)
    monkeypatch.setattr(side_by_side, "AT_ONCE", 1)


_cross = seam.cross
_one_at_a_time = threading.RLock()


def _comparable(name: str, detail: Any, call: Any) -> Any:
    comparisons.check(name, detail)
    return roles.cross(_cross, name, detail, lambda: _atomic(name, call))


def _atomic(name: str, call: Any) -> Any:
    """DynamoDB checks a condition and writes in one step; moto does so only for one thread at a time."""
    if not name.startswith("dynamodb:"):
        return call()
    with _one_at_a_time:
        return call()


seam.cross = _comparable
roles.install()
moto_pace.install()
moto_wire.install()


def pytest_collection_finish() -> None:
    """Now the rooms that the tests of this process use are loaded."""
    roles.install_work()


@pytest.fixture(autouse=True)
def _no_function_beyond_its_role() -> Iterator[None]:
    """Whatever a function does in a test, its role allows it (``infra/permissions.yaml``)."""
    roles.refused.clear()
    yield
    assert roles.refused == [], "what infra/permissions.yaml does not give the function"


def _empty(dynamodb: Any) -> None:
    """Delete the tables of an earlier test; a server may need a moment for each."""
    for name in dynamodb.list_tables()["TableNames"]:
        dynamodb.delete_table(TableName=name)
    while dynamodb.list_tables()["TableNames"]:
        pass


def _create() -> None:
    resources.create_tables()
    resources.create_queues()
    resources.create_buckets()


@contextmanager
def emulated_aws(dynamodb: str | None = None, *, machines: bool = False) -> Iterator[None]:
    """An empty emulated AWS with our tables and queues; its tables at another address, if one is given.
    ``machines``: state machines are there too, and run.
    """
    config: Any = {"core": {"passthrough": {"services": ["dynamodb"]}}} if dynamodb else {}
    config |= {"stepfunctions": {"execute_state_machine": True}} if machines else {}
    # A session takes as long as all else; only another address needs another one.
    forget = aws.forget_clients if dynamodb else aws.client.cache_clear
    with mock_aws(config=config):
        arming.known.client = None
        accounts._cache.clear()
        waiting_messages.forget()
        forget()
        queues.url.cache_clear()
        if dynamodb:
            _empty(aws.client("dynamodb"))
            _create()
        else:
            moto_pace.made_once(_create, settings().region, settings())
        if machines:
            resources.create_machines()
        yield
    forget()
    queues.url.cache_clear()


@pytest.fixture
def cloud() -> Iterator[None]:
    """An empty emulated AWS with our tables and queues (no state machines)."""
    with emulated_aws():
        yield


def drain(queue: str) -> list[dict[str, Any]]:
    """Take every message that is visible now out of a queue (short name); returns their bodies."""
    import json

    sqs = aws.client("sqs")
    url = queues.url(queue)
    bodies: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
