"""The doctor finds every fault that is put in, and none in tables that are well."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.accounts import store as account_store
from chalicelib.gateways import aws, clock, queues
from chalicelib.ops.doctor import doctor
from chalicelib.shared.settings import settings
from chalicelib.timers import service as timers
from tests.scenario_world import SHOP, World, a_usual_world, enroll, message, publish, put_friends, wait

RUN = "01RUNOFTHEDOCTORSTEST00000"


@pytest.fixture
def world(cloud: None) -> Iterator[World]:
    """Two friends who wait for an hour; one of them has been sent a message before."""
    with a_usual_world() as found:
        account_store.list_account(SHOP)
        publish(start="wait", nodes={"wait": wait("1h", "last"), "last": message("m1")})
        put_friends("a", "b")
        enroll("a")
        enroll("b")
        yield found


def kinds() -> list[str]:
    return sorted(problem["kind"] for problem in doctor()["problems"])


def delete(table: str, where: str, value: str) -> int:
    """Take items out of a table behind everybody's back."""
    dynamodb, name = aws.client("dynamodb"), settings().table(table)
    found = [item for item in dynamodb.scan(TableName=name)["Items"] if value in item[where]["S"]]
    for item in found:
        dynamodb.delete_item(TableName=name, Key={key: item[key] for key in ("pk", "sk")})
    return len(found)


def put(table: str, **item: Any) -> None:
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(
        TableName=settings().table(table),
        Item={key: {"N": str(v)} if isinstance(v, int) else {"S": v} for key, v in item.items()},
    )


def test_nothing_is_wrong_with_what_is_well(world: World) -> None:
    """Friends who wait have their timers; what was looked at is counted."""
    found = doctor()
    assert (found["ok"], found["problems"]) == (True, [])
    assert found["checked"]["waiting"] == 2
    assert found["checked"]["timers"] >= 2
    world.run(4000)
    assert doctor()["ok"], "and after the day too"


def test_a_friend_whose_timer_is_gone(world: World) -> None:
    """Nothing would ever wake this friend; the other one is well."""
    assert delete("timers", "sk", f"#{SHOP}#s#a#") or delete("timers", "sk", "#a#")
    (problem,) = doctor()["problems"]
    assert (problem["kind"], problem["user_id"]) == ("waits_without_timer", "a")


def test_timers_without_an_owner(world: World) -> None:
    """Of an account that is not there, of a friend who never entered, of a chunk that does not stand."""
    soon = clock.now() + timedelta(minutes=30)
    body = {"user_id": "nobody", "scenario": "s", "run": 1}
    timers.arm(timers.Entry("gone", "step", "s#a", 1, soon, body=body))
    timers.arm(timers.Entry(SHOP, "step", "s#nobody", 1, soon, body=body))
    chunk = {"run": RUN, "chunk": "c1"}
    timers.arm(timers.Entry(SHOP, "chunk", f"{RUN}/c1", 1, soon, body=chunk))
    assert kinds() == ["orphan_timer"] * 3


def test_a_minute_that_nobody_verified(world: World) -> None:
    """Left behind for a quarter of an hour by execution and sweep alike."""
    world.now += timedelta(hours=2)
    assert "minute_not_verified" in kinds()


def a_chunk(**status: Any) -> None:
    """A chunk of an open run as it stands in the ledger."""
    put("broadcasts", pk=f"{SHOP}#open", sk=RUN, broadcast="b1")
    fields = {"state": "pending", "kind": "multicast", "n": 2, "attempts": 0} | status
    put("ledger", pk=f"{SHOP}#{RUN}#C", sk="c1", **fields)


def a_manifest(recipients: list[str]) -> None:
    from chalicelib.deliveries import store
    from chalicelib.deliveries.model import Chunk

    text = [{"type": "text", "text": "x"}]
    store.put_manifest(Chunk(SHOP, RUN, "c1", "multicast", recipients, text), {}, RUN, clock.now())


def test_a_status_without_a_manifest(world: World) -> None:
    """A worker would raise for it again and again."""
    a_chunk()
    assert kinds() == ["chunk_without_manifest", "run_without_broadcast"]


def test_a_chunk_that_does_not_balance(world: World) -> None:
    """For three recipients, and two are told of."""
    a_chunk()
    a_manifest(["a", "b", "c"])
    assert "chunk_out_of_balance" in kinds()


def test_a_chunk_that_does_not_move(world: World) -> None:
    """Open, not held, and nothing for hours; a paused run's chunk is not stuck."""
    a_chunk()
    a_manifest(["a", "b"])
    assert "chunk_stuck" not in kinds()
    world.now += timedelta(hours=3)
    assert "chunk_stuck" in kinds()
    put("ledger", pk=f"{SHOP}#{RUN}#C", sk="#run", state="paused", reason="operator")
    assert "chunk_stuck" not in kinds()


def test_a_run_whose_chunks_are_not_its_plan(world: World) -> None:
    """Three are planned and packed, the ledger knows of two."""
    a_chunk()
    a_manifest(["a", "b"])
    put(
        "broadcasts",
        pk=SHOP,
        sk="b1",
        status="sending",
        run=RUN,
        revision=1,
        created_at="2026-11-22T00:00:00.000Z",
    )
    put("ledger", pk=f"{SHOP}#{RUN}#S", sk="pack", chunks=1, at="2026-11-22T00:00:00.000Z")
    dynamodb = aws.client("dynamodb")
    counts = {"M": {"arms": {"M": {"a": {"N": "3"}}}}}
    key = {"pk": {"S": f"{SHOP}#{RUN}#S"}, "sk": {"S": "0000"}}
    dynamodb.put_item(
        TableName=settings().table("ledger"), Item={**key, "counts": counts, "slices": {"N": "1"}}
    )
    assert kinds() == ["ledger_out_of_balance"]


def test_it_changes_nothing(world: World) -> None:
    """No write, no message, whatever it finds."""
    from chalicelib.gateways import seam

    seen: list[str] = []
    inner = seam._guard

    def guard(name: str, detail: Any, call: Any) -> Any:
        seen.append(name)
        return inner(name, detail, call) if inner else call()

    a_chunk()
    with seam.guarded(guard):
        doctor()
    asked = {name for name in seen if name.startswith(("dynamodb:", "sqs:", "line:", "stepfunctions:"))}
    assert asked <= {"dynamodb:GetItem", "dynamodb:BatchGetItem", "dynamodb:Query", "dynamodb:DescribeTable"}
    assert queues.counts("sends")["waiting"] == 0
