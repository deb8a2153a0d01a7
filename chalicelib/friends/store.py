"""Fact sheets in DynamoDB: ``account#shard`` / ``user_id``. An existing item is only ever updated by path.

Raw items of the low-level client: sheets are read by the thousand, and written by document path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from chalicelib.friends.expressions import Condition, Expression
from chalicelib.friends.model import Sheet, erased_at
from chalicelib.friends.paths import Path, changed_paths
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, to_av
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.settings import settings

__all__ = [
    "ERASED",
    "Condition",
    "create_or_update",
    "erase",
    "heard_of",
    "load",
    "load_many",
    "note_handed_over",
    "partition",
    "update_paths",
]

ERASED = "9999"
"""After every moment."""
_EXISTS = Condition(("pk",), "exists")
_NEW = Condition(("pk",), "absent")


def partition(account: str, shard: int) -> str:
    """The partition key of a shard of an account's friends."""
    return f"{account}#{shard}"


def load(account: str, shards: int, user_id: str) -> Sheet | None:
    """A friend's sheet, read consistently; None when never seen. May be a tombstone (status erased)."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("friends"), Key=_key(account, shards, user_id), ConsistentRead=True
    )
    return to_sheet(answer["Item"]) if "Item" in answer else None


def load_many(account: str, shards: int, user_ids: Iterable[str]) -> dict[str, Sheet]:
    """The sheets of those user ids that are known, read consistently."""
    keys = [_key(account, shards, user) for user in dict.fromkeys(user_ids)]
    return {sheet["user_id"]: sheet for sheet in map(to_sheet, batch_get("friends", keys))}


def heard_of(account: str, shards: int, user_ids: Iterable[str]) -> dict[str, str]:
    """Of those user ids that are known: the moment before which nothing is theirs, because it was erased
    (empty: never erased; ``ERASED``: they are erased now). Read consistently.
    """
    keys = [_key(account, shards, user) for user in dict.fromkeys(user_ids)]
    found = map(to_sheet, batch_get("friends", keys, ("status", "erased_at")))
    return {s["user_id"]: ERASED if s["status"] == "erased" else erased_at(s) for s in found}


def moments(account: str, shards: int, user_ids: Iterable[str]) -> dict[str, str | None]:
    """The ``moment`` of those user ids that are known. Read consistently."""
    keys = [_key(account, shards, user) for user in dict.fromkeys(user_ids)]
    found = map(to_sheet, batch_get("friends", keys, ("moment",)))
    return {sheet["user_id"]: sheet.get("moment") for sheet in found}


def batch_get(
    table: str, keys: Sequence[dict[str, Any]], attributes: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The raw items of these keys (any number, no order), read consistently; besides the keys only these
    attributes, if any are named.
    """
    name, dynamodb, found = settings().table(table), aws.client("dynamodb"), []
    names = {f"#a{n}": attribute for n, attribute in enumerate(("pk", "sk", *attributes))}
    only = {"ProjectionExpression": ",".join(names), "ExpressionAttributeNames": names} if attributes else {}
    waiting = list(keys)
    while waiting:
        batch, waiting = waiting[:100], waiting[100:]
        request = {"Keys": batch, "ConsistentRead": True, **only}
        answer = dynamodb.batch_get_item(RequestItems={name: request})
        found += answer["Responses"].get(name, [])
        unread = answer.get("UnprocessedKeys", {}).get(name, {}).get("Keys", [])
        if unread:
            clock.sleep(0.05)
            waiting = unread + waiting
    return found


def read_all(account: str, shard: int) -> Iterator[Sheet]:
    """Every sheet of a shard, tombstones aside, page by page (for exports)."""
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("friends"),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": partition(account, shard)}},
        )
    )
    for page in pages:
        for item in page["Items"]:
            if item["status"] != {"S": "erased"}:
                yield to_sheet(item)


def create_or_update(
    account: str, shards: int, user_id: str, before: Sheet | None, after: Sheet, rev_seen: int | None
) -> bool:
    """Write the difference between ``before`` and ``after`` in one UpdateItem; False if somebody was faster.

    ``before`` None: the item is new and must be absent. Otherwise its ``rev`` must still be ``rev_seen``.
    On success ``after["rev"]`` is the new revision.
    """
    rev = 1 if before is None else (rev_seen or 0) + 1
    if before is None:
        item = {k: v for k, v in after.items() if k not in {"account", "user_id"}} | {"rev": rev}
        if not _put_new(_key(account, shards, user_id) | {name: to_av(v) for name, v in item.items()}):
            return False
    else:
        sets, removes = changed_paths(before, after)
        expression = Expression()
        update = expression.update([*sets, (("rev",), rev)], removes)
        unchanged = Condition(("rev",), "=", rev_seen)
        if not _update(_key(account, shards, user_id), expression, update, [_EXISTS, unchanged]):
            return False
    after["rev"] = rev
    return True


def update_paths(
    account: str,
    shards: int,
    user_id: str,
    sets: Sequence[tuple[Path, Any]] = (),
    removes: Sequence[Path] = (),
    conditions: Sequence[Condition | Sequence[Condition]] = (),
    *,
    adds: Sequence[tuple[Path, Any]] = (),
    deletes: Sequence[tuple[Path, Any]] = (),
) -> bool:
    """Write paths of an existing sheet that belong to another room; ``rev`` stays unless it is added to.

    False when the friend is unknown or erased, or a condition does not hold (all of them must; a sequence
    among them holds when one of it does). ``adds``/``deletes``: numbers, or members of sets (as a ``set``).
    """
    living = Condition(("status",), "<>", "erased")
    expression = Expression()
    update = expression.update(sets, removes, adds, deletes)
    return _update(_key(account, shards, user_id), expression, update, [_EXISTS, living, *conditions])


def erase(
    account: str,
    shards: int,
    user_id: str,
    at: str,
    keep: Callable[[Sheet], dict[str, Any]] = lambda _: {},
) -> bool:
    """Leave a tombstone: nothing of the friend but the fact that it was erased, and what ``keep`` makes of
    the sheet. False when never seen.
    """
    dynamodb = aws.client("dynamodb")
    while (sheet := load(account, shards, user_id)) is not None:
        tombstone = {"status": "erased", "status_at": at, "created_at": at, "erased_at": at}
        tombstone |= {"rev": sheet["rev"] + 1, **keep(sheet)}
        expression = Expression()
        try:
            dynamodb.put_item(
                TableName=settings().table("friends"),
                Item=_key(account, shards, user_id) | {k: to_av(v) for k, v in tombstone.items()},
                ConditionExpression=expression.condition([Condition(("rev",), "=", sheet["rev"])]),
                ExpressionAttributeNames=expression.names,
                ExpressionAttributeValues=expression.values,
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            continue
        return True
    return False


def note_handed_over(account: str, shards: int, user_id: str, names: Sequence[Any]) -> None:
    """Take these names, unless they are others by now, from an erased friend's ``handing_over``."""
    expression, path = Expression(), ("handing_over",)
    update = expression.update([], [path])
    _update(_key(account, shards, user_id), expression, update, [Condition(path, "=", list(names))])


def to_sheet(item: dict[str, Any]) -> Sheet:
    """A raw item as a sheet: the keys as ``account`` and ``user_id``."""
    sheet = plain_item(item)
    sheet["account"] = sheet.pop("pk").rpartition("#")[0]
    sheet["user_id"] = sheet.pop("sk")
    return sheet


def _key(account: str, shards: int, user_id: str) -> dict[str, Any]:
    return {"pk": {"S": partition(account, friend_shard(user_id, shards))}, "sk": {"S": user_id}}


def _put_new(item: dict[str, Any]) -> bool:
    dynamodb = aws.client("dynamodb")
    expression = Expression()
    try:
        dynamodb.put_item(
            TableName=settings().table("friends"),
            Item=item,
            ConditionExpression=expression.condition([_NEW]),
            ExpressionAttributeNames=expression.names,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _update(
    key: dict[str, Any],
    expression: Expression,
    update: str,
    conditions: Sequence[Condition | Sequence[Condition]],
) -> bool:
    dynamodb = aws.client("dynamodb")
    request: dict[str, Any] = {
        "TableName": settings().table("friends"),
        "Key": key,
        "UpdateExpression": update,
        "ConditionExpression": expression.condition(conditions),
        "ExpressionAttributeNames": expression.names,
    }
    if expression.values:
        request["ExpressionAttributeValues"] = expression.values
    try:
        dynamodb.update_item(**request)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True
