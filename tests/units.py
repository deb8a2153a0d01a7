"""What AWS bills for one of each thing, counted at the seam from calls and item sizes (``meter``).

Everything runs against emulated tables. A piece of bulk work is measured at two sizes: the difference is what
one more friend costs, without what the work costs as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from chalicelib.accounts import service as accounts
from chalicelib.accounts.model import Account
from chalicelib.broadcasts import service as broadcasts
from chalicelib.catalog import service as catalog
from chalicelib.catalog.service import Write
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import aws, line, queues, seam
from chalicelib.local import resources
from chalicelib.reaction import service as engine
from chalicelib.reaction import workers
from chalicelib.segments import service as segments
from chalicelib.shared.settings import FIFO_QUEUES
from chalicelib.timers import arming
from chalicelib.timers import service as timers
from chalicelib.transfers import imports, uploads
from chalicelib.transfers.beginning import Wish
from tests import scenario_world as w
from tests.deliveries_builders import World, a_friend, an_account
from tests.meter import Meter
from tests.reaction_builders import DOCUMENTS, NOW, a_rule, an_event

Units = dict[str, float]
"""By the names of ``prices.json``: ``dynamodb_write``, ``sqs_fifo``, ``lambda_gb_second`` …"""

CALL_S, LINE_CALL_S, MEMORY_GB = 0.006, 0.12, 0.5
"""So long a function is busy with a call to AWS and its own work for it, or to LINE, with so much memory."""
SHOP = Account("shop", "Shop", "Asia/Tokyo", 8)
SHORT = "こんにちは。週末は新作の試着会です。"
STEPS: dict[str, Any] = {
    "start": "first",
    "nodes": {
        "first": w.message("m1", "pause"),
        "pause": w.wait("1h", "second"),
        "second": w.message("m2", "rest"),
        "rest": w.wait("1d", "third"),
        "third": w.message("m3"),
    },
}


def billed(meter: Meter) -> Units:
    """What a meter saw, by what is paid for. A message is sent, received, deleted, and starts a function."""
    fifo = {name.removesuffix(".fifo") for name in FIFO_QUEUES}
    sent = sum(meter.messages.values())
    aws_calls = sum(n for name, n in meter.calls.items() if not name.startswith("line:"))
    seconds = aws_calls * CALL_S + sum(
        n * LINE_CALL_S for name, n in meter.calls.items() if name.startswith("line:")
    )
    queued: Units = {"sqs_fifo": 0, "sqs_standard": 0}
    for name, requests in meter.requests.items():
        queued["sqs_fifo" if name in fifo else "sqs_standard"] += requests + 2 * meter.messages[name]
    return {
        "dynamodb_write": sum(meter.writes.values()),
        "dynamodb_read": sum(meter.reads.values()),
        **queued,
        "lambda_request": sent,
        "lambda_gb_second": seconds * MEMORY_GB,
    }


def per_unit(small: Units, large: Units, more: int) -> Units:
    """What one more costs, of two sizes that differ by so many: nothing, where only the many asked less."""
    return {name: max(0.0, large[name] - small[name]) / more for name in large}


def plus(*parts: Units) -> Units:
    """All of it together."""
    return {name: sum(part.get(name, 0) for part in parts) for name in {k for part in parts for k in part}}


def times(units: Units, n: float) -> Units:
    """So many of it."""
    return {name: value * n for name, value in units.items()}


@contextmanager
def emulated() -> Iterator[None]:
    """An AWS of its own, with our tables, queues and buckets."""
    with mock_aws():
        aws.forget_clients()
        resources.create_tables()
        resources.create_queues()
        resources.create_buckets()
        arming.known.client = None
        yield
    aws.forget_clients()


ENDPOINT: Units = {"api_request": 1, "lambda_request": 1, "lambda_gb_second": 0.02 * 0.25, "sqs_fifo": 3}
"""A webhook of one event, until a worker has it: the endpoint, its function, the message in the inbox."""


def an_answer_from_line(meter: Meter) -> seam.Guard:
    """The meter, with LINE and the clock answered."""

    def guard(name: str, detail: Any, call: Callable[[], Any]) -> Any:
        def answered() -> Any:
            if name.startswith("line:"):
                return line.Answer(200)
            return NOW if name == "clock:now" else call()

        return meter.guard(name, detail, answered)

    return guard


def events() -> dict[str, Units]:
    """A message that matches no rule, and one that adds a tag and points and is replied to."""
    then = [
        {"add_tag": "vip"},
        {"add_score": {"score": "interest", "points": 1}},
        {"reply": {"message": "hello"}},
    ]
    meter, found = Meter(), {}
    with emulated(), seam.guarded(an_answer_from_line(meter)):
        credentials = {"channel_secret": "s", "channel_access_token": "t"}
        accounts.put_account(Account("shop", "店", "Asia/Tokyo", 64), credentials, shards=64, by="bench")
        writes = [Write(kind, name, body) for kind, docs in DOCUMENTS.items() for name, body in docs.items()]
        writes.append(Write("rules", "keen", a_rule(then=then, match={"text": "好き"})))
        catalog.save("shop", writes, lambda _: None, "bench")
        account = accounts.get_account("shop")
        program = engine.program_for(account)
        engine.react(an_event("followed", is_unblocked=False), account, program)
        for name, text in (("event", "やあ"), ("event_reply", "好き")):
            engine.react(an_event(text=text, id=f"{text}0"), account, program)  # the first warms up
            meter.clear()
            engine.react(an_event(text=text, id=f"{text}1"), account, program)
            found[name] = plus(ENDPOINT, {"lambda_request": 1}, billed(meter))
    return found


def steps(friends: int) -> tuple[Units, Units]:
    """So many friends enter a scenario, and are due at its second message in one second: (all, all)."""
    users = [f"U{n:032x}" for n in range(friends)]
    meter = Meter()
    with emulated(), w.a_world() as world:
        meter = Meter(with_receipts(world))
        w.put_messages(m1=SHORT, m2=SHORT, m3=SHORT)
        w.put_friends(*users)
        w.publish(**STEPS)
        with seam.guarded(meter.guard):
            w.enroll(*users)
            entered = billed(meter)
            world.run(timedelta(minutes=40), sweep=False)
            meter.clear()
            world.run(timedelta(minutes=40), sweep=False)
        assert len(world.sends) == 2 * friends
    return entered, billed(meter)


def with_receipts(world: w.World) -> seam.Guard:
    """The world's guard; what it does not carry out itself, the jobs of receipts, is carried out too."""
    handle = world.handle

    def and_receipts(queue: str, body: dict[str, Any], received: int = 1) -> None:
        if body.get("job") == "receipts":
            deliveries.write_receipts(body["account"], body["run"], body["chunk"])
        else:
            handle(queue, body, received)

    world.handle = and_receipts  # type: ignore[method-assign]
    return world.guard


def broadcast(message: str, friends: int) -> Units:
    """One broadcast to everybody, from /send until each timeline tells of it."""
    world = World()
    world.receipts = True
    meter = Meter(world.guard)
    ours = patch.multiple(timers, arm=world.arm, watch=world.watch)
    with emulated(), ours, seam.guarded(meter.guard):
        an_account(SHOP)
        for n in range(friends):
            a_friend(f"U{n:032x}", SHOP)
        body = {"name": message, "audience": {"everyone": True}, "message": message}
        broadcasts.put(SHOP.id, "b", body, None, "bench")
        meter.clear()
        broadcasts.send(SHOP.id, "b", "bench")
        world.run(until=timedelta(minutes=1))
        assert broadcasts.get(SHOP.id, "b")["status"] == "done"
        assert meter.recipients == friends
        return billed(meter)


def counting(friends: int) -> Units:
    """Counting who has a tag."""
    meter = Meter()
    with emulated(), seam.guarded(an_answer_from_line(meter)):
        an_account(SHOP)
        for n in range(friends):
            a_friend(f"U{n:032x}", SHOP, tags=["vip"])
        meter.clear()
        assert segments.count(SHOP.id, {"tag": "vip"}, NOW).low == friends
        return billed(meter)


def importing(rows: int) -> Units:
    """New friends from a file, each with a name and a tag."""
    meter = Meter()
    lines = "".join(f"U{n:032x},客 {n},vip\r\n" for n in range(rows))
    with emulated(), seam.guarded(an_answer_from_line(meter)):
        an_account(SHOP)
        meter.clear()
        file = uploads.inline(f"user_id,display_name,tags\r\n{lines}".encode())
        imports.start(SHOP.id, file, Wish("bench"))
        while bodies := _waiting("bulk"):
            for body in bodies:
                assert not workers.bulk(_record(body), None)["batchItemFailures"]
        return billed(meter)


def _waiting(queue: str) -> list[dict[str, Any]]:
    """Some of the messages that wait in a queue, taken out of it."""
    sqs, url = aws.client("sqs"), queues.url(queue)
    found = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    for message in found:
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return [json.loads(message["Body"]) for message in found]


def _record(body: dict[str, Any]) -> dict[str, Any]:
    """A message as Lambda hands it over."""
    own = {"messageId": "m", "receiptHandle": "h", "body": json.dumps(body), "messageAttributes": {}}
    source = {"eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:ap-northeast-1:1:q"}
    attributes = {
        "attributes": {"ApproximateReceiveCount": "1"},
        "md5OfBody": "",
        "awsRegion": "ap-northeast-1",
    }
    return {"Records": [own | source | attributes]}


def idle_minute() -> Units:
    """The sweep of a minute in which nothing is due."""
    with emulated(), w.a_world() as world:
        meter = Meter(world.guard)
        world.run(timedelta(minutes=5))
        with seam.guarded(meter.guard):
            world.run(timedelta(minutes=10))
    return plus(times(billed(meter), 1 / 10), {"lambda_request": 1})


def measured(friends: int = 100) -> dict[str, Units]:
    """One of each thing, counted with so many friends, and with as many more."""
    few, many, n = steps(friends), steps(2 * friends), friends
    runs = {what: [broadcast(what, size) for size in (5 * n, 15 * n)] for what in ("news", "dear")}
    return {
        **events(),
        "enrolment": per_unit(few[0], many[0], n),
        "step": per_unit(few[1], many[1], n),
        "step_alone": steps(1)[1],
        "broadcast": runs["news"][0],
        "recipient": per_unit(*runs["news"], more=10 * n),
        "recipient_own": per_unit(*runs["dear"], more=10 * n),
        "row": per_unit(importing(n), importing(2 * n), n),
        "counted": per_unit(counting(n), counting(3 * n), 2 * n),
        "idle_minute": idle_minute(),
    }
