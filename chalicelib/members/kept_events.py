"""What was reported of a member, kept for whoever of their friends links later.

``<account>#EVENTS#<member>`` / a hash of the event's id: the event as a message, put if absent, so
that the first report counts. It is kept as long as the member is. Each friend gets each of them once, because
the reaction knows an event by friend and id.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import query_page, write_if
from chalicelib.members.model import member_of
from chalicelib.shared.events import FriendEvent, in_order
from chalicelib.shared.ids import digest
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_THREADS = 8


def keep(events: Sequence[FriendEvent]) -> list[FriendEvent]:
    """Keep events whose ``user_id`` is a member's addressee; returns each as it was reported first."""
    if not events:
        return []
    with ThreadPoolExecutor(_THREADS) as threads:
        return list(threads.map(_keep, events))


def of_member(account: str, member: str) -> list[FriendEvent]:
    """Everything that was reported of a member, in the order of its timestamps."""
    return in_order((_event(item) for item in _items(account, member)), lambda event: event.reported_at)


def for_friend(event: FriendEvent, user: str) -> FriendEvent:
    """The event as one of a friend of the member."""
    return replace(event, user_id=user)


def forget(account: str, member: str, until: str) -> list[FriendEvent]:
    """Keep nothing that was reported of a member up to a moment; returns what it was."""
    gone = [item for item in _items(account, member) if item["kept_at"]["S"] <= until]
    for item in gone:
        aws.client("dynamodb").delete_item(
            TableName=settings().table("members"), Key={name: item[name] for name in ("pk", "sk")}
        )
    return [_event(item) for item in gone]


def _keep(event: FriendEvent) -> FriendEvent:
    member = member_of(event.user_id) or ""
    dynamodb, table = aws.client("dynamodb"), settings().table("members")
    key = {"pk": {"S": _partition(event.account_id, member)}, "sk": {"S": digest(event.event_id)}}
    message = json.dumps(event.to_message(), ensure_ascii=False)
    fields = {"message": {"S": message}, "kept_at": {"S": iso(clock.now())}}
    if not write_if("put_item", "members", Item=key | fields, ConditionExpression="attribute_not_exists(pk)"):
        known = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True).get("Item")
        return _event(known) if known else event
    return event


def _items(account: str, member: str) -> Iterator[dict[str, Any]]:
    request: dict[str, Any] = {
        "TableName": settings().table("members"),
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": _partition(account, member)}},
        "ConsistentRead": True,
    }
    last: dict[str, Any] | None = {}
    while last is not None:
        items, last = query_page(request)
        yield from items
        request["ExclusiveStartKey"] = last


def _event(item: dict[str, Any]) -> FriendEvent:
    return FriendEvent.from_message(json.loads(item["message"]["S"]))


def _partition(account: str, member: str) -> str:
    return f"{account}#EVENTS#{digest(member)}"
