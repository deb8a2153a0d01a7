"""Shared fixtures: an emulated AWS (moto) with the resources of the template. No network but loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
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
from moto import mock_aws

from chalicelib.gateways import aws, queues
from chalicelib.local import resources

_connect = socket.socket.connect


def _loopback_only(self: socket.socket, address: Any) -> None:
    if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost"}:
        raise AssertionError(f"a test tried to reach {address}")
    _connect(self, address)


socket.socket.connect = _loopback_only  # type: ignore[method-assign, assignment]


@pytest.fixture
def cloud() -> Iterator[None]:
    """An empty emulated AWS with our tables and queues (no state machines)."""
    with mock_aws():
        aws.forget_clients()
        queues.url.cache_clear()
        resources.create_tables()
        resources.create_queues()
        resources.create_buckets()
        yield
    aws.forget_clients()
    queues.url.cache_clear()


def drain(queue: str) -> list[dict[str, Any]]:
    """Take every message that is visible now out of a queue (short name); answers their bodies."""
    import json

    sqs = aws.client("sqs")
    url = queues.url(queue)
    bodies: list[dict[str, Any]] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
        for message in messages:
            bodies.append(json.loads(message["Body"]))
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return bodies
