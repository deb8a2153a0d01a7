"""Calls to other systems: signed, repeated with backoff, never into a private network; notices to staff."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.engine import health, jobs, service
from chalicelib.gateways import seam, web
from tests.conftest import drain
from tests.engine_builders import DOCUMENTS, NOW, a_rule, an_event


class Outside:
    """Records the calls that leave, and answers them."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.answers: list[Any] = []

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return NOW
        if name != "web:post":
            return call()
        self.posts.append(dict(detail))
        answer = self.answers.pop(0) if self.answers else 200
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def outside(cloud: None) -> Iterator[Outside]:
    outside = Outside()
    with seam.guarded(outside):
        accounts.put_account(
            Account("shop", "店", "Asia/Tokyo", 4),
            {"channel_secret": "s", "channel_access_token": "t"},
            shards=4,
            by="test",
        )
        yield outside


def author(*then: dict[str, Any]) -> None:
    writes = [Write(kind, name, body) for kind, docs in DOCUMENTS.items() for name, body in docs.items()]
    catalog.save("shop", [*writes, Write("rules", "r", a_rule(then=list(then)))], lambda _: None, "test")


def work_off() -> int:
    bodies = [body for body in drain("bulk") if body["job"] == "post"]
    for body in bodies:
        jobs.post(body, 1)
    return len(bodies)


def test_a_call_is_signed_and_names_its_delivery(outside: Outside) -> None:
    """The receiver can check who calls and recognise a repeated call."""
    author({"call_webhook": {"url": "https://crm.example/hook", "secret": "s3cret"}})
    service.react(an_event(text="予約", raw={"big": 1}))
    assert work_off() == 1
    (call,) = outside.posts
    headers, raw = call["headers"], call["body"]
    mac = hmac.new(b"s3cret", headers["X-Todoku-Timestamp"].encode() + b"." + raw, hashlib.sha256)
    assert headers["X-Todoku-Signature"] == f"sha256={mac.hexdigest()}"
    said = json.loads(raw)
    assert said["event"]["props"]["text"] == "予約"
    assert "raw" not in said["event"]["props"]
    assert said["friend"]["user_id"] == "U1"
    assert b"s3cret" not in raw


def test_the_secret_is_kept_with_the_rule_only(outside: Outside) -> None:
    """Neither the friend's sheet nor the timeline shows it."""
    from chalicelib.friends import activities, store

    author({"call_webhook": {"url": "https://crm.example/hook", "secret": "s3cret"}})
    service.react(an_event(text="x"))
    shown = json.dumps([store.load("shop", 4, "U1"), activities.find("shop", "U1", "e1")], default=sorted)
    assert "s3cret" not in shown


def test_a_call_without_answer_comes_again_later_and_later(outside: Outside) -> None:
    """Eight attempts with the same delivery id, then it is told on the rule and left to the dead letters."""
    body = {
        "job": "post", "account": "shop", "delivery": "d1", "rule": "r", "user": "U1",
        "url": "https://crm.example/hook", "secret": None, "payload": {"x": 1},
    }  # fmt: skip
    outside.answers = [503, web.NoAnswer("timeout"), 429, 500, 500, 500, 500, 500]
    sent: list[Any] = []
    delays = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name == "sqs:SendMessageBatch":
            entry = detail["Entries"][0]
            delays.append(entry["DelaySeconds"])
            sent.append(json.loads(entry["MessageBody"]))
            return {}
        return outside(name, detail, call)

    with seam.guarded(guard):
        jobs.post(body, 1)
        while len(sent) < 7:
            jobs.post(sent[-1], 1)
        with pytest.raises(jobs.NotDone):
            jobs.post(sent[-1], 1)
    assert delays == [10, 20, 40, 80, 160, 320, 640]
    assert {call["headers"]["X-Todoku-Delivery"] for call in outside.posts} == {"d1"}
    assert health.read("shop", "r", 7)[0]["why"].endswith("answered 500")


def test_a_refusal_is_final_and_told(outside: Outside) -> None:
    """400 and a forbidden address are not tried again."""
    author({"call_webhook": {"url": "https://crm.example/hook"}})
    outside.answers = [400]
    service.react(an_event(text="x"))
    assert work_off() == 1
    outside.answers = [web.Refused("leads to 10.0.0.1")]
    service.react(an_event(text="y", id="e2"))
    assert work_off() == 1
    assert drain("bulk") == []
    assert health.read("shop", "r", 7)[0]["n"] == 2


def test_staff_are_told_by_line_or_by_address(outside: Outside) -> None:
    """A LINE id gets a push, an address a POST of the text; both name the friend's words."""
    text = "{{ friend.user_id }}: {{ event.text }}"
    author(
        {"notify": {"to": "C0123456789abcdef0123456789abcdef", "text": text}},
        {"notify": {"to": "https://chat.example/in", "text": text}},
    )
    service.react(an_event(text="助けて"))
    (chunk,) = drain("sends")
    from chalicelib.deliveries import service as deliveries

    manifest = deliveries.read_manifest("shop", chunk["run"], chunk["chunk"])
    assert manifest is not None
    assert manifest["payloads"] == {
        "C0123456789abcdef0123456789abcdef": [{"type": "text", "text": "U1: 助けて"}]
    }
    work_off()
    assert json.loads(outside.posts[0]["body"]) == {"text": "U1: 助けて"}


def test_a_laptop_may_call_itself() -> None:
    """In local mode a loopback server is reached, by its own name in the Host header."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            seen.append((self.headers["Host"], self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    assert web.post(f"http://127.0.0.1:{server.server_port}/x?y=1", b"{}", {"X": "1"}) == 302
    thread.join()
    server.server_close()
    assert seen == [(f"127.0.0.1:{server.server_port}", b"{}")]
