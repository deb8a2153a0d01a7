"""The simulated LINE's sending endpoints: what it accepts, refuses, remembers and breaks on purpose."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import urllib3

from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Response
from chalicelib.local.line.simulator import Simulator

KEY = "0b5c2d6e-0000-4000-8000-000000000001"
HELLO = [{"type": "text", "text": "こんにちは"}]


def user(number: int) -> str:
    return f"U{number:032x}"


class Line:
    """A simulator with a clock in the hand, three friends, and short words for requests."""

    def __init__(self, directory: Path) -> None:
        self.at = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
        self.slept: list[float] = []
        self.sim = Simulator(directory, "http://127.0.0.1:9", lambda: self.at, self.slept.append)
        self.sim_request(
            "PUT", "channels/salon", {"channel_secret": "secret", "channel_access_token": "token"}
        )
        friends = [{"user_id": user(n)} for n in range(3)] + [{"user_id": user(7), "status": "blocked"}]
        self.sim_request("POST", "friends", {"account": "salon", "friends": friends})

    def sim_request(self, method: str, path: str, body: Any = None) -> Any:
        response = serve(self.sim, request(method, f"/_sim/{path}", body))
        assert response.status == 200, response.body
        return response.body

    def post(self, kind: str, body: Any, key: str | None = None, token: str | None = "token") -> Response:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        headers |= {"x-line-retry-key": key} if key else {}
        return self.sim.answer(request("POST", f"/v2/bot/message/{kind}", body, headers))

    def push(self, to: str = user(0), key: str | None = None) -> Response:
        return self.post("push", {"to": to, "messages": HELLO}, key)

    def get(self, path: str) -> Response:
        return self.sim.answer(request("GET", f"/v2/bot/{path}", None, {"authorization": "Bearer token"}))

    def messages(self) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.sim_request("GET", "messages")["items"]
        return items


def request(method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Request:
    path, _, query = path.partition("?")
    pairs = dict(pair.split("=", 1) for pair in query.split("&")) if query else {}
    raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
    return Request(method, path, pairs, headers or {}, raw)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    made = Line(tmp_path)
    yield made
    made.sim.close()


def test_every_answer_has_a_request_id_and_the_log_has_the_same(line: Line) -> None:
    """x-line-request-id stands on successes and errors, and names the attempt in the log."""
    good, bad = line.push(), line.post("push", {"to": user(0), "messages": []})
    assert [good.status, bad.status] == [200, 400]
    assert [item["request_id"] for item in line.messages()] == [
        good.headers["x-line-request-id"],
        bad.headers["x-line-request-id"],
    ]
    assert [item["status"] for item in line.messages()] == [200, 400]


def test_a_token_is_needed_and_a_wrong_one_is_refused(line: Line) -> None:
    """401 without a token or with an unknown one, once channels are registered."""
    assert line.post("push", {}, token=None).status == 401
    assert line.post("push", {}, token="other").status == 401
    assert line.get("info").status == 200


def test_without_registered_channels_any_token_is_a_channel_of_its_own(tmp_path: Path) -> None:
    """Two unknown tokens are two accounts: a retry key of the one means nothing to the other."""
    sim = Simulator(tmp_path, "http://127.0.0.1:9")
    body = {"to": user(0), "messages": HELLO}
    answers = [
        sim.answer(
            request(
                "POST",
                "/v2/bot/message/push",
                body,
                {"authorization": f"Bearer {token}", "x-line-retry-key": KEY},
            )
        ).status
        for token in ("a", "b", "a")
    ]
    assert answers == [200, 200, 409]
    sim.close()


def test_a_used_retry_key_is_409_before_anything_else_is_looked_at(line: Line) -> None:
    """The same key, even with a body LINE would refuse, repeats the accepted request id and sentMessages."""
    first = line.push(key=KEY)
    again = line.post("push", b"not json", KEY.upper())
    assert again.status == 409
    assert again.body["message"] == "The retry key is already accepted"
    assert again.body["sentMessages"] == first.body["sentMessages"]
    assert again.headers["x-line-accepted-request-id"] == first.headers["x-line-request-id"]
    assert again.headers["x-line-request-id"] != first.headers["x-line-request-id"]
    assert [item["status"] for item in line.messages()] == [200, 409]


def test_multicast_repeats_no_sent_messages(line: Line) -> None:
    """Only a push's 409 shows sentMessages."""
    body = {"to": [user(0)], "messages": HELLO}
    assert line.post("multicast", body, KEY).body == {}
    assert line.post("multicast", body, KEY).body == {"message": "The retry key is already accepted"}


def test_a_refused_attempt_does_not_burn_its_key(line: Line) -> None:
    """A 400 or a 500 leaves the key free."""
    assert line.post("push", {"to": user(0), "messages": []}, KEY).status == 400
    line.sim_request("PUT", "faults", {"push": {"status": 500, "count": 1}})
    assert line.push(key=KEY).status == 500
    assert line.push(key=KEY).status == 200


def test_a_key_lives_24_hours(line: Line) -> None:
    """One second before it is remembered; after 24 hours the same key is a new request."""
    line.push(key=KEY)
    line.at += timedelta(hours=24, seconds=-1)
    assert line.push(key=KEY).status == 409
    line.at += timedelta(seconds=1)
    assert line.push(key=KEY).status == 200
    assert line.push(key=KEY).status == 409


@pytest.mark.parametrize(("kind", "key"), [("push", "not-a-uuid"), ("reply", KEY)])
def test_a_retry_key_out_of_place_is_400(line: Line, kind: str, key: str) -> None:
    """A key must be a UUID, and replies take none."""
    body = {"to": user(0), "replyToken": "t", "messages": HELLO}
    assert line.post(kind, body, key).status == 400


class Process:
    """The simulator as its users start it."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "chalicelib.local.line", "--port", "0", "--dir", str(directory)],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().split()[-1]
        self.http = urllib3.PoolManager(retries=False)

    def push(self, key: str) -> int:
        headers = {"Authorization": "Bearer token", "X-Line-Retry-Key": key}
        body = {"to": user(0), "messages": HELLO}
        return self.http.request("POST", f"{self.url}/v2/bot/message/push", json=body, headers=headers).status

    def end(self, how: signal.Signals) -> int:
        self.process.send_signal(how)
        code = self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.http.clear()
        return code


def push_until_gone(process: Process) -> tuple[list[str], str]:
    """The keys that were answered 200, and the one that got no answer."""
    answered: list[str] = []
    while True:
        key = str(uuid.uuid4())
        try:
            assert process.push(key) == 200
        except urllib3.exceptions.HTTPError:
            return answered, key
        answered.append(key)


def test_the_memory_survives_a_kill(tmp_path: Path) -> None:
    """SIGKILL amid sends: all that was answered is 409 afterwards, and no key was ever accepted twice."""
    first = Process(tmp_path)
    first.http.request("POST", f"{first.url}/_sim/friends", json={"account": "x", "user_id": user(0)})
    threading.Timer(0.15, first.process.kill).start()
    answered, key = push_until_gone(first)
    first.end(signal.SIGKILL)
    second = Process(tmp_path)
    assert [second.push(one) for one in answered[-50:]] == [409] * len(answered[-50:])
    assert second.push(key) in {200, 409}, "the one that was in the air"
    items = second.http.request("GET", f"{second.url}/_sim/messages?status=200").json()["items"]
    assert sorted(item["retry_key"] for item in items) == sorted([*answered, key])
    friends = second.http.request("GET", f"{second.url}/_sim/friends?account=x").json()["items"]
    assert [friend["user_id"] for friend in friends] == [user(0)]
    assert second.end(signal.SIGTERM) == 0, "an orderly end"


def test_a_taken_port_is_a_clear_error(tmp_path: Path) -> None:
    """Exit code 1 and a sentence with the port."""
    there = Process(tmp_path)
    port = there.url.rsplit(":", 1)[1]
    done = subprocess.run(
        [sys.executable, "-m", "chalicelib.local.line", "--port", port, "--dir", str(tmp_path / "other")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )
    there.end(signal.SIGTERM)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr


@pytest.mark.parametrize(
    ("to", "message"),
    [
        ([user(0), "Uxyz"], "The property, to[1], in the request body is invalid"),
        ([user(0), 5], "The property, to[1], in the request body is invalid"),
        ([], "The request body has 1 error(s)"),
        ([user(n) for n in range(501)], "The request body has 1 error(s)"),
        (None, "The request body has 1 error(s)"),
    ],
)
def test_a_multicast_with_wrong_recipients_reaches_nobody(line: Line, to: Any, message: str) -> None:
    """1 to 500 well-formed user ids; a wrong one is named by its place, and nothing is sent."""
    answer = line.post("multicast", {"to": to, "messages": HELLO})
    assert (answer.status, answer.body["message"]) == (400, message)
    assert line.messages()[0]["delivered"] == 0


def test_a_foreign_id_is_refused_although_it_is_well_formed(line: Line) -> None:
    """Ids of another provider are 400, named in a multicast."""
    line.sim_request("POST", "friends", {"account": "salon", "user_id": user(9), "status": "foreign"})
    answer = line.post("multicast", {"to": [user(0), user(9)], "messages": HELLO})
    assert answer.body["message"] == "The property, to[1], in the request body is invalid"
    assert line.push(user(9)).body["message"] == "Failed to send messages"


def test_blocked_and_unknown_users_are_skipped_in_silence(line: Line) -> None:
    """200, not delivered, not counted to the quota."""
    to = [user(0), user(7), user(8), user(0)]
    assert line.post("multicast", {"to": to, "messages": HELLO}).status == 200
    assert line.push(user(7)).status == 200
    first, second = line.messages()
    assert (first["to"], first["delivered"], first["skipped"]) == (to, 1, [user(7), user(8)])
    assert second["delivered"] == 0
    assert line.get("message/quota/consumption").body == {"totalUsage": 1}


def test_the_monthly_limit_counts_people_and_stops_whole_requests(line: Line) -> None:
    """Beyond the limit 429 in LINE's words, nothing sent; replies are free; a new month begins at zero."""
    line.sim_request("PUT", "quota", {"limit": 3})
    assert line.get("message/quota").body == {"type": "limited", "value": 3}
    assert line.post("multicast", {"to": [user(0), user(1)], "messages": HELLO * 2}).status == 200
    over = line.post("broadcast", {"messages": HELLO})
    assert (over.status, over.body) == (429, {"message": "You have reached your monthly limit."})
    assert line.push().status == 200
    assert line.push().status == 429
    assert line.post("reply", {"replyToken": "free", "messages": HELLO}).status == 200
    line.at = datetime(2026, 11, 30, 15, 0, tzinfo=UTC)  # the 1st in Japan
    assert line.push().status == 200


def test_multicast_is_limited_to_200_a_second(line: Line) -> None:
    """The 201st of a moment is 429; tokens come back gradually."""
    body = {"to": [user(0)], "messages": HELLO}
    statuses = [line.post("multicast", body).status for _ in range(201)]
    assert statuses == [200] * 200 + [429]
    line.at += timedelta(milliseconds=12)
    answers = [line.post("multicast", body) for _ in range(3)]
    assert [answer.status for answer in answers] == [200, 200, 429]
    assert answers[2].body["message"] == "The API rate limit has been exceeded. Try again later."


def test_a_reply_token_is_good_once_and_for_a_minute(line: Line) -> None:
    """Used, late, and somebody else's tokens are 400 Invalid reply token."""
    event = {"type": "message", "replyToken": "one", "source": {"type": "user", "userId": user(0)}}
    line.sim.courier.keep("salon", event, None)
    line.sim.courier.keep("salon", event | {"replyToken": "two"}, None)
    line.sim.courier.keep("gym", event | {"replyToken": "three"}, None)
    assert line.post("reply", {"replyToken": "one", "messages": []}).status == 400
    assert line.post("reply", {"replyToken": "one", "messages": HELLO}).status == 200
    again = line.post("reply", {"replyToken": "one", "messages": HELLO})
    assert (again.status, again.body) == (400, {"message": "Invalid reply token"})
    assert line.post("reply", {"replyToken": "three", "messages": HELLO}).status == 400
    line.at += timedelta(seconds=61)
    assert line.post("reply", {"replyToken": "two", "messages": HELLO}).status == 400
    assert line.messages()[1]["to"] == [user(0)]


def test_a_token_from_elsewhere_is_good_once_unless_strict(line: Line) -> None:
    """Webhooks signed by another program carry tokens the simulator did not make."""
    assert line.post("reply", {"replyToken": "other", "messages": HELLO}).status == 200
    assert line.post("reply", {"replyToken": "other", "messages": HELLO}).status == 400
    line.sim_request("PUT", "settings", {"strict_reply_tokens": True})
    assert line.post("reply", {"replyToken": "another", "messages": HELLO}).status == 400


def test_an_answer_lost_after_acceptance_is_a_409_at_the_next_try(line: Line) -> None:
    """after_accept: LINE has sent, the caller sees 500; the log tells both."""
    line.sim_request("PUT", "faults", {"multicast": {"status": 500, "after_accept": True, "count": 1}})
    body = {"to": [user(0)], "messages": HELLO}
    assert line.post("multicast", body | {"to": ["bad"]}).status == 400, "nothing to lose, the fault waits"
    assert [line.post("multicast", body, KEY).status for _ in range(2)] == [500, 409]
    _, accepted, repeated = line.messages()
    assert (accepted["status"], accepted["answered"], accepted["delivered"]) == (200, 500, 1)
    assert repeated["status"] == 409
    assert line.sim_request("GET", "faults")["multicast"]["left"] == 0


def test_faults_delay_drop_and_strike_by_chance(line: Line) -> None:
    """A delay alone changes no answer; status 0 is no answer; rate is the share that is struck."""
    line.sim_request("PUT", "faults", {"latency_ms": 5, "push": {"delay_ms": 20}, "*": {"status": 0}})
    assert line.push().status == 200
    assert line.slept == [0.025]
    assert line.post("broadcast", {"messages": HELLO}).status == 0
    line.sim_request("PUT", "faults", {"push": {"status": 503, "rate": 0.25}})
    chances = iter([0.1, 0.3, 0.24, 0.9])
    line.sim.switchboard.chance = lambda: next(chances)
    assert [line.push().status for _ in range(4)] == [503, 200, 503, 200]
    line.sim_request("PUT", "faults", {})
    assert line.push().status == 200


def test_faults_that_make_no_sense_are_refused(line: Line) -> None:
    """An unknown kind or a rate above 1 is 400 in the door's error shape."""
    for body in ({"telegram": {}}, {"push": {"rate": 2}}, {"push": {"colour": 1}}, {"latency_ms": -1}):
        response = serve(line.sim, request("PUT", "/_sim/faults", body))
        assert response.status == 400
        assert response.body["error"]["code"] == "invalid_input"


def test_the_log_can_be_read_from_a_place_and_emptied(line: Line) -> None:
    """since is exclusive, deleting keeps the numbering and the retry keys."""
    line.push(key=KEY)
    line.push()
    first, second = line.messages()
    assert [m["seq"] for m in line.sim_request("GET", f"messages?since={first['seq']}")["items"]] == [
        second["seq"]
    ]
    assert {"seq", "at", "kind", "to", "messages", "retry_key", "request_id", "status"} <= set(first)
    assert (first["kind"], first["to"], first["retry_key"]) == ("push", [user(0)], KEY)
    assert line.sim_request("DELETE", "messages") == {"deleted": 2}
    assert line.push(key=KEY).status == 409
    assert line.messages()[0]["seq"] > second["seq"]


def test_narrowcast_is_accepted_with_202_and_has_progress(line: Line) -> None:
    """202 {} and a progress by request id, which takes its time."""
    answer = line.post("narrowcast", {"messages": HELLO, "limit": {"max": 2}})
    assert (answer.status, answer.body) == (202, {})
    seen = []
    for _ in range(3):
        found = line.get(f"message/progress/narrowcast?requestId={answer.headers['x-line-request-id']}")
        seen.append((found.body["phase"], found.body.get("successCount")))
        line.at += timedelta(seconds=2)
    assert seen == [("waiting", None), ("sending", 1), ("succeeded", 2)]


def test_profiles_and_followers_are_those_of_friends(line: Line) -> None:
    """404 for blocked and unknown, 400 for malformed ids; followers are paged."""
    assert line.get(f"profile/{user(0)}").body["userId"] == user(0)
    assert [line.get(f"profile/{who}").status for who in (user(7), user(8), "me")] == [404, 404, 400]
    page = line.get("followers/ids?limit=2").body
    rest = line.get(f"followers/ids?limit=2&start={page['next']}").body
    assert page["userIds"] + rest["userIds"] == [user(0), user(1), user(2)]
    assert "next" not in rest


def test_too_large_and_broken_bodies_have_lines_words(line: Line) -> None:
    """413 above 2 MB, 400 with the place for what is not JSON."""
    assert line.post("push", b" " * (2 * 1024 * 1024 + 1)).status == 413
    broken = line.post("push", b'{"to": ')
    assert broken.status == 400
    assert broken.body["message"].startswith("The request body could not be parsed as JSON (line: 1")
