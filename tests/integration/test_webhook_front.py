"""Invariant 1: 200 only when every event is in the inbox; a bad signature touches nothing."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from chalicelib.gateways import seam, secrets
from chalicelib.webhook import front
from tests.conftest import drain

START = datetime(2026, 11, 22, 6, tzinfo=UTC)


class Watch:
    """A guard that records crossings, holds the clock, and can break a service."""

    def __init__(self) -> None:
        self.now = START
        self.seen: list[str] = []
        self.broken: dict[str, Any] = {}

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        self.seen.append(name)
        if name in self.broken:
            answer = self.broken[name]
            if isinstance(answer, Exception):
                raise answer
            return answer(call())
        return call()


@pytest.fixture
def watch(cloud: None) -> Iterator[Watch]:
    front.forget_secrets()
    guard = Watch()
    secrets.put_line_credentials("shop", {"channel_secret": "s1", "channel_access_token": "t"})
    with seam.guarded(guard):
        yield guard


def follow(n: int = 1, user: str = "U1") -> dict[str, Any]:
    return {
        "type": "follow",
        "mode": "active",
        "timestamp": 1763791598000 + n,
        "webhookEventId": f"01E{n:04d}",
        "replyToken": f"r{n}",
        "source": {"type": "user", "userId": user},
        "follow": {"isUnblocked": False},
        "deliveryContext": {"isRedelivery": False},
    }


def body(*events: Any) -> bytes:
    return json.dumps({"destination": "U0", "events": list(events)}).encode()


def sign(raw: bytes, secret: str = "s1") -> str:
    return base64.b64encode(hmac.new(secret.encode(), raw, hashlib.sha256).digest()).decode()


def post(raw: bytes, secret: str = "s1", account: str = "shop") -> front.Answer:
    return front.receive(account, raw, sign(raw, secret))


def test_every_event_of_a_request_reaches_the_inbox(watch: Watch) -> None:
    """25 events are 25 messages in order, sent in batches of ten, without any DynamoDB call."""
    assert post(body(*[follow(n) for n in range(25)])) == front.Answer(200, {})
    assert [m["event_id"] for m in drain("inbox")] == [f"01E{n:04d}" for n in range(25)]
    assert watch.seen.count("sqs:SendMessageBatch") == 3
    assert not [name for name in watch.seen if name.startswith("dynamodb:")]


def test_no_events_is_fine(watch: Watch) -> None:
    """LINE's verification request has an empty list: 200 without a queue call."""
    assert post(body()).status == 200
    assert "sqs:SendMessageBatch" not in watch.seen


def test_a_redelivered_event_is_one_message(watch: Watch) -> None:
    """The queue drops a second copy of the same event of the same friend."""
    assert post(body(follow())).status == 200
    again = follow() | {"deliveryContext": {"isRedelivery": True}}
    assert post(body(again)).status == 200
    assert len(drain("inbox")) == 1


@pytest.mark.parametrize("signature", [None, "", "nonsense", "あ"])
def test_a_bad_signature_touches_nothing(watch: Watch, signature: str | None) -> None:
    """401 in the error shape; nothing enters the inbox."""
    answer = front.receive("shop", body(follow()), signature)
    assert answer.status == 401
    assert answer.body["error"]["code"] == "unauthenticated"
    assert drain("inbox") == []


def test_broken_json_with_a_valid_signature(watch: Watch) -> None:
    """400 in the error shape."""
    answer = post(b'{"events": [')
    assert (answer.status, answer.body["error"]["code"]) == (400, "invalid_input")


@pytest.mark.parametrize("account", ["nobody", "NOT-AN-ID", "../shop", ""])
def test_an_unknown_account(watch: Watch, account: str) -> None:
    """404, also for names that could not be an account's."""
    assert post(body(), account=account).status == 404


def test_an_oversized_body(watch: Watch) -> None:
    """413 above 1 MB, before anything else is looked at."""
    assert post(b"x" * 1_000_001).status == 413
    assert watch.seen == []


def test_503_when_the_inbox_does_not_take_everything(watch: Watch) -> None:
    """A failing or partly refusing queue is 503, so that LINE sends the events again."""
    watch.broken["sqs:SendMessageBatch"] = EndpointConnectionError(endpoint_url="x")
    assert post(body(follow())).status == 503
    watch.broken["sqs:SendMessageBatch"] = lambda answer: answer | {"Failed": [{"Id": "1"}]}
    assert post(body(follow(1), follow(2))).status == 503
    watch.broken.clear()
    assert post(body(follow(1), follow(2))).status == 200


def test_503_when_the_secret_store_is_silent_and_nothing_is_known(watch: Watch) -> None:
    """A first request that cannot be checked is not accepted."""
    watch.broken["ssm:GetParameter"] = EndpointConnectionError(endpoint_url="x")
    assert post(body()).status == 503
    watch.broken.clear()
    assert post(body()).status == 200
    watch.broken["ssm:GetParameter"] = EndpointConnectionError(endpoint_url="x")
    watch.now += timedelta(hours=1)
    assert post(body()).status == 200


def test_the_secret_is_read_once_per_process(watch: Watch) -> None:
    """A warm process makes no call but the queue's."""
    for n in range(5):
        assert post(body(follow(n))).status == 200
    assert watch.seen.count("ssm:GetParameter") == 1


def test_a_reissued_secret_works_at_once(watch: Watch) -> None:
    """The new secret is accepted by its first request; the old one is dead after it."""
    assert post(body()).status == 200
    secrets.put_line_credentials("shop", {"channel_secret": "s2", "channel_access_token": "t"})
    watch.now += timedelta(milliseconds=10)
    assert post(body(), secret="s2").status == 200
    assert post(body(), secret="s1").status == 401


def test_forged_requests_do_not_hammer_the_secret_store(watch: Watch) -> None:
    """A flood of bad signatures re-reads the secret a few times, then once per pause."""
    post(body())
    for _ in range(200):
        watch.now += timedelta(milliseconds=10)
        assert post(body(), secret="forged").status == 401
    assert watch.seen.count("ssm:GetParameter") <= 7


@pytest.mark.parametrize("encoded", [False, True])
def test_the_lambda_answers_like_api_gateway_expects(watch: Watch, encoded: bool) -> None:
    """Proxy event in, proxy answer out; base64 bodies are decoded before the HMAC."""
    raw = body(follow(user="U髪"))
    event = {
        "pathParameters": {"account": "shop"},
        "headers": {"X-Line-Signature": sign(raw), "Content-Type": "application/json; charset=utf-8"},
        "body": base64.b64encode(raw).decode() if encoded else raw.decode(),
        "isBase64Encoded": encoded,
    }
    answer = front.webhook(event, None)
    assert (answer["statusCode"], json.loads(answer["body"])) == (200, {})
    assert len(drain("inbox")) == 1
    assert front.webhook({"headers": None, "body": None}, None)["statusCode"] == 404


def test_the_route_takes_any_content_type(watch: Watch) -> None:
    """LINE's ``application/json; charset=utf-8`` and anything else reach the signature check."""
    from chalice.config import Config
    from chalice.local import LocalGateway

    from app import app

    gateway = LocalGateway(app, Config())
    raw = body(follow())
    for content_type in ("application/json; charset=utf-8", "text/plain", ""):
        headers = {"content-type": content_type, "x-line-signature": sign(raw)}
        answer = gateway.handle_request("POST", "/webhook/shop", headers, raw)
        assert answer["statusCode"] == 200, answer
        assert json.loads(answer["body"]) == {}


def test_the_front_is_lean() -> None:
    """Its Lambda loads neither LINE's SDK nor PynamoDB nor pydantic."""
    probe = (
        "import sys, chalicelib.webhook.front\n"
        "loaded = {m.split('.')[0] for m in sys.modules}\n"
        "heavy = {'linebot', 'pynamodb', 'pydantic', 'pydantic_core'} & loaded\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", probe], check=True, timeout=60)
