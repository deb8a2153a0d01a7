"""The LINE gateway over real HTTP: what goes out byte by byte, and what every kind of answer becomes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.deliveries.sending import reply
from chalicelib.gateways import line, seam
from chalicelib.shared.settings import Settings, settings


class FakeLine:
    """A server that answers what it is told and remembers what it got."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, dict[str, str], bytes]] = []
        self.answers: dict[str, tuple[int, Any, dict[str, str]]] = {}
        self.hang_up = False
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                fake.seen.append((self.command, self.path, headers, body))
                if fake.hang_up:
                    self.close_connection = True
                    return
                status, answer, more = fake.answers.get(self.path, (200, {}, {}))
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **more}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_GET(self) -> None:
                self.handle_any()

            def do_POST(self) -> None:
                self.handle_any()

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLine]:
    found = FakeLine()
    there = Settings(**{**settings().__dict__, "line_api_url": found.url, "line_timeout_s": 2.0})
    monkeypatch.setattr(line, "settings", lambda: there)
    line._pool.cache_clear()
    yield found
    line._pool().clear()
    line._pool.cache_clear()
    found.server.shutdown()
    found.server.server_close()


TEXT = [{"type": "text", "text": "届く💇🏽‍♀️", "unknownToAnySdk": {"x": 1.5}}]


def test_a_send_is_raw_json_with_token_and_key(fake: FakeLine) -> None:
    """The body goes out as it was saved, also what an SDK would drop; the key is a header."""
    path = "/v2/bot/message/multicast"
    fake.answers[path] = (200, {}, {"x-line-request-id": "r1"})
    answer = line.send("token", "multicast", {"to": ["U1"], "messages": TEXT}, "the-key")
    assert answer == line.Answer(200, request_id="r1")
    method, where, headers, body = fake.seen[0]
    assert (method, where) == ("POST", path)
    assert json.loads(body) == {"to": ["U1"], "messages": TEXT}
    assert "届く" in body.decode()
    assert headers["authorization"] == "Bearer token"
    assert headers["x-line-retry-key"] == "the-key"
    assert headers["content-type"].startswith("application/json")


def test_a_reply_has_no_key(fake: FakeLine) -> None:
    """LINE refuses a retry key on replies, so none is sent."""
    line.send("token", "reply", {"replyToken": "t", "messages": TEXT})
    assert "x-line-retry-key" not in fake.seen[0][2]


def test_errors_are_answers(fake: FakeLine) -> None:
    """Every status is an answer with LINE's words; bodies that are no JSON are no error."""
    path = "/v2/bot/message/push"
    details = [{"property": "to", "message": "bad"}]
    fake.answers[path] = (400, {"message": "no", "details": details}, {})
    assert line.send("t", "push", {}, "k") == line.Answer(400, "no", details=details)
    sent = {"message": "The retry key is already accepted", "sentMessages": [{"id": "1"}]}
    fake.answers[path] = (409, sent, {"x-line-request-id": "r2", "x-line-accepted-request-id": "r1"})
    answer = line.send("t", "push", {}, "k")
    assert (answer.status, answer.accepted_request_id, answer.sent_messages) == (409, "r1", [{"id": "1"}])
    for broken in (b"<html>bad gateway</html>", b"[1]", b""):
        fake.answers[path] = (502, broken, {})
        assert line.send("t", "push", {}, "k").status == 502


def test_no_answer(fake: FakeLine) -> None:
    """A connection that ends without an answer, or cannot be made: not known, and never tried again here."""
    fake.hang_up = True
    with pytest.raises(line.NoAnswer):
        line.send("t", "push", {}, "k")
    assert len(fake.seen) == 1
    fake.server.server_close()
    fake.server.shutdown()
    with pytest.raises(line.NoAnswer):
        line.send("t", "push", {}, "k")


def test_management_calls(fake: FakeLine) -> None:
    """Profile and quota in plain values; no profile is None; an error of LINE's own is no answer."""
    fake.answers["/v2/bot/profile/U1"] = (200, {"userId": "U1", "displayName": "花", "language": "ja"}, {})
    fake.answers["/v2/bot/profile/U2"] = (404, {"message": "Not found"}, {})
    fake.answers["/v2/bot/profile/U3"] = (500, {"message": "oops"}, {})
    found = line.profile("token", "U1")
    assert found is not None
    assert (found["displayName"], found["language"]) == ("花", "ja")
    assert line.profile("token", "U2") is None
    with pytest.raises(line.NoAnswer):
        line.profile("token", "U3")
    fake.answers["/v2/bot/message/quota"] = (200, {"type": "limited", "value": 1000}, {})
    fake.answers["/v2/bot/message/quota/consumption"] = (200, {"totalUsage": 7}, {})
    assert line.quota("token") == (1000, 7)
    fake.answers["/v2/bot/message/quota"] = (200, {"type": "none"}, {})
    assert line.quota("token") == (None, 7)
    fake.answers["/v2/bot/message/quota"] = (401, {"message": "no"}, {})
    with pytest.raises(line.NoAnswer):
        line.quota("token")
    assert {headers["authorization"] for _, _, headers, _ in fake.seen} == {"Bearer token"}


def test_every_call_crosses_the_seam() -> None:
    """A guard can answer in LINE's place."""
    names: list[str] = []

    def guard(name: str, detail: Any, call: Any) -> Any:
        names.append(name)
        return (None, 0) if name == "line:quota" else None

    with seam.guarded(guard):
        line.send("t", "push", {}, "k")
        line.profile("t", "U1")
        line.quota("t")
    assert names == ["line:push", "line:profile", "line:quota"]


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (line.Answer(200, request_id="r"), "done"),
        (line.Answer(400, "Invalid reply token"), "invalid_token"),
        (line.Answer(400, "The request body has 1 error(s)"), "failed"),
        (line.Answer(429, "rate limit"), "failed"),
        (line.Answer(500), "unknown"),
        (line.NoAnswer("ReadTimeoutError"), "unknown"),
    ],
)
def test_what_a_reply_came_to(
    monkeypatch: pytest.MonkeyPatch, answer: line.Answer | line.NoAnswer, status: str
) -> None:
    """Only "Invalid reply token" may be pushed instead; what may have been sent stays unknown."""
    monkeypatch.setattr(
        "chalicelib.deliveries.sending.reply.accounts.line_credentials",
        lambda account, refresh=False: {"channel_access_token": "t"},
    )

    def guard(name: str, detail: Any, call: Any) -> Any:
        if not name.startswith("line:"):
            return call()
        if isinstance(answer, line.NoAnswer):
            raise answer
        return answer

    with seam.guarded(guard):
        assert reply.reply("shop", "e1", "r1", "token", TEXT).status == status
