"""Whose an order is: of the friend for whom its id was reported first, for good. ``control``, one item each.

The item is written before the order is put in a queue. Whoever dies in between has lost nothing: for the same
friend and event the order is still theirs to report. When the friend is erased the item keeps the order's
id, which is refused from then on, and no longer says whose it was: at once for the orders on their timeline
(``release``), in a job for those that never came so far (``forget``).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.events.kinds import type_of
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import batch_get, write_if
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_THREADS = 8


@dataclass(frozen=True)
class Holder:
    """Of whom, and under which event, an order was reported; ``user_id`` empty: they were erased."""

    user_id: str
    event_id: str


def order_id(event: FriendEvent) -> str | None:
    """The order that an event reports, or the id of the refund that it is."""
    named = event.props.get("order_id") if type_of(event.type).reports_order else None
    return named if isinstance(named, str) and named else None


def holders(account: str, order_ids: Sequence[str]) -> dict[str, Holder]:
    """The holders of those orders that have one, read consistently."""
    keys = [_key(account, order) for order in dict.fromkeys(order_ids)]
    return {item["sk"]["S"]: _holder(item) for item in batch_get("control", keys)}


def claim(account: str, wanted: dict[str, Holder]) -> dict[str, Holder]:
    """Give every order its holder unless it has one; returns who holds each."""
    found = holders(account, list(wanted))
    missing = [order for order in wanted if order not in found]
    at = iso(clock.now())
    with ThreadPoolExecutor(_THREADS) as threads:
        put = threads.map(lambda order: _put(account, order, wanted[order], at), missing)
        lost = [order for order, is_ours in zip(missing, put, strict=True) if not is_ours]
    return wanted | found | (holders(account, lost) if lost else {})


def are_there(account: str) -> bool:
    """Whether any order was ever reported, that of somebody who was erased included."""
    dynamodb = aws.client("dynamodb")

    def is_there(partition: str) -> bool:
        answer = dynamodb.query(
            TableName=settings().table("control"),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition}},
            ConsistentRead=True,
            Select="COUNT",
            Limit=1,
        )
        return bool(answer["Count"])

    with ThreadPoolExecutor(_THREADS) as threads:
        return any(threads.map(is_there, _partitions(account)))


def release(account: str, user: str, order_ids: Sequence[str]) -> None:
    """A friend was erased: their orders no longer say whose they were. Safe to repeat."""
    for order in dict.fromkeys(order_ids):
        write_if(
            "update_item",
            "control",
            Key=_key(account, order),
            UpdateExpression="REMOVE user_id, event_id",
            ConditionExpression="user_id = :user",
            ExpressionAttributeValues={":user": {"S": user}},
        )


def forget(account: Account, user: str, until: str) -> None:
    """Keep no order of an erased friend that was reported up to a time, whatever became of it.

    Reads all orders of the account, about 150 bytes each: one whose process died before the queue is on no
    timeline, and a list of them by friend would cost every report a write.
    """
    with ThreadPoolExecutor(_THREADS) as threads:
        for found in threads.map(lambda partition: _held(partition, user, until), _partitions(account.id)):
            release(account.id, user, found)


def _held(partition: str, user: str, until: str) -> list[str]:
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("control"),
            KeyConditionExpression="pk = :pk",
            FilterExpression="user_id = :user AND claimed_at <= :until",
            ExpressionAttributeValues={":pk": {"S": partition}, ":user": {"S": user}, ":until": {"S": until}},
            ProjectionExpression="sk",
            ConsistentRead=True,
        )
    )
    return [item["sk"]["S"] for page in pages for item in page["Items"]]


def _put(account: str, order: str, holder: Holder, at: str) -> bool:
    item = {"user_id": holder.user_id, "event_id": holder.event_id, "claimed_at": at}
    return write_if(
        "put_item",
        "control",
        Item=_key(account, order) | {name: {"S": value} for name, value in item.items()},
        ConditionExpression="attribute_not_exists(pk)",
    )


def _holder(item: dict[str, Any]) -> Holder:
    return Holder(*(item.get(name, {"S": ""})["S"] for name in ("user_id", "event_id")))


def _key(account: str, order: str) -> dict[str, Any]:
    # 256 partitions per account: orders come by the thousand.
    return {"pk": {"S": _partition(account, digest(order)[:2])}, "sk": {"S": order}}


def _partitions(account: str) -> list[str]:
    return [_partition(account, f"{n:02x}") for n in range(256)]


def _partition(account: str, part: str) -> str:
    return f"{account}#ORDER#{part}"
