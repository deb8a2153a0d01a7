"""A shop whose LINE is the simulator over HTTP, asked by the SDK; workers, queues and the clock are the
test's.

Time passes only when a test lets it. ``crash_at`` kills whoever is at work at the n-th call that changes
something outside; its message comes again.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib.gateways import seam
from chalicelib.local import pollers, wiring
from chalicelib.local.line.app import application
from chalicelib.local.line.endpoints import serve
from chalicelib.local.line.httpd import Request, Server
from chalicelib.local.line.simulator import Simulator
from chalicelib.shared.settings import settings
from chalicelib.timers import service as timers
from tests import shop, waiting_messages
from tests.api_client import Api, an_account, an_api
from tests.deliveries_builders import Machine

BASE = "/v1/accounts/shop"
START = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
"""Noon in Tokyo, so that no quiet hours are near."""
LOOKS = ("GetItem", "Query", "GetParameter", "DescribeExecution", "GetObject", "GetQueueUrl")
LINE_LOOKS = {"line:quota", "line:audience", "line:audiences", "line:narrowcast_progress", "line:profile"}


class Crashed(BaseException):
    """The process died here."""


def user(n: int) -> str:
    """An id as LINE gives them."""
    return f"U{n:032x}"


class LineWorld:
    """The application, LINE, the queues and the clock."""

    def __init__(self, directory: Path) -> None:
        self.now = START
        self.sim = Simulator(directory, "http://127.0.0.1:9", now=lambda: self.now, sleep=lambda _s: None)
        self.server = Server(0, application(self.sim))
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.changes: list[str] = []
        self.crash_at: int | None = None
        self.dies_after = False
        self.line_calls: list[str] = []
        self.machines: dict[str, Machine] = {}
        self.agenda: list[tuple[datetime, Callable[[], None]]] = []
        self.api: Api = Api()

    def guard(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            self.now += timedelta(seconds=detail["seconds"])
            return None
        if name.startswith("line:"):
            self.line_calls.append(name)
        if name == "stepfunctions:DescribeExecution":
            machine = self.machines.get(detail["executionArn"].rsplit(":", 1)[1])
            return {"status": machine.status if machine else "ABORTED"}
        if name.endswith(LOOKS) or name in LINE_LOOKS:
            return call()
        self.changes.append(name)
        dies = self.crash_at is not None and len(self.changes) == self.crash_at
        if dies and not self.dies_after:
            raise Crashed(name)
        answer = self._answer(name, detail, call)
        if dies:
            raise Crashed(name)
        return answer

    def _answer(self, name: str, detail: Any, call: Any) -> Any:
        if name.startswith("sqs:"):
            return shop._queue(name, detail)
        return self._machine(name, detail) if name.startswith("stepfunctions:") else call()

    # machines: those of broadcasts run, by their own file

    def _machine(self, name: str, detail: Any) -> Any:
        if name == "stepfunctions:StartExecution" and detail["stateMachineArn"].endswith("-broadcast"):
            made = Machine(self, detail["name"], json.loads(detail["input"]))  # type: ignore[arg-type]
            self.machines[detail["name"]] = made
        elif name == "stepfunctions:SendTaskSuccess":
            for machine in list(self.machines.values()):
                machine.answered(detail["taskToken"], json.loads(detail["output"]))
        return {}

    def later(self, at: datetime, do: Callable[[], None]) -> None:
        self.agenda.append((at, do))

    def put(self, queue: str, body: dict[str, Any], delay_s: float) -> None:
        detail = {"QueueUrl": settings().queue(queue), "MessageBody": json.dumps(body)}
        shop._queue("sqs:SendMessage", detail | ({"DelaySeconds": delay_s} if delay_s else {}))

    def _due(self) -> None:
        """What machines have waited for."""
        due = [one for one in self.agenda if one[0] <= self.now]
        self.agenda = [one for one in self.agenda if one[0] > self.now]
        for _, do in due:
            do()

    # the door, and LINE

    def sim_request(self, method: str, path: str, body: Any = None) -> Any:
        raw = json.dumps(body or {}).encode()
        answer = serve(self.sim, Request(method, f"/_sim/{path}", {}, {}, raw))
        assert answer.status < 300, (path, answer.body)
        return answer.body

    def everybody(self, count: int, tags: str = "") -> None:
        """So many friends, here and at LINE."""
        rows = "".join(f"{user(n)},{tags}\n" for n in range(count))
        self.api.ok("POST", f"{BASE}/friends/import", f"user_id,tags\n{rows}", content_type="text/csv")
        self.work()
        friends = [{"user_id": user(n)} for n in range(count)]
        self.sim_request("POST", "friends", {"account": "shop", "friends": friends})

    # work

    def work(self, rounds: int = 30) -> None:
        """Let the workers do what is queued, with all delays over; whoever dies does it again."""
        for _ in range(rounds):
            self._due()
            for queue, delayed in waiting_messages.LATER.items():
                waiting_messages.NOW[queue].extend(delayed)
                delayed.clear()
            if not any(waiting_messages.NOW.values()):
                return
            self.work_once()
            self.now += timedelta(seconds=20)

    def work_once(self) -> None:
        """What is queued now, in batches."""
        for handler in wiring.queue_handlers(app):
            waiting = waiting_messages.NOW[handler.queue]
            for _ in range(len(waiting)):
                if waiting:
                    self._handle(handler, waiting.popleft())

    def _handle(self, handler: wiring.QueueHandler, message: dict[str, Any]) -> None:
        event = pollers.to_event(handler.queue, [message])
        try:
            answer = wiring.load_handler(handler.function.path)(event, wiring.context(handler.function))
        except Crashed:
            self.crash_at = None
            waiting_messages.NOW[handler.queue].append(message)
            return
        assert pollers.failed_ids(answer, [message["MessageId"]]) == set(), message["Body"]

    def pass_time(self, length: timedelta, rounds: int = 30) -> None:
        """Let time pass, and the timers bring whom they bring; of what never rests, so many rounds each."""
        end = self.now + length
        while self.now < end:
            self.now = min(end, self.now + timedelta(minutes=30))
            timers.sweep(timers.checks())
            self.work(rounds)

    def crashes(self) -> Iterator[int]:
        """1, 2, 3, …: the calls at which somebody may die, until a run makes fewer calls."""
        n = 1
        while True:
            yield n
            if len(self.changes) < n:
                return
            n += 1


@contextmanager
def a_line_world(directory: Path, patch: pytest.MonkeyPatch) -> Iterator[LineWorld]:
    """A shop and its LINE, in an emulated AWS that is there already."""
    world = LineWorld(directory)
    patch.setenv("TODOKU_LINE_API_URL", f"http://127.0.0.1:{world.server.server_port}")
    settings.cache_clear()
    with seam.guarded(world.guard):
        world.api = an_api()
        an_account(world.api, shards=4)
        world.sim_request("PUT", "channels/shop", {"channel_secret": "s", "channel_access_token": "token"})
        world.sim_request("PUT", "limits", {"audience": 0, "narrowcast": 0})
        yield world
    world.server.shutdown()
    world.server.server_close()
    world.sim.close()
    patch.undo()
    settings.cache_clear()
