"""Examples in one process: the application, its workers, the simulated LINE, a clock that runs by itself.

The player's two clients end here instead of at sockets; time passes while the player waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from app import app
from chalicelib.accounts import service as accounts
from chalicelib.gateways import line, seam
from chalicelib.local import pollers, wiring
from chalicelib.local.client import Client
from chalicelib.local.line import httpd
from chalicelib.local.line.app import application
from chalicelib.local.line.simulator import Simulator
from chalicelib.local.line.webhooks import Outcome, sign
from chalicelib.shared.settings import settings
from chalicelib.shared.times import parse_iso
from chalicelib.timers import service as timers
from tests import shop
from tests.deliveries_builders import World

_BEAT = timedelta(seconds=5)
_HANDLERS = {handler.queue: handler for handler in wiring.queue_handlers(app)}


class PlayWorld(World):
    """Every queue with its own worker, minutes that are drained and verified, and LINE as it is simulated."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.sim = Simulator(folder, "http://127.0.0.1:9", lambda: self.now, lambda _s: None)
        self.sim.courier.post = self._webhook  # type: ignore[method-assign]
        self._phones = application(self.sim)

    # the seam

    def cross(self, name: str, detail: Any, call: Callable[[], Any]) -> Any:
        if name == "sqs:SendMessage":
            detail = {"QueueUrl": detail["QueueUrl"], "Entries": [detail]}
            super().cross("sqs:SendMessageBatch", detail, call)
            return {}
        if name == "sqs:ChangeMessageVisibility":
            return {}
        if name.startswith("line:"):
            return self._line(name.removeprefix("line:"), detail)
        if name == "stepfunctions:StartExecution" and not detail["stateMachineArn"].endswith("-broadcast"):
            self._minute(json.loads(detail["input"]))
            return {}
        return call() if name.startswith("ssm:") else super().cross(name, detail, call)

    def _minute(self, given: dict[str, Any]) -> None:
        checks = timers.checks()
        self.later(parse_iso(given["drain_at"]), lambda: _ignore(timers.drain(given["minute"], checks)))
        self.later(parse_iso(given["verify_at"]), lambda: _ignore(timers.verify(given["minute"], checks)))

    def deliver(self, queue: str, body: dict[str, Any]) -> None:
        handler = _HANDLERS[f"todoku-{settings().stage}-{queue}"]
        message = {"MessageId": "m", "ReceiptHandle": "h", "Body": json.dumps(body), "MD5OfBody": "-"}
        message["Attributes"] = {"ApproximateReceiveCount": "1", "SentTimestamp": "0", "MessageGroupId": "g"}
        event = pollers.to_event(handler.queue, [message])
        answer = wiring.load_handler(handler.function.path)(event, wiring.context(handler.function))
        if pollers.failed_ids(answer, ["m"]):
            self.later(self.now + timedelta(seconds=30), lambda: self.deliver(queue, body))

    # LINE

    def _line(self, kind: str, detail: Mapping[str, Any]) -> Any:
        if kind == "quota":
            return None, 0
        if kind in {"profile", "info"}:
            path = f"/v2/bot/profile/{detail['user_id']}" if kind == "profile" else "/v2/bot/info"
            answer = self.ask_line("GET", path, detail["token"])
            return json.loads(answer.payload()) if answer.status == 200 else None
        if "form" in detail:  # LINE Login: certificates, tokens
            method = "GET" if detail["form"] is None and detail["body"] is None else "POST"
            return json.loads(self._phones(httpd.Request(method, detail["path"], {}, {}, b"")).payload())
        path = line.PATHS.get(kind) or detail["path"]
        answer = self.ask_line("POST", path, detail["token"], detail["body"], detail.get("retry_key"))
        return line._answer(answer.status, answer.headers, answer.payload())

    def ask_line(
        self, method: str, path: str, token: str, body: Any = None, retry_key: str | None = None
    ) -> httpd.Response:
        """A request to the Messaging API."""
        headers = {"authorization": f"Bearer {token}"} | (
            {"x-line-retry-key": retry_key} if retry_key else {}
        )
        return self.sim.answer(httpd.Request(method, path, {}, headers, json.dumps(body).encode()))

    def _webhook(self, channel: Any, body: bytes, signature: str | None = None) -> Outcome:
        headers = {"x-line-signature": sign(channel.secret, body) if signature is None else signature}
        got = shop.ask("POST", f"/webhook/{channel.account}", body, headers, key=None)
        return Outcome(got.status, got.body, 0)

    # the player's side

    def api(self) -> Client:
        """Todoku's API."""

        def answer(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
            got = shop.ask(method, path, body or b"", headers, key=shop.KEY)
            name = path.removeprefix("/v1/accounts/")
            if method == "PUT" and "/" not in name and got.status < 300:
                channel = {"channel_secret": f"{name}-secret", "channel_access_token": f"{name}-token"}
                self.phones().put(f"/_sim/channels/{name}", channel)
                made = json.loads(body or b"")
                login = {
                    "channel_id": made["login_channel_id"],
                    "channel_secret": made["login_channel_secret"],
                }
                login |= {"liff_id": made["liff_id"], "liff_page": f"http://127.0.0.1:8000/liff/{name}"}
                self.phones().put(f"/_sim/login/{name}", login)
            return got.status, got.raw

        return InProcess(answer)

    def phones(self) -> Client:
        """The simulated LINE's endpoints for stories."""

        def answer(method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
            at = urlsplit(path)
            found = self._phones(
                httpd.Request(method, at.path, dict(parse_qsl(at.query)), headers, body or b"")
            )
            return found.status, found.payload()

        return InProcess(answer)

    def until(self, what: str, check: Callable[[], Any], timeout_s: float) -> Any:
        """Let time pass until the check answers something true."""
        end = self.now + timedelta(seconds=timeout_s)
        while True:
            beat = self.now + _BEAT
            self.run(until=_BEAT)
            self.now = max(self.now, beat)
            if answer := check():
                return answer
            if self.now > end:
                raise TimeoutError(what)


def _ignore(_answer: Any) -> None:
    return None


class InProcess(Client):
    """A client whose requests end in this process."""

    def __init__(self, answer: Callable[[str, str, bytes | None, dict[str, str]], tuple[int, bytes]]) -> None:
        super().__init__("http://in-process")
        self._ask = answer

    def raw(
        self, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None
    ) -> tuple[int, bytes]:
        return self._ask(method, path, body, headers or {})


@contextmanager
def a_play(folder: Path) -> Iterator[PlayWorld]:
    """The world of plays, in an emulated AWS that is there already."""
    world = PlayWorld(folder)
    with seam.guarded(world.guard):
        accounts.ensure_key("player", "tests", "admin", None, shop.KEY)
        yield world
    world.sim.close()
