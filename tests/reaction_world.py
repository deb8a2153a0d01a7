"""The reaction on real stores: a fixed clock, a LINE that answers, crashes where asked; three rules."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.friends import store
from chalicelib.gateways import line, seam
from chalicelib.reaction import workers
from chalicelib.shared.events import FriendEvent
from chalicelib.timeline import service as activities
from tests.reaction_builders import DOCUMENTS, NOW, a_rule


class Crash(BaseException):
    """The process is gone."""


class World:
    """The seam's guard: a fixed clock, a LINE that answers, a count of calls, a crash where asked."""

    def __init__(self) -> None:
        self.now = NOW + timedelta(minutes=1)
        self.calls: list[str] = []
        self.line: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[Any] = []
        self.crash_at: int | None = None
        self.before = True
        self.broken: set[str] = set()

    def __call__(self, name: str, detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        if name == "clock:sleep":
            return None
        here = len(self.calls)
        self.calls.append(name)
        if name in self.broken:
            raise RuntimeError(f"{name} is broken")
        if here == self.crash_at and self.before:
            raise Crash
        answer = self._line(name, detail) if name.startswith("line:") else call()
        if here == self.crash_at:
            raise Crash
        return answer

    def _line(self, name: str, detail: Any) -> Any:
        if name == "line:profile":
            return {"displayName": "花子", "language": "ja"}
        self.line.append((name, detail["body"]))
        answer = self.answers.pop(0) if self.answers else line.Answer(200)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def dynamo(self) -> Counter[str]:
        return Counter(name.removeprefix("dynamodb:") for name in self.calls if name.startswith("dynamodb:"))


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    world = World()
    with seam.guarded(world):
        accounts.put_account(
            Account("shop", "店", "Asia/Tokyo", 64),
            {"channel_secret": "s", "channel_access_token": "t"},
            shards=None,
            by="test",
        )
        yield world


def author(rules: dict[str, Any]) -> None:
    writes = [Write(kind, name, body) for kind, bodies in DOCUMENTS.items() for name, body in bodies.items()]
    writes += [Write("rules", name, body) for name, body in rules.items()]
    catalog.save("shop", writes, lambda _: None, "test")


def friend(user: str = "U1") -> dict[str, Any]:
    sheet = store.load("shop", 64, user)
    assert sheet is not None
    return sheet


def facts_of(user: str = "U1") -> dict[str, Any]:
    """The sheet without what the protocol itself keeps on it."""
    return {k: v for k, v in friend(user).items() if k not in {"pending", "rev"}}


def activity(event_id: str = "e1", user: str = "U1") -> dict[str, Any]:
    found = activities.find("shop", user, event_id)
    assert found is not None
    return found


def batch(*events: FriendEvent, received: int = 1) -> dict[str, Any]:
    """Hand events to the deployed handler as one SQS batch."""
    records = [
        {
            "messageId": f"m{n}",
            "receiptHandle": "",
            "body": json.dumps(event.to_message()),
            "attributes": {
                "ApproximateReceiveCount": str(received),
                "MessageGroupId": f"{event.account_id}#{event.user_id}",
            },
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q",
        }
        for n, event in enumerate(events)
    ]
    answer: dict[str, Any] = workers.react({"Records": records}, None)
    return answer


WELCOME = a_rule(
    "followed",
    [
        {"add_tag": "new"},
        {"add_score": {"score": "interest", "points": 1}},
        {"reply": {"message": "hello"}},
    ],
)
KEEN = a_rule(
    then=[{"add_tag": "vip"}, {"add_score": {"score": "interest", "points": 3}}], match={"text": "好き"}
)
SALE = a_rule(then=[{"send": {"message": "hello"}}, {"reply": {"message": "three"}}], match={"text": "SALE"})
RULES = {"welcome": WELCOME, "keen": KEEN, "sale": SALE}
