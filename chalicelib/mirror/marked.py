"""Sheets as they are in the table, each with its mark."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.events.sheet import Sheet
from chalicelib.friends import marks
from chalicelib.friends import service as friends
from chalicelib.gateways.dynamo import batch_get, query_page
from chalicelib.shared.ids import friend_shard
from chalicelib.shared.settings import settings

UNMARKED = frozenset({"received", "clicked"})
"""What changes with messages, and leaves no mark: who needs it asks the table."""


def is_marked(needs: Iterable[str]) -> bool:
    """Whether all that a condition needs leaves marks. At which node of a scenario somebody is does not:
    the enrollment alone says it.
    """
    return marks.MARKED.issuperset(needs)


@dataclass(frozen=True)
class Marked:
    """A sheet with its mark (None: written before there were marks)."""

    sheet: Sheet
    shard: int
    mark: str | None


Versions = dict[str, str]
"""For each user id the mark."""


def changed(account: str, shards: Collection[int], between: marks.Range) -> Versions:
    """Whose mark is in a range. Read consistently."""
    return marks.changed((friends.partition(account, shard) for shard in shards), between)


def load(account: str, shards: int, users: Iterable[str]) -> dict[str, Marked]:
    """The sheets of those users that are known and not erased, read consistently."""
    items = batch_get("friends", [friends.key(account, shards, user) for user in users])
    found = (
        _marked(item, friend_shard(item["sk"]["S"], shards)) for item in items if item["status"] != _ERASED
    )
    return {one.sheet["user_id"]: one for one in found}


def shard_pages(account: str, shard: int) -> Iterator[list[Marked]]:
    """Every living friend of a shard, page by page, read consistently."""
    request: dict[str, Any] = {
        "TableName": settings().table("friends"),
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": friends.partition(account, shard)}},
        "ConsistentRead": True,
    }
    while True:
        items, last = query_page(request)
        yield [_marked(item, shard) for item in items if item["status"] != _ERASED]
        if last is None:
            return
        request["ExclusiveStartKey"] = last


_ERASED = {"S": "erased"}


def _marked(item: Mapping[str, Any], shard: int) -> Marked:
    found = item.get(marks.NAME)
    return Marked(friends.to_sheet(dict(item)), shard, str(found["S"]) if found else None)
