"""A small world for tests of deliveries and broadcasts: a clock that moves when told, queues with delays,
a LINE that remembers retry keys, an executor of the state machine's own file, and a crash at any crossing.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from botocore.exceptions import ClientError
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.broadcasts import workers as broadcast_workers
from chalicelib.catalog import service as catalog
from chalicelib.deliveries import service as deliveries
from chalicelib.deliveries import workers as delivery_workers
from chalicelib.friends import store as friends
from chalicelib.gateways import line, seam
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso, parse_iso
from chalicelib.sheets.model import new_sheet
from chalicelib.timers import service as timers
from chalicelib.timers.model import DUE
from chalicelib.timers.plan import body_of

START = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)  # a Friday, noon in Tokyo
ASL = json.loads(
    (Path(__file__).parents[1] / "infra/statemachines/broadcast.asl.json").read_text(encoding="utf-8")
)
SHOP = Account("shop", "Shop", "Asia/Tokyo", 64)
FEW = replace(SHOP, shards=2)


LOOKS = {
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:Query",
    "line:quota",
    "ssm:GetParameter",
    "stepfunctions:DescribeExecution",
}
"""Calls that change nothing: to die before one leaves the same behind as to die before the next change."""


class Crashed(BaseException):
    """The process died here."""


Fault = Callable[[str, dict[str, Any], int], Any]
"""``fault(kind, body, number of the call)``: an Answer given without accepting; "lost" (accepted, and the
answer never arrives); "silent" (nothing happens, no answer); or None."""


class Line:
    """LINE as sends see it. Retry keys are looked at before anything else; answers may be lost."""

    def __init__(self) -> None:
        self.accepted: dict[str, str] = {}
        self.bodies: dict[str, str] = {}
        self.got: Counter[str] = Counter()
        self.messages: dict[str, Any] = {}
        self.calls: list[tuple[str, dict[str, Any], str | None]] = []
        self.fault: Fault = lambda kind, body, n: None
        self.quota: tuple[int | None, int] = (None, 0)

    def answer(self, name: str, detail: dict[str, Any]) -> Any:
        kind = name.removeprefix("line:")
        if kind == "quota":
            return self.quota
        if kind == "profile":
            return None
        if kind == "validate":
            return line.Answer(200)
        if kind.startswith("insight_"):
            return {}
        body, key = detail["body"], detail["retry_key"]
        self.calls.append((kind, body, key))
        text = json.dumps(body, sort_keys=True)
        assert key is None or self.bodies.setdefault(key, text) == text, "a retry key came with another body"
        if key in self.accepted:
            return line.Answer(
                409, "The retry key is already accepted", accepted_request_id=self.accepted[key]
            )
        fault = self.fault(kind, body, len(self.calls))
        if isinstance(fault, line.Answer):
            return fault
        if fault == "silent":
            raise line.NoAnswer("ReadTimeoutError")
        request = f"r{len(self.calls)}"
        if key is not None:
            self.accepted[key] = request
        for user in [body["to"]] if kind == "push" else body.get("to", []):
            self.got[user] += 1
            self.messages[user] = body["messages"]
        if fault == "lost":
            raise line.NoAnswer("ReadTimeoutError")
        return line.Answer(200, request_id=request)


class Machine:
    """Executes the ``broadcast`` machine from its file, at the world's clock."""

    def __init__(self, world: World, name: str, data: dict[str, Any]) -> None:
        self.world, self.name, self.data = world, name, data
        self.token: str | None = None
        self.path: list[str] = []
        self.status = "RUNNING"
        self.enter(ASL["StartAt"])

    def enter(self, name: str) -> None:
        state = ASL["States"][name]
        self.path.append(name)
        match state["Type"]:
            case "Wait":
                at = max(self.world.now, parse_iso(self.data[state["TimestampPath"].removeprefix("$.")]))
                self.world.later(at, lambda: self.enter(state["Next"]))
            case "Task":
                self.ask(name, state)
            case "Choice":
                outcome = self.data["last"]["outcome"]
                routes = {choice["StringEquals"]: choice["Next"] for choice in state["Choices"]}
                self.enter(routes.get(outcome, state["Default"]))
            case kind:
                self.status = {"Succeed": "SUCCEEDED", "Fail": "FAILED"}[kind]

    def ask(self, name: str, state: dict[str, Any]) -> None:
        token = self.token = str(uuid.uuid4())
        body = {
            key.removesuffix(".$"): token
            if value == "$$.Task.Token"
            else self.data[value.removeprefix("$.")]
            if key.endswith(".$")
            else value
            for key, value in state["Parameters"]["MessageBody"].items()
        }
        self.world.put("broadcast-tasks", body, 0)
        again = self.world.now + timedelta(seconds=self.data["timeout_s"] + 1)
        self.world.later(again, lambda: self.ask(name, state) if self.token == token else None)

    def answered(self, token: str, output: dict[str, Any]) -> None:
        if token == self.token:
            self.token = None
            self.data["last"] = output
            self.enter(ASL["States"][self.path[-1]]["Next"])


class World:
    """Stands at the seam. ``crash_at``: the process dies at this crossing (``LOOKS`` are not counted)."""

    def __init__(self) -> None:
        self.now = START
        self.line = Line()
        self.agenda: list[tuple[datetime, int, Callable[[], None]]] = []
        self.machines: dict[str, Machine] = {}
        self.secrets: dict[str, str] = {}
        self.crossings = 0
        self.crash_at: int | None = None
        self.duplicate = False
        self.context: Callable[[], Any] = lambda: None
        """Makes the context of each invocation, which tells how much time is left; None: no limit."""
        self.receipts = False
        """Whether the jobs that write receipts are carried out."""
        self.lose: Callable[[str, dict[str, Any]], bool] = lambda queue, body: False
        self.sent_again: Callable[[str], bool] = lambda name: False
        """Calls whose first answer is lost, so that the client sends them once more."""
        self.counted: Counter[str] = Counter()
        self.after_each: Callable[[], None] = lambda: None
        self._order = 0

    # the seam

    def guard(self, name: str, detail: Any, call: Callable[[], Any]) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            self.now += timedelta(seconds=detail["seconds"])
            return None
        self.counted[name] += 1
        if name not in LOOKS:
            self.crossings += 1
            if self.crossings == self.crash_at:
                raise Crashed
        return self.cross(name, detail, call)

    def cross(self, name: str, detail: Any, call: Callable[[], Any]) -> Any:
        if name.startswith("line:"):
            return self.line.answer(name, detail)
        if name == "ssm:PutParameter":
            self.secrets[detail["Name"]] = detail["Value"]
            return {"Version": 1}
        if name == "ssm:GetParameter" and detail["Name"] in self.secrets:
            return {"Parameter": {"Name": detail["Name"], "Value": self.secrets[detail["Name"]]}}
        if name == "sqs:SendMessageBatch":
            for entry in detail["Entries"]:
                queue = detail["QueueUrl"].rsplit(f"todoku-{settings().stage}-")[1]
                self.put(queue, json.loads(entry["MessageBody"]), entry.get("DelaySeconds", 0))
            return {"Successful": [], "Failed": []}
        if name == "stepfunctions:StartExecution":
            if detail["stateMachineArn"].endswith("-broadcast"):
                assert detail["name"] not in self.machines, "an execution's name was used twice"
                self.machines[detail["name"]] = Machine(self, detail["name"], json.loads(detail["input"]))
            return {}
        if name == "stepfunctions:DescribeExecution":
            machine = self.machines.get(detail["executionArn"].rsplit(":", 1)[1])
            return {"status": machine.status if machine else "ABORTED"}
        if name == "stepfunctions:SendTaskSuccess":
            for machine in self.machines.values():
                machine.answered(detail["taskToken"], json.loads(detail["output"]))
            return {}
        if self.sent_again(name):
            with suppress(ClientError):
                call()
        return call()

    # time and queues

    def later(self, at: datetime, do: Callable[[], None]) -> None:
        self._order += 1
        self.agenda.append((at, self._order, do))

    def put(self, queue: str, body: dict[str, Any], delay_s: float) -> None:
        if self.lose(queue, body):
            return
        for _ in range(2 if self.duplicate else 1):
            self.later(self.now + timedelta(seconds=delay_s), lambda: self.deliver(queue, body))

    def deliver(self, queue: str, body: dict[str, Any]) -> None:
        if queue == "bulk":
            if self.receipts:
                deliveries.write_receipts(body["account"], body["run"], body["chunk"])
            return
        handler = {
            "sends": delivery_workers.send,
            "shards": broadcast_workers.plan_shard,
            "broadcast-tasks": broadcast_workers.tasks,
        }[queue]
        attributes = {"ApproximateReceiveCount": "1"}
        record = {
            "messageId": "m",
            "body": json.dumps(body),
            "attributes": attributes,
            "eventSource": "aws:sqs",
            "receiptHandle": "h",
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q",
            "awsRegion": "ap-northeast-1",
        }
        try:
            failed = handler({"Records": [record]}, self.context())["batchItemFailures"]
        except Crashed:
            failed = ["crashed"]
        if failed:  # visible again after the queue's visibility timeout
            visible = self.now + timedelta(seconds=180 if queue == "sends" else 360)
            self.later(visible, lambda: self.deliver(queue, body))

    def arm(self, entry: timers.Entry) -> None:
        """Stands for ``timers.service.arm``: one crossing, and the entry comes when it is due."""
        self.guard("timers:arm", {"entry": entry}, lambda: None)
        queue, (body,) = DUE[entry.kind].queue, [body_of([entry])]
        self.later(max(entry.due_at, self.now), lambda: self.deliver(queue, body))

    def watch(
        self, kind: Any, account: str, name: str, body: dict[str, Any], at: datetime, attempt: int
    ) -> None:
        """Stands for ``timers.service.watch``."""
        self.arm(timers.Entry(account, kind, name, attempt, at + timers.next_watch(attempt), body=body))

    def forget_executions(self) -> None:
        """Every execution is gone, as after a restart of the laptop."""
        self.machines = {name: machine for name, machine in self.machines.items() if not _stop(machine)}

    def run(self, until: timedelta = timedelta(days=3), done: Callable[[], bool] = lambda: False) -> None:
        """Let things happen in the order of their time until nothing is left, or ``done``."""
        end = self.now + until
        while self.agenda and not done():
            self.agenda.sort(key=lambda due: due[:2])
            if self.agenda[0][0] > end:
                break
            at, _, do = self.agenda.pop(0)
            self.now = max(self.now, at) + timedelta(milliseconds=1)
            do()
            self.after_each()


def _stop(machine: Machine) -> bool:
    machine.token, machine.enter = None, lambda name: None  # type: ignore[method-assign]
    return True


def forget(*tables: str) -> None:
    """Empty tables: the emulated DynamoDB walks a whole one for each query; what is over slows it down."""
    emulated = dynamodb_backends[ACCOUNT_ID][settings().region].tables
    for name in tables:
        emulated[settings().table(name)].items.clear()


# -- what is in the world --------------------------------------------------------------------------

TEXT = [{"type": "text", "text": "冬の新作です"}]
DOCUMENTS: dict[tuple[str, str], dict[str, Any]] = {
    ("messages", "news"): {"name": "news", "category": "marketing", "messages": TEXT},
    ("messages", "other"): {
        "name": "other",
        "category": "marketing",
        "messages": [{"type": "text", "text": "別案です"}],
    },
    ("messages", "dear"): {
        "name": "dear",
        "category": "marketing",
        "messages": [{"type": "text", "text": "{{ friend.display_name }}さん、冬の新作です"}],
    },
    ("messages", "booked"): {"name": "booked", "category": "transactional", "messages": TEXT},
    ("tags", "vip"): {"name": "vip"},
}


@contextmanager
def a_world(
    *users: str, receipts: bool = False, account: Account = SHOP, **documents: dict[str, Any]
) -> Iterator[World]:
    """A world with the account ``shop``, documents and friends, in an emulated AWS that is there already.

    ``FEW``, of two shards, is quicker where runs of broadcasts are judged.
    """
    world = World()
    world.receipts = receipts
    with patch.multiple(timers, arm=world.arm, watch=world.watch), seam.guarded(world.guard):
        an_account(account, **documents)
        for user in users:
            a_friend(user, account)
        yield world


def an_account(account: Account = SHOP, **documents: dict[str, Any]) -> None:
    """An account with credentials and the documents above; ``policies={...}`` sets its policies."""
    line_credentials = {"channel_secret": "s", "channel_access_token": "token"}
    accounts.put_account(account, line_credentials, shards=account.shards, by="test")
    writes = [catalog.Write(kind, name, body) for (kind, name), body in DOCUMENTS.items()]
    if "policies" in documents:
        writes.append(catalog.Write("policies", "default", documents["policies"]))
    catalog.save(account.id, writes, lambda snapshot: None, "test")


def a_friend(user: str, account: Account = SHOP, **fields: Any) -> None:
    """A friend who follows."""
    at = iso(START - timedelta(days=30))
    sheet = new_sheet(account.id, user, at)
    name = fields.pop("name", f"{user}様")
    tags = {tag: {"since": at, "by": "test", "at": at} for tag in fields.pop("tags", [])}
    following = {
        "status": "following",
        "status_at": at,
        "followed_at": at,
        "display_name": name,
        "tags": tags,
    }
    sheet.update({**following, **fields})
    assert friends.create_or_update(account.id, account.shards, user, None, sheet, None)


def a_chunk(users: list[str], run: str = "run1", chunk: str = "c1", **fields: Any) -> deliveries.Chunk:
    """A multicast chunk, or with ``payloads=True`` a push chunk, of the account ``shop``; the brake lets
    it be told again and again.
    """
    fields.setdefault("repeats", True)
    if fields.pop("payloads", False):
        own = {user: [{"type": "text", "text": user}] for user in users}
        return deliveries.Chunk("shop", run, chunk, "push", users, payloads=own, **fields)
    return deliveries.Chunk("shop", run, chunk, "multicast", users, messages=TEXT, **fields)


def balance(numbers: dict[str, Any]) -> bool:
    """Whether planned (or total) is the sum of the rest."""
    parts = numbers["pending"] + numbers["accepted"] + numbers["unknown"] + numbers.get("held_out", 0)
    parts += sum(numbers["skipped"].values()) + sum(numbers["failed"].values())
    least = min([numbers["pending"], *numbers["skipped"].values()])
    return bool(parts == numbers.get("planned", numbers.get("total")) and least >= 0)
