"""What a friend has received, in a small item beside the sheet: ``account#shard#beside`` / ``user_id``.

DynamoDB bills an update by the size of the whole item, and receipts change with every message; on the sheet
they would cost as much as the sheet is large. Here each delivery has one attribute (``d:<broadcast or
scenario>``, the time in milliseconds). Whoever reads a sheet for a decision reads both and finds on it
``received`` (``{"<broadcast or scenario>": {"at"}}``). So a condition stays a pure function of one sheet and
the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.gateways import aws
from chalicelib.gateways.dynamo import try_write
from chalicelib.gateways.expressions import Condition, Expression
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.settings import settings
from chalicelib.shared.times import from_ms, iso, parse_iso, to_ms
from chalicelib.sheets.model import erased_at

KEPT, KEPT_FOR = 100, timedelta(days=400)
"""A friend's newest receipts are kept, at most so many and so long."""
SUFFIX, _RECEIVED = "#beside", "d:"


def key(account: str, shards: int, user: str) -> dict[str, Any]:
    """The key of what is stored beside a friend's sheet."""
    return {"pk": {"S": f"{account}#{friend_shard(user, shards)}{SUFFIX}"}, "sk": {"S": user}}


def is_beside(item: Mapping[str, Any]) -> bool:
    """Whether a raw item of the table is stored beside a sheet, and is none."""
    return bool(item["pk"]["S"].endswith(SUFFIX))


def put_on(sheet: Sheet, item: Mapping[str, Any] | None) -> None:
    """Let a sheet show what is stored beside it, of the time since anything of an earlier life was erased."""
    if sheet["status"] == "erased":
        return
    since, received = erased_at(sheet), {**(sheet.get("received") or {})}
    for name, value in (item or {}).items():
        if name.startswith(_RECEIVED) and (at := _timestamp(value)) > since:
            received[name.removeprefix(_RECEIVED)] = {"at": at}
    sheet["received"] = received


def _timestamp(value: Mapping[str, Any]) -> str:
    return iso(from_ms(int(value["N"])))


def put_on_page(account: str, shard: int, sheets: Sequence[Sheet], *, consistent: bool = False) -> None:
    """The same for sheets of one shard that follow each other in the order of user ids."""
    items = page(account, shard, [sheet["user_id"] for sheet in sheets], consistent=consistent)
    for sheet in sheets:
        put_on(sheet, items.get(sheet["user_id"]))


def page(
    account: str, shard: int, users: Sequence[str], *, consistent: bool = False
) -> dict[str, Mapping[str, Any]]:
    """What is stored beside the sheets of one shard's friends who follow each other: raw items by user id."""
    if not users:
        return {}
    request: dict[str, Any] = {
        "TableName": settings().table("friends"),
        "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
        "ExpressionAttributeValues": {
            ":pk": {"S": f"{account}#{shard}{SUFFIX}"},
            ":first": {"S": users[0]},
            ":last": {"S": users[-1]},
        },
        "ConsistentRead": consistent,
    }
    items: dict[str, Mapping[str, Any]] = {}
    while True:
        answer = aws.client("dynamodb").query(**request)
        items.update((item["sk"]["S"], item) for item in answer["Items"])
        if "LastEvaluatedKey" not in answer:
            return items
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def note(account: str, shards: int, user: str, delivery: str, at: str) -> list[str]:
    """Keep a receipt unless there is a later one of the delivery; returns the deliveries that had to go."""
    name, timestamp = _RECEIVED + delivery, to_ms(parse_iso(at))
    later = [Condition((name,), "absent"), Condition((name,), "<", timestamp)]
    kept = _update(key(account, shards, user), [((name,), timestamp)], [], [later])
    receipts = [(int(v["N"]), one) for one, v in (kept or {}).items() if one.startswith(_RECEIVED)]
    if len(receipts) <= KEPT:
        return []
    oldest = to_ms(parse_iso(at) - KEPT_FOR)
    by_age = sorted(receipts)
    gone = [(when, one) for n, (when, one) in enumerate(by_age) if n < len(by_age) - KEPT or when < oldest]
    for when, one in gone:
        _remove(key(account, shards, user), one, Condition((one,), "=", when))
    return [one.removeprefix(_RECEIVED) for _, one in gone]


def forget(account: str, shards: int, user: str, until: str | None) -> None:
    """Forget what is stored beside a friend's sheet up to a time; with None all of it. Safe to repeat."""
    dynamodb, place = aws.client("dynamodb"), key(account, shards, user)
    if until is None:
        dynamodb.delete_item(TableName=settings().table("friends"), Key=place)
        return
    answer = dynamodb.get_item(TableName=settings().table("friends"), Key=place, ConsistentRead=True)
    last = to_ms(parse_iso(until))
    for name, value in answer.get("Item", {}).items():
        if name.startswith(_RECEIVED) and int(value["N"]) <= last:
            _remove(place, name, Condition((name,), "=", int(value["N"])))


def _remove(place: dict[str, Any], name: str, unchanged: Condition) -> None:
    """Take something away, unless something later has replaced it."""
    _update(place, [], [(name,)], [unchanged])


def _update(
    place: dict[str, Any],
    sets: Sequence[tuple[tuple[str, ...], Any]],
    removes: Sequence[tuple[str, ...]],
    conditions: Sequence[Condition | Sequence[Condition]],
) -> Mapping[str, Any] | None:
    """The item as it is after the update; None: a condition did not hold."""
    expression = Expression()
    answer = try_write(
        "update_item",
        "friends",
        Key=place,
        UpdateExpression=expression.update(sets, removes),
        ConditionExpression=expression.condition(conditions),
        ExpressionAttributeNames=expression.names,
        ExpressionAttributeValues=expression.values,
        ReturnValues="ALL_NEW",
    )
    return None if answer is None else answer["Attributes"]
