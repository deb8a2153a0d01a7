"""A small world for scenarios and timers: real stores, a clock that moves when told, queues, LINE, machines.

Messages and executions live here and arrive at their moments; DynamoDB is emulated. A crash can be put at
any crossing: the message at hand then comes again after its visibility timeout, as on SQS.
"""

from __future__ import annotations

import copy
import heapq
import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.accounts import store as account_store
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.catalog.validation import normal_body
from chalicelib.deliveries import service as deliveries
from chalicelib.enrollments import service as enrollments
from chalicelib.enrollments import store as scenarios_store
from chalicelib.enrollments.model import Pointer
from chalicelib.friends import store as friends
from chalicelib.gateways import clock, line, seam, secrets
from chalicelib.messages.documents import DOCUMENTS as MESSAGES
from chalicelib.reaction.effects import held
from chalicelib.scenarios import publishing
from chalicelib.scenarios.documents import DOCUMENTS as SCENARIOS
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets.sheet import new_sheet
from chalicelib.timers import arming
from chalicelib.timers import service as timers
from chalicelib.timers import store as timers_store
from chalicelib.timers.store import read_bucket

START = datetime(2026, 11, 22, 6, 6, 20, tzinfo=UTC)
VISIBILITY = timedelta(seconds=180)
SHOP = "shop"


READS = {f"dynamodb:{name}" for name in ("GetItem", "BatchGetItem", "Query")} | {"sqs:GetQueueUrl"}
"""Dying before a read leaves behind what dying before the next write does: only others count as crossings."""


class Crashed(BaseException):
    """The process died here."""


class World:
    """What is outside the process, and when it arrives."""

    def __init__(self) -> None:
        self.now = START
        self.order = itertools.count()
        self.queue: list[tuple[datetime, int, str, dict[str, Any], int]] = []
        self.pieces = 1
        """In so many pieces the friends of one message are moved on."""
        self.executions: dict[str, dict[str, Any]] = {}
        self.sends: list[tuple[datetime, str, str]] = []
        self.keys: dict[str, Any] = {}
        self.facts: dict[str, FriendEvent] = {}
        self.calls: Counter[str] = Counter()
        self.crossings = 0
        self.crash_at: int | None = None
        self.lose: set[str] = set()
        self.machines_run = True
        self.act_at_once = True

    # The seam

    def guard(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            return None
        if name in READS:
            self.calls[name] += 1
            return call()
        self.crossings += 1
        if self.crash_at is not None and self.crossings >= self.crash_at:
            self.crash_at = None
            raise Crashed
        self.calls[name] += 1
        if name == "stepfunctions:StartExecution":
            self.executions.setdefault(detail["name"], json.loads(detail["input"]))
            return {}
        if name == "sqs:SendMessageBatch":
            return self._send_batch(detail)
        if name.startswith("line:"):
            return self._line(name, detail)
        return call()

    def _send_batch(self, detail: Any) -> Any:
        queue = detail["QueueUrl"].rsplit("/", 1)[1].removeprefix("todoku-test-").removesuffix(".fifo")
        for entry in detail["Entries"]:
            if queue not in self.lose:
                at = self.now + timedelta(seconds=entry.get("DelaySeconds", 0))
                self._push(at, queue, json.loads(entry["MessageBody"]))
        return {"Successful": [], "Failed": []}

    def _push(self, at: datetime, queue: str, body: dict[str, Any], received: int = 0) -> None:
        heapq.heappush(self.queue, (at, next(self.order), queue, body, received))

    def _line(self, name: str, detail: Any) -> Any:
        key = detail["retry_key"]
        if key in self.keys:
            return line.Answer(409, accepted_request_id="r")
        self.keys[key] = True
        to = detail["body"]["to"]
        text = detail["body"]["messages"][0].get("text", "")
        for user in to if isinstance(to, list) else [to]:
            self.sends.append((self.now, user, text))
        return line.Answer(200, request_id="r")

    # Time

    def run(self, until: timedelta | float, sweep: bool = True) -> None:
        """Let time pass: every message and execution at its moment, a sweep each minute."""
        span = until if isinstance(until, timedelta) else timedelta(seconds=until)
        end, next_sweep = self.now + span, self.now + timedelta(seconds=60)
        while True:
            due_times = [next_sweep] if sweep else []
            due_times += [self.queue[0][0]] if self.queue else []
            due_times += [parse_iso(e["drain_at"]) for e in self._machines("drain_at")]
            due_times += [parse_iso(e["verify_at"]) for e in self._machines("verify_at")]
            due_at = min(due_times, default=None)
            if due_at is None or due_at > end:
                break
            self.now = max(self.now, due_at)
            if sweep and self.now >= next_sweep:
                timers.sweep(CHECKS)
                next_sweep += timedelta(seconds=60)
            self._run_machines()
            while self.queue and self.queue[0][0] <= self.now:
                self.deliver_one()
        self.now = max(self.now, end)

    def _machines(self, name: str) -> list[dict[str, Any]]:
        return [e for e in self.executions.values() if self.machines_run and name in e]

    def _run_machines(self) -> None:
        for execution in self._machines("drain_at"):
            if parse_iso(execution["drain_at"]) <= self.now:
                del execution["drain_at"]
                timers.drain(execution["minute"], CHECKS)
        for execution in self._machines("verify_at"):
            if parse_iso(execution["verify_at"]) <= self.now:
                del execution["verify_at"]
                timers.verify(execution["minute"], CHECKS)

    def deliver_one(self) -> None:
        """Take the first message; a crash brings it back after its visibility timeout."""
        _, _, queue, body, received = heapq.heappop(self.queue)
        try:
            self.handle(queue, body, received + 1)
        except Crashed:
            self._push(self.now + VISIBILITY, queue, body, received + 1)

    def handle(self, queue: str, body: dict[str, Any], received: int = 1) -> None:
        if queue == "due":
            pointers = [pointer(entry) for entry in body["entries"]]
            # As the function does it: all pieces are begun before anybody is moved on.
            pieces = [some for n in range(self.pieces) if (some := pointers[n :: self.pieces])]
            for end in [enrollments.begin_advance(some, redelivered=received > 1) for some in pieces]:
                end()
        elif queue == "sends" and "entries" in body:
            for entry in body["entries"]:
                place = entry["body"]
                if body["kind"] == "chunk_hold":
                    deliveries.send_now(entry["account"], place["run"], place["chunk"])
                    continue
                deliveries.watched(entry["account"], place["run"], place["chunk"], entry["version"])
        elif queue == "sends":
            deliveries.send_now(body["account"], body["run"], body["chunk"])
        elif queue == "inbox":
            event = FriendEvent.from_message(body)
            first = f"{event.user_id}/{event.event_id}" not in self.facts
            self.facts[f"{event.user_id}/{event.event_id}"] = event
            if event.type == "scenario_action" and self.act_at_once and first:
                enrollments.action_done(SHOP, event.user_id, event)

    def keep(self) -> Callable[[], None]:
        """Remember how everything stands; the answer brings it back, the catalog and the account aside.

        The emulated DynamoDB walks a whole table for each query: what is over would slow down what follows.
        """
        outside = ("now", "queue", "executions", "sends", "keys", "facts")
        kept = {name: copy.deepcopy(getattr(self, name)) for name in outside}
        tables = {
            name: table
            for name, table in dynamodb_backends[ACCOUNT_ID][settings().region].tables.items()
            if not name.endswith(("-catalog", "-control"))
        }
        items = {name: copy.deepcopy(table.items) for name, table in tables.items()}

        def bring_back() -> None:
            for name, value in copy.deepcopy(kept).items():
                setattr(self, name, value)
            for name, table in tables.items():
                table.items = copy.deepcopy(items[name])
            arming.known.client = None

        return bring_back

    # What happened

    def story(self, user: str) -> str:
        """All that may tell why something did not happen, for a failed comparison."""
        stored = {e.scenario: e for e in scenarios_store.of_friend(SHOP, user)}
        return "\n".join(
            f"{name}: {value}"
            for name, value in (
                ("now", self.now),
                ("guarded by us", seam._guard == self.guard),
                ("stored", stored),
                ("executions", self.executions),
                ("queue", self.queue),
                ("sends", self.sends),
                ("calls", dict(self.calls)),
                ("facts", self.facts),
            )
        )

    def received(self, user: str) -> list[str]:
        """The texts that LINE took for a friend, in order."""
        return [text for _, to, text in self.sends if to == user]

    def received_at(self, user: str) -> list[float]:
        """Seconds after the beginning at which they were taken."""
        return [(at - START).total_seconds() for at, to, _ in self.sends if to == user]

    def reported(self, user: str) -> list[str]:
        """The types of facts in the inbox about a friend."""
        return [fact.type for fact in self.facts.values() if fact.user_id == user]


def pointer(entry: dict[str, Any]) -> Pointer:
    body = entry["body"]
    names = (entry["account"], body["user_id"], body["scenario"], body["run"], entry["version"])
    return Pointer(*names, entry["due_at"], body.get("value"))


CHECKS: timers.Checks = {
    "step": enrollments.advanced,
    "chunk": deliveries.chunk_done,
    "chunk_hold": deliveries.hold_over,
    "rule_hold": held.over,
    "run": lambda entries: [True] * len(entries),
}


@contextmanager
def a_world(drain_early: float = 0, timers_shards: int | None = None) -> Iterator[World]:
    """A world with the account ``shop`` in an emulated AWS that is there already."""
    world = World()
    changed = replace(settings(), timers_shards=timers_shards or settings().timers_shards)
    with (
        patch.object(arming, "drain_early", lambda: timedelta(seconds=drain_early)),
        patch.object(timers_store, "settings", lambda: changed),
        seam.guarded(world.guard),
    ):
        account_store.create_account(
            Account(id=SHOP, name="Shop", time_zone="Asia/Tokyo", shards=4, created_at=iso(START))
        )
        secrets.put_line_credentials(SHOP, {"channel_secret": "s", "channel_access_token": "t"})
        world.calls.clear()
        yield world


def put_friends(*users: str, **fields: Any) -> None:
    """Friends who follow."""
    for user in users:
        sheet = new_sheet(SHOP, user, iso(START)) | {"status": "following", **fields}
        assert friends.create_or_update(SHOP, 4, user, None, sheet, None)


def put_sheet(user: str, **fields: Any) -> None:
    """Set whole attributes of a friend."""
    friends.update_paths(SHOP, 4, user, sets=[((name,), value) for name, value in fields.items()])


def put_messages(**texts: str) -> None:
    """Text messages by id."""
    writes = [
        Write(
            "messages",
            name.replace("_", "-"),
            normal_body(MESSAGES["messages"], {"name": name, "messages": [{"type": "text", "text": text}]}),
        )
        for name, text in texts.items()
    ]
    catalog.save(SHOP, writes, lambda _: None, "test")


def put_tags(*tags: str) -> None:
    """Tag documents."""
    catalog.save(SHOP, [Write("tags", tag, {"name": tag}) for tag in tags], lambda _: None, "test")


def put_scenario(scenario: str = "welcome", **definition: Any) -> None:
    """A draft."""
    body = normal_body(SCENARIOS["scenarios"], {"name": scenario, **definition})
    catalog.save(SHOP, [Write("scenarios", scenario, body)], lambda _: None, "test")


def publish(scenario: str = "welcome", **definition: Any) -> dict[str, Any]:
    """A definition, put in force."""
    put_scenario(scenario, **definition)
    return publishing.publish(SHOP, scenario, "test")


def announced(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The rows that dry runs name from now on, one before each publication."""
    named: list[str] = []
    plainly = publishing.publish

    def publish_(account: str, scenario: str, by: str, **more: Any) -> dict[str, Any]:
        before = catalog.snapshot(account).revision
        named.extend(one["row"] for one in publishing.dry_run(account, scenario, by, **more)["changes"])
        assert catalog.snapshot(account).revision == before
        return plainly(account, scenario, by, **more)

    monkeypatch.setattr(publishing, "publish", publish_)
    return named


def enroll(*users: str, scenario: str = "welcome", cause: str = "c1") -> list[str | None]:
    """Enter friends; answers why not, or None, for each."""
    world_now = clock.now()
    return [r.why for r in enrollments.enroll(SHOP, list(users), scenario, world_now, cause)]


def message(id_: str, to: str | None = None, **more: Any) -> dict[str, Any]:
    return {"type": "message", "message": id_, "next": to, **more}


def wait(after: str, to: str | None) -> dict[str, Any]:
    return {"type": "wait", "after": after, "next": to}


TWO_STEPS: dict[str, Any] = {
    "start": "first",
    "nodes": {"first": message("m1", "pause"), "pause": wait("65s", "second"), "second": message("m2")},
}

__all__ = ["Crashed", "World", "read_bucket"]


@contextmanager
def a_usual_world() -> Iterator[World]:
    """A world with three messages, one that is made for each friend, and two tags."""
    with a_world(timers_shards=2) as world:
        put_messages(m1="one", m2="two", m3="three", hello="hi {{ friend.display_name }}")
        put_tags("vip", "bought")
        yield world


def where(user: str, scenario: str = "welcome", value: str | None = None) -> Any:
    """Where a friend stands, in the run for that value."""
    found = scenarios_store.find(SHOP, scenario, user, value)
    assert found is not None
    return found
