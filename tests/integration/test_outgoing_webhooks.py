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
from chalicelib.gateways import aws, seam, web
from chalicelib.jobs.kinds import JOBS
from chalicelib.privacy import erasure
from chalicelib.privacy import service as privacy
from chalicelib.reaction import service
from chalicelib.rules import health
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.timeline import service as activities
from tests.conftest import drain
from tests.reaction_builders import DOCUMENTS, NOW, a_rule, an_event
from tests.reasons_checked import words


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
    """Work off the calls of the queue and what they leave to tell; returns how many calls there were."""
    bodies = [body for body in drain("bulk") if body["job"] == "post"]
    for body in bodies:
        JOBS["post"].run(body, 1)
    write_outcomes()
    return len(bodies)


def write_outcomes() -> None:
    for body in drain("bulk"):
        JOBS["call_outcome"].run(body, 1)


def effect(event: str = "e1", index: int = 0) -> dict[str, Any]:
    activity = activities.find("shop", "U1", event)
    assert activity is not None
    found: dict[str, Any] = activity["effects"][index]
    return found


def trouble(rule: str = "r") -> list[tuple[str, int, str]]:
    return [(one["status"], one["n"], words(one)) for one in health.read("shop", rule, 7)]


def dead_letters() -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=settings().dead_letters("bulk"))["QueueUrl"]
    return [json.loads(one["Body"]) for one in sqs.receive_message(QueueUrl=url).get("Messages", [])]


def every_attempt(outside: Outside, body: dict[str, Any]) -> tuple[list[int], list[dict[str, Any]]]:
    """Work on a call as long as it comes again; returns the delays, and what else was left in the queue."""
    sent: list[tuple[int, dict[str, Any]]] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        if name != "sqs:SendMessageBatch":
            return outside(name, detail, call)
        sent.extend((one.get("DelaySeconds", 0), json.loads(one["MessageBody"])) for one in detail["Entries"])
        return {}

    delays, others = [], []
    with seam.guarded(guard):
        JOBS["post"].run(body, 1)
        while sent:
            delay, found = sent.pop(0)
            if found["job"] == "post":
                delays.append(delay)
                JOBS["post"].run(found, 1)
            else:
                others.append(found)
    return delays, others


def test_a_call_is_signed_and_names_its_delivery(outside: Outside) -> None:
    """The receiver can check who calls and recognise a repeated call."""
    author({"call_webhook": {"url": "https://crm.example/hook", "secret": "s3cret"}})
    service.react(an_event(text="予約", raw={"big": 1}))
    assert work_off() == 1
    (call,) = outside.posts
    headers, raw = call["headers"], call["body"]
    mac = hmac.new(b"s3cret", headers["X-Todoku-Timestamp"].encode() + b"." + raw, hashlib.sha256)
    assert headers["X-Todoku-Signature"] == f"sha256={mac.hexdigest()}"
    body = json.loads(raw)
    assert body["event"]["props"]["text"] == "予約"
    assert "raw" not in body["event"]["props"]
    assert body["friend"]["user_id"] == "U1"
    assert b"s3cret" not in raw


def test_the_secret_is_kept_with_the_rule_only(outside: Outside) -> None:
    """Neither the friend's sheet nor the timeline shows it."""
    from chalicelib.friends import store

    author({"call_webhook": {"url": "https://crm.example/hook", "secret": "s3cret"}})
    service.react(an_event(text="x"))
    shown = json.dumps([store.load("shop", 4, "U1"), activities.find("shop", "U1", "e1")], default=sorted)
    assert "s3cret" not in shown


def test_a_call_without_answer_comes_again_later_and_later(outside: Outside) -> None:
    """Eight attempts with the same delivery id, then it is told once and lies among the dead letters."""
    author({"call_webhook": {"url": "https://crm.example/hook?q={{ event.text }}"}})
    service.react(an_event(text="ひみつ"))
    assert (effect()["status"], trouble()) == ("done", [])
    (body,) = [body for body in drain("bulk") if body["job"] == "post"]
    outside.answers = [503, web.NoAnswer(Reason("connection_failed", error="timeout")), 429, *[500] * 50]
    delays, others = every_attempt(outside, body)
    assert delays == [10, 20, 40, 80, 160, 320, 640]
    assert len(outside.posts) == 8
    assert len({call["headers"]["X-Todoku-Delivery"] for call in outside.posts}) == 1
    for job in others * 2:
        JOBS["call_outcome"].run(job, 1)
    why = "https://crm.example: answered 500, 8 times"
    assert (effect()["status"], words(effect())) == ("failed", why)
    assert trouble() == [("failed", 1, f"call_webhook: {why}")]
    (dead,) = dead_letters()
    assert "attempt" not in dead
    assert drain("bulk") == []


def test_a_redriven_call_has_all_attempts_anew(outside: Outside) -> None:
    """When it comes through the effect is done after all; when not, nothing is counted twice."""
    author({"call_webhook": {"url": "https://crm.example/hook"}})
    service.react(an_event(text="x"))
    (body,) = [body for body in drain("bulk") if body["job"] == "post"]
    for _ in range(2):
        outside.answers = [500] * 8
        delays, others = every_attempt(outside, body)
        assert len(delays) == 7
        (body,) = dead_letters()
        for job in others:
            JOBS["call_outcome"].run(job, 1)
        assert trouble()[0][1] == 1
    JOBS["post"].run(body, 1)
    write_outcomes()
    assert effect()["status"] == "done"
    assert trouble()[0][1] == 1


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (400, "answered 400"),
        (404, "answered 404"),
        (302, "answered 302"),
        (web.Refused(Reason("only_https")), "only https addresses are called"),
    ],
)
def test_a_refusal_is_final_and_reported(outside: Outside, answer: Any, why: str) -> None:
    """Not tried again; on the friend and on the rule, without what the friend said."""
    url = "https://crm.example:8443/{{ event.text }}"
    author({"add_tag": "a"}, {"call_webhook": {"url": url}}, {"notify": {"to": url, "text": "x"}})
    outside.answers = [answer]
    service.react(an_event(text="himitsu"))
    assert work_off() == 2
    assert drain("bulk") == []
    assert (effect()["status"], words(effect())) == ("failed", f"https://crm.example:8443: {why}")
    assert effect(index=1)["status"] == "done"
    assert trouble() == [("failed", 1, f"call_webhook: https://crm.example:8443: {why}")]
    assert dead_letters() == []


def test_what_cannot_be_an_address_is_refused_for_good(outside: Outside) -> None:
    """Rules saved before this was checked: told, not tried again."""
    author(
        *(
            {"call_webhook": {"url": url}}
            for url in ("https://a..b/", f"https://{'x' * 64}.jp/", "https://[::1/")
        )
    )
    service.react(an_event(text="x"))

    def through(name: str, detail: Any, call: Any) -> Any:
        return call() if name == "web:post" else outside(name, detail, call)

    with seam.guarded(through):
        assert work_off() == 3
    assert {effect(index=n)["status"] for n in range(3)} == {"failed"}
    assert trouble()[0][:2] == ("failed", 3)


def test_the_telling_waits_for_the_activity(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """The call may be quicker than the reaction; it is not made again for that."""
    author({"call_webhook": {"url": "https://crm.example/"}})
    outside.answers = [400]
    with monkeypatch.context() as cut:
        cut.setattr(activities, "replace_failed", lambda _: (_ for _ in ()).throw(RuntimeError("cut off")))
        with pytest.raises(RuntimeError):
            service.react(an_event(text="x"))
    (body,) = [body for body in drain("bulk") if body["job"] == "post"]
    JOBS["post"].run(body, 1)
    (job,) = drain("bulk")
    JOBS["call_outcome"].run(job, 1)
    assert trouble() == []
    service.react(an_event(text="x"))
    JOBS["call_outcome"].run(job | {"attempt": 2}, 1)
    assert effect()["status"] == "failed"
    assert len(outside.posts) == 1


def test_without_an_activity_the_rule_counts_it(outside: Outside) -> None:
    """The friend may have been erased meanwhile: at last only the rule says it, and the job is over."""
    author({"call_webhook": {"url": "https://crm.example/"}})
    outside.answers = [400]
    service.react(an_event(text="x"))
    (body,) = [body for body in drain("bulk") if body["job"] == "post"]
    JOBS["post"].run(body, 1)
    (job,) = drain("bulk")
    erasure.sweep("shop", "U1", None)
    drain("bulk")
    JOBS["call_outcome"].run(job | {"attempt": 12}, 1)
    assert health.read("shop", "r", 7)[0]["user_id"] is None
    assert trouble() == [("failed", 1, "https://crm.example: answered 400")]
    assert drain("bulk") == []


def test_a_scenario_node_that_calls_is_reported_too(outside: Outside) -> None:
    """The node's event carries the actions; its activity and its health say what came of them."""
    author()
    then = [{"call_webhook": {"url": "https://crm.example/"}}]
    props = {"scenario": "welcome", "node": "m", "then": then, "run": "x"}
    outside.answers = [410]
    service.react(an_event("scenario_action", id="n1", **props))
    assert work_off() == 1
    assert (effect("n1")["status"], words(effect("n1"))) == ("failed", "https://crm.example: answered 410")
    why = "m: call_webhook: https://crm.example: answered 410"
    assert trouble("scenario:welcome") == [("failed", 1, why)]


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://x.invalid{{event.text}}", "@127.0.0.1:8125/host-injected"),
        ("https://{{event.text}}.x.jp/", "evil"),
        ("https://u{{event.text}}@x.jp/", ":p@evil.jp/"),
        ("http://127.0.0.1{{event.text}}", ":8125/x"),
    ],
)
def test_nobody_chooses_whom_a_saved_rule_calls(outside: Outside, url: str, text: str) -> None:
    """A rule saved before this was refused makes a failed effect of it."""
    author({"call_webhook": {"url": url}}, {"notify": {"to": url, "text": "x"}}, {"add_tag": "a"})
    service.react(an_event(text=text))
    assert work_off() == 0
    assert [effect(index=n)["status"] for n in range(2)] == ["failed", "failed"]
    assert "host" in words(effect())
    assert trouble()[0][:2] == ("failed", 2)


def test_values_stay_where_they_are_in_an_address(outside: Outside) -> None:
    """Path and query are the author's; a value that would climb is a failed effect."""
    url = "https://x.jp/s/200/{{ event.text }}?q={{ event.text }}"
    author({"call_webhook": {"url": url}}, {"notify": {"to": url, "text": "{{ event.text }}"}})
    service.react(an_event(text="x/../../x?z=1#あ"))
    assert work_off() == 2
    value = "x%2F..%2F..%2Fx%3Fz%3D1%23%E3%81%82"
    assert [call["url"] for call in outside.posts] == [f"https://x.jp/s/200/{value}?q={value}"] * 2
    service.react(an_event(text="..", id="e2"))
    assert work_off() == 0
    assert effect("e2")["status"] == "failed"


def test_what_was_unsent_is_in_no_address(outside: Outside) -> None:
    """Behind the host it may stand encoded and filtered: that part goes."""
    url = "https://x.jp/{{ event.text | truncate(2) }}?q={{ event.text }}"
    staff = {"notify": {"to": "C0123456789abcdef0123456789abcdef", "text": "{{ event.text }}"}}
    author({"call_webhook": {"url": url}}, {"notify": {"to": url, "text": "x"}}, staff)
    service.react(an_event(text="ひみつのこと"))
    assert "%E3%81%B2" in json.dumps(effect())
    assert privacy.hide_message("shop", "U1", "m-e1", "2026-01-01T00:00:00.000Z", "2026-11-22T03:00:00.000Z")
    assert [effect()["url"], effect(index=1)["to"]] == ["https://x.jp/(unsent)"] * 2
    assert effect(index=2)["to"] == staff["notify"]["to"]
    assert "%E3" not in json.dumps(activities.find("shop", "U1", "e1"), default=str)


def test_the_calls_of_a_form_are_signed(outside: Outside) -> None:
    """What a choice means may call with a secret, as a rule may."""
    call = {"call_webhook": {"url": "https://crm.example/hook", "secret": "s3cret"}}
    choice = {"label": "はい", "value": "yes", "then": [call]}
    question = {
        "id": "q",
        "text": "?",
        "type": "choice",
        "choices": [choice, {"label": "いいえ", "value": "no"}],
    }
    author({"start_form": "f"})
    catalog.save(
        "shop", [Write("forms", "f", {"name": "f", "questions": [question]})], lambda _: None, "test"
    )
    service.react(an_event(text="x"))
    service.react(an_event(text="はい", id="e2", minutes=1))
    assert work_off() == 1
    assert "X-Todoku-Signature" in outside.posts[0]["headers"]
    assert "secret" not in effect("e2")


def test_staff_are_notified_by_line_or_by_address(outside: Outside) -> None:
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
