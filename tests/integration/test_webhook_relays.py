"""Raw webhooks for others: forwarded as they came once they are stored, repeated, bounded."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.gateways import aws, queues, seam, web
from chalicelib.jobs.kinds import JOBS
from chalicelib.outgoing import relays
from chalicelib.shared import metrics
from chalicelib.shared.reasons import Reason
from chalicelib.webhook import front
from tests.api_client import Api, an_account, an_api
from tests.conftest import drain

OLD, OTHER = "https://old.example/line/callback", "https://other.example/hook"
BASE = "/v1/accounts/shop"


class Outside:
    """Others who answer as they are told to, at a time that can be moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, 6, tzinfo=UTC)
        self.posts: list[dict[str, Any]] = []
        self.answers: list[Any] = []
        self.broken: set[str] = set()
        self.counted: list[str] = []

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name.startswith("sqs:") and any(queue in str(detail.get("QueueUrl")) for queue in self.broken):
            raise RuntimeError("no queue")
        if name != "web:post":
            return call()
        self.posts.append(dict(detail))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer

    def work(self) -> None:
        """Whatever is to be forwarded, until nothing is."""
        while bodies := [body for body in drain("bulk") if body["job"] == "relay"]:
            for body in bodies:
                self.now += timedelta(minutes=1)
                JOBS["relay"].run(body, 1)


@pytest.fixture
def outside(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outside]:
    front.forget_secrets()
    relays._resting.clear()
    found = Outside()
    send = queues.send
    monkeypatch.setattr(queues, "send", lambda queue, body, delay_s=0: send(queue, body))
    monkeypatch.setattr(metrics.Batch, "count", lambda _batch, name, _n, _dims: found.counted.append(name))
    with seam.guarded(found):
        yield found


def shop(*urls: str) -> Api:
    api = an_api()
    an_account(api, relay_urls=list(urls), channel_secret="s1")
    front.forget_secrets()
    return api


def deliver(raw: bytes | None = None, **headers: str) -> tuple[int, bytes, str]:
    """One request of LINE's: the status, and what it was."""
    event = {
        "type": "follow", "mode": "active", "timestamp": 1763791598000, "webhookEventId": os.urandom(8).hex(),
        "source": {"type": "user", "userId": "U1"}, "follow": {"isUnblocked": False},
        "deliveryContext": {"isRedelivery": False},
    }  # fmt: skip
    body = raw or json.dumps({"destination": "U0", "events": [event]}, indent=1).encode() + b" \n"
    signature = base64.b64encode(hmac.new(b"s1", body, hashlib.sha256).digest()).decode()
    request = {
        "headers": {
            "X-Line-Signature": signature, "User-Agent": "LineBotWebhook/2.0",
            "Content-Type": "application/json; charset=utf-8", **headers,
        },
        "pathParameters": {"account": "shop"},
        "body": base64.b64encode(body).decode(),
        "isBase64Encoded": True,
    }  # fmt: skip
    return front.webhook(request, None)["statusCode"], body, signature


def test_bytes_and_signature_arrive_as_they_came_once_they_are_stored(outside: Outside) -> None:
    """Each address gets them once, after the inbox has them; what is rejected is nobody's."""
    shop(OLD, OTHER)
    status, body, signature = deliver()
    assert (status, outside.posts) == (200, [])
    assert len(drain("inbox")) == 1
    outside.work()
    assert sorted(post["url"] for post in outside.posts) == [OLD, OTHER]
    for post in outside.posts:
        assert post["body"] == body
        assert post["headers"]["x-line-signature"] == signature
        assert post["headers"]["user-agent"] == "LineBotWebhook/2.0"
    assert outside.counted.count("RelayDelivered") == 2
    assert deliver(b'{"events": [')[0] == 400
    outside.broken = {"inbox"}
    with pytest.raises(RuntimeError):
        deliver()
    outside.broken = set()
    assert deliver(**{"X-Todoku-Relayed": "shop"})[0] == 200
    outside.work()
    assert len(outside.posts) == 2


def test_what_a_worker_knows_of_the_account_may_be_old(outside: Outside) -> None:
    """The first address is in force for the first request after it, whatever is cached in a worker."""
    api = shop()
    old = accounts.get_account("shop")
    an_account(api, relay_urls=[OLD], channel_secret="s1")
    front.forget_secrets()
    accounts._cache["shop"] = (aws.client("dynamodb"), outside.now, old)
    deliver()
    outside.now -= timedelta(minutes=1)
    outside.work()
    assert [post["url"] for post in outside.posts] == [OLD]


def test_many_bytes_and_bytes_that_are_no_text_arrive_too(outside: Outside) -> None:
    """Half a megabyte of a request fits into a message of the queue."""
    shop(OLD)
    event = {"type": "message", "timestamp": 1763791598000, "webhookEventId": "01E", "mode": "active"}
    event |= {"source": {"type": "user", "userId": "U1"}, "message": {"type": "text", "id": "1"}}
    for text in ("長い" * 90_000, "x"):
        raw = json.dumps({"events": [{**event, "x": text}]}, ensure_ascii=False).encode()
        assert deliver(raw)[0] == 200
        outside.work()
        assert outside.posts[-1]["body"] == raw
    from chalicelib.webhook.relays import packed

    assert relays._raw(packed(b"\xff\xfe")) == b"\xff\xfe"


def test_who_does_not_answer_is_called_again_and_given_up(outside: Outside) -> None:
    """Later and later, eight times; a refusal ends it at once; an address that is taken away gets nothing."""
    api = shop(OLD)
    outside.answers = [503, web.NoAnswer(Reason("connection_failed", error="x")), 429, 200]
    deliver()
    outside.work()
    assert len(outside.posts) == 4
    assert outside.counted.count("RelayRetried") == 3
    outside.answers = [500] * 20
    deliver()
    outside.work()
    assert len(outside.posts) == 12
    outside.answers = [403]
    deliver()
    outside.work()
    assert (len(outside.posts), outside.counted.count("RelayGivenUp")) == (13, 2)
    deliver()
    an_account(api, relay_urls=[])
    outside.now += timedelta(minutes=1)
    outside.work()
    assert len(outside.posts) == 13


def test_a_dead_address_rests_where_it_did_not_answer(outside: Outside) -> None:
    """What comes meanwhile is put off without a call."""
    shop(OLD)
    outside.answers = [web.NoAnswer(Reason("connection_failed", error="x"))]
    for _ in range(3):
        deliver()
    for body in drain("bulk"):
        JOBS["relay"].run(body, 1)
    assert len(outside.posts) == 1
    outside.now += timedelta(minutes=1)
    outside.work()
    assert outside.counted.count("RelayDelivered") == 3


def test_forwarding_is_never_in_the_way_of_the_answer(outside: Outside) -> None:
    """The queue takes nothing: LINE hears 200, the event is stored, the loss is counted."""
    shop(OLD)
    outside.broken = {"bulk"}
    assert deliver()[0] == 200
    assert len(drain("inbox")) == 1
    assert outside.counted.count("RelayLost") == 1


@pytest.mark.parametrize(
    "urls",
    [
        ["ftp://x.example"],
        ["https://old.example/#x"],
        [OLD, OLD],
        [f"https://x{n}.example" for n in range(6)],
    ],
)
def test_addresses_are_judged_when_they_are_set(outside: Outside, urls: list[str]) -> None:
    """Nothing but a few different public addresses; an account tells them."""
    api = shop(OLD)
    assert api.ok("GET", BASE)["relay_urls"] == [OLD]
    wrong = {"name": "Shop", "relay_urls": urls}
    error = api.refused(400, "PUT", BASE, wrong)
    assert error["details"][0]["path"].startswith("relay_urls")
