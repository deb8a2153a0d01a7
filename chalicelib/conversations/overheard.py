"""What is written where the account only listens: in groups and rooms, and when a message is edited.

LINE's unsending there names the message and the chat, not who wrote it. So each message has a record in
``activities``, ``OVERHEARD#<account>#<chat>`` / message id, put before the activity: on whose timeline its
versions are, and whether it was taken back. Whatever comes first, the message or its unsending, the other
finds the record. It is kept for 30 days, longer than any queue keeps a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, to_av
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.settings import settings
from chalicelib.sheets.unsent import LIFE
from chalicelib.timeline import service
from chalicelib.timeline.unsend import without_content

_SAYING = frozenset({"message", "messageEdited"})


def heard(event: FriendEvent) -> FriendEvent:
    """An event that is only recorded, as it may be kept: without its content when that was taken back."""
    message = event.props.get("message_id")
    if event.type.partition(":")[2] not in _SAYING or not message:
        return event
    where = {f"{event.user_id}\n{event.event_id}"}
    known = _update(event.account_id, _chat(event), message, "ADD event_keys :value", where)
    at = known.get("unsent_at")
    if at is None:
        return event
    return replace(event, props=without_content(event.props, at))


def is_unsending(event: FriendEvent) -> bool:
    """Whether an event that is only recorded takes a message back."""
    return event.type.partition(":")[2] == "unsend" and bool(event.props.get("message_id"))


def take_back(account: str, chat: str, message: str, at: str) -> None:
    """Keep nothing of the texts of a message and its edits in a chat, whoever wrote it."""
    known = _update(account, chat, message, "SET unsent_at = :value", at)
    for name in known.get("event_keys") or ():
        user, _, event_id = name.partition("\n")
        activity = service.find(account, user, event_id)
        if activity is not None and "unsent_at" not in (activity.get("props") or {}):
            service.take_back(activity, known["unsent_at"])


def forget(account: str, found: Iterable[Mapping[str, Any]]) -> None:
    """Drop the records of messages whose activities are erased."""
    for activity in found:
        props = activity.get("props") or {}
        if props.get("message_id") and activity["type"].partition(":")[2] in _SAYING:
            key = _key(account, props.get("chat") or activity["user_id"], props["message_id"])
            aws.client("dynamodb").delete_item(TableName=settings().table("activities"), Key=key)


def forget_chat(account: str, user: str) -> None:
    """Drop the records of what a friend took back, or edited, in the chat with the account."""
    request: dict[str, Any] = {
        "TableName": settings().table("activities"),
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": _key(account, user, "")["pk"]},
        "ProjectionExpression": "pk, sk",
        "ConsistentRead": True,
    }
    dynamodb = aws.client("dynamodb")
    for page in dynamodb.get_paginator("query").paginate(**request):
        for key in page["Items"]:
            dynamodb.delete_item(TableName=settings().table("activities"), Key=key)


def _chat(event: FriendEvent) -> str:
    return str(event.props.get("chat") or event.user_id)


def _key(account: str, chat: str, message: str) -> dict[str, Any]:
    return {"pk": {"S": f"OVERHEARD#{account}#{chat}"}, "sk": {"S": message}}


def _update(account: str, chat: str, message: str, change: str, value: Any) -> dict[str, Any]:
    """Change the record of a message, there or not; returns it as it is then."""
    first, _, rest = change.partition(" ")
    update = f"SET {rest}, expires_at = :until" if first == "SET" else f"SET expires_at = :until {change}"
    answer = aws.client("dynamodb").update_item(
        TableName=settings().table("activities"),
        Key=_key(account, chat, message),
        UpdateExpression=update,
        ExpressionAttributeValues={
            ":value": to_av(value),
            ":until": to_av(int((clock.now() + LIFE).timestamp())),
        },
        ReturnValues="ALL_NEW",
    )
    return plain_item(answer["Attributes"])
