"""The three functions that keep time may do what the owners of every kind of entry need, and no more."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.broadcasts import store as broadcasts
from chalicelib.catalog import service as catalog
from chalicelib.gateways import seam
from chalicelib.heartbeat import workers
from chalicelib.mirror import compaction
from chalicelib.timers import service as timers
from chalicelib.timers.model import DUE, minute_key, minute_of
from tests.api_client import an_api
from tests.conftest import drain
from tests.few_looks import FewLooks
from tests.roles import role_of

START = datetime(2026, 11, 22, 6, 6, 20, tzinfo=UTC)
BODY = {"user_id": "U1", "scenario": "s", "broadcast": "b1", "run": "r", "chunk": "c"}
BODIES = {
    "step": {"run": 1},
    "rule_hold": {"event_id": "e", "rule": "r", "index": 0},
    "insight": {"ended": "2026-11-22T00:00:00.000Z"},
}


class Clock:
    """The time as it is told."""

    now = START

    def __call__(self, name: str, _detail: Any, call: Any) -> Any:
        if name == "clock:now":
            return self.now
        return {} if name == "stepfunctions:StartExecution" else call()


@pytest.fixture
def clock(cloud: None) -> Iterator[Clock]:
    """A shop with a document and a broadcast; an entry of every kind is armed."""
    found = Clock()
    with seam.guarded(found):
        account = Account("shop", "Shop", "Asia/Tokyo", 2)
        accounts.put_account(
            account, {"channel_secret": "s", "channel_access_token": "t"}, shards=2, by="tests"
        )
        an_api().ok("PUT", "/v1/accounts/shop/tags/vip", {"name": "vip"})
        broadcasts.create("shop", "b1", {"name": "b"}, START)
        timers.arm_all([an_entry(kind) for kind in DUE])
        yield found


def an_entry(kind: str) -> timers.Entry:
    due_at = START + timedelta(minutes=10)
    return timers.Entry("shop", kind, f"{kind}-1", 1, due_at, body={**BODY, **BODIES.get(kind, {})})


@pytest.mark.parametrize("function", ["minute_tasks", "sweep", "recover"])
def test_every_owner_is_asked(clock: Clock, function: str) -> None:
    """Whether each has moved on: nothing that this reads is beyond the role."""
    clock.now = START + timedelta(minutes=20)
    catalog.forget()  # as in a new process
    with role_of(function):
        for kind, check in timers.checks().items():
            assert len(check([an_entry(kind)])) == 1


@pytest.mark.parametrize("function", ["minute_tasks", "sweep", "recover"])
def test_every_kind_is_fed_again(clock: Clock, function: str) -> None:
    """Who has not moved on is sent to the queue of the kind, whichever of them finds it."""
    clock.now = START + timedelta(minutes=20)
    checks = {kind: lambda entries: [False] * len(entries) for kind in DUE}
    with role_of(function):
        if function == "minute_tasks":
            assert timers.verify(minute_key(minute_of(START + timedelta(minutes=10))), checks).count == len(
                DUE
            )
        else:
            found = timers.sweep(checks) if function == "sweep" else timers.recover(checks)
            assert (found["fed"], found.get("failed", 0)) == (len(DUE), 0)


def test_a_minute_that_takes_longer_is_gone_on_with(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler puts its own message back when its time is over."""
    monkeypatch.setattr(timers, "_LEAST", 1)
    clock.now = START + timedelta(minutes=10)
    body = {"task": "drain", "minute": minute_key(minute_of(clock.now)), "token": "t"}
    workers.minute_tasks(message(body), FewLooks(0))
    (again,) = drain("minute-tasks")
    assert again == body


def message(body: dict[str, Any]) -> dict[str, Any]:
    """What Lambda hands over."""
    attributes = {"ApproximateReceiveCount": "1"}
    record = {"messageId": "m", "receiptHandle": "r", "body": json.dumps(body), "attributes": attributes}
    return {"Records": [{**record, "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:r:1:q"}]}


def test_recovering_asks_for_the_rest(clock: Clock) -> None:
    """The command looks at the schedules of every account, and forgets runs that never began."""
    broadcasts.put_open("shop", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "b1")
    with role_of("recover"):
        assert workers.recover()["started"] >= 1
    assert broadcasts.open_runs("shop") == []
    assert {"job": "schedules", "account": "shop"} in drain("bulk")


def test_the_sweep_refreshes_the_mirror(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once an hour, of an account that has one."""
    monkeypatch.setattr(compaction, "is_due", lambda account, _now: account == "shop")
    hour = START.replace(minute=0)
    with role_of("sweep"):
        for minute in range(60):
            workers._refresh_mirrors(accounts.list_accounts(), hour + timedelta(minutes=minute))
    assert drain("mirror") == [{"account": "shop"}]
