"""The timeline: one activity per event of a friend, and per message it was sent, listed by time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import batch_get, to_av, write_if
from chalicelib.gateways.expressions import Condition, Expression, update_if
from chalicelib.shared.errors import Conflict
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.timeline.items import SENT, Activity, from_item, key, sort_key, to_item
from chalicelib.timeline.reading import events, find_message, pages, recent, sent_lines
from chalicelib.timeline.unsend import Answer, without_answers, without_message

__all__ = [
    "SENT",
    "Activity",
    "correct_effect",
    "delete",
    "events",
    "existing",
    "find",
    "find_each",
    "find_many",
    "find_message",
    "pages",
    "put",
    "put_all",
    "recent",
    "replace_failed",
    "sent_lines",
    "sort_key",
    "take_back",
    "take_back_answers",
]

_ATTEMPTS = 10
_NEW = Condition(("pk",), "absent")
_FAILED = Condition(("state",), "=", "failed")


def find(account: str, user: str, event_id: str) -> Activity | None:
    """The activity of an event, read consistently; None when the event is not yet complete."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("activities"), Key=key(account, user, event_id), ConsistentRead=True
    )
    return from_item(answer["Item"]) if "Item" in answer else None


def find_many(account: str, user: str, event_ids: Sequence[str]) -> dict[str, Activity]:
    """The activities of those events that are complete, by event id; read consistently, in one call."""
    if len(event_ids) == 1:
        one = find(account, user, event_ids[0])
        return {event_ids[0]: one} if one else {}
    items = batch_get("activities", [key(account, user, event_id) for event_id in event_ids])
    return {activity["event_id"]: activity for activity in map(from_item, items)}


def find_each(names: Sequence[tuple[str, str, str]]) -> dict[tuple[str, str], Activity]:
    """The activities of these ``(account, user, event id)``, by user and event id; read consistently."""
    found = map(from_item, batch_get("activities", [key(*name) for name in dict.fromkeys(names)]))
    return {(one["user_id"], one["event_id"]): one for one in found}


def existing(names: Sequence[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """Which of these ``(account, user, sort key)`` have an activity, ``failed`` or not."""
    found = batch_get("activities", [key(*name) for name in dict.fromkeys(names)], ("type",))
    return {(item["pk"]["S"].partition("#")[2], item["sk"]["S"]) for item in found}


def put(activity: Activity) -> bool:
    """Keep a complete activity; False when there is one of this event already (it stays as it is)."""
    return _put(activity, _NEW)


def put_all(found: Sequence[Activity]) -> None:
    """Keep complete activities, 25 in a call, over whatever is stored: whoever writes sees to it that it is
    the same (a batch has no conditions).
    """
    _write([{"PutRequest": {"Item": to_item(activity)}} for activity in found])


def delete(names: Sequence[tuple[str, str, str]]) -> None:
    """Delete these ``(account, user, sort key)``, if they are there."""
    _write([{"DeleteRequest": {"Key": key(*name)}} for name in names])


def _write(requests: Sequence[dict[str, Any]]) -> None:
    table, waiting, pause = settings().table("activities"), list(requests), 0.05
    while waiting:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={table: waiting[:25]})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        waiting = left + waiting[25:]
        if left:
            clock.sleep(pause)
            pause = min(pause * 2, 2.0)


def replace_failed(activity: Activity) -> bool:
    """Keep an activity over nothing or over one with ``state: failed``; False over a complete one."""
    return _put(activity, (_NEW, _FAILED))


def take_back(activity: Mapping[str, Any], at: str) -> None:
    """Remove what an unsent message said from the timeline."""
    _rewrite(activity, lambda read: without_message(read, at))


def take_back_answers(activity: Mapping[str, Any], answers: Collection[Answer], unsent_text: Any) -> None:
    """Remove from a later line of the timeline what an unsent message said as answers to forms."""
    _rewrite(activity, lambda read: without_answers(read, answers, unsent_text))


def _rewrite(activity: Mapping[str, Any], change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Write the parts that ``change`` makes of an activity, or of what has become of it meanwhile."""
    account, user, event_id = activity["account"], activity["user_id"], activity["event_id"]
    for _ in range(_ATTEMPTS):
        if _overwrite(activity, change(activity)):
            return
        found = find(account, user, event_id)
        if found is None:
            return
        activity = found
    raise Conflict(Reason("activity_busy", event=event_id, account=account))


def _overwrite(read: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
    """Write parts of an activity that is still as it was read; False when it is not, or is gone.

    ``edits`` counts what was changed after the activity stood, and is all that is compared of it.
    """
    expression = Expression()
    account, user, event_id = read["account"], read["user_id"], read["event_id"]
    conditions = [_still(read, "edits"), _still(read, "state")]
    sets = [((name,), value) for name, value in parts.items()]
    update = expression.update(sets, [], adds=[(("edits",), 1)])
    place = key(account, user, event_id)
    return update_if("activities", place, expression, update, [Condition(("pk",), "exists"), *conditions])


def _still(read: Mapping[str, Any], name: str) -> Condition:
    return Condition((name,), "=", read[name]) if name in read else Condition((name,), "absent")


def correct_effect(
    account: str, user: str, event_id: str, index: int, before: str, after: Mapping[str, Any]
) -> bool:
    """Set these fields (``status``, ``why`` …; None: taken away) of the effect at that place, if its status
    is ``before``. False when it is not.
    """
    effect = f"effects[{index}]"
    names = {"#status": "status"} | {f"#f{n}": name for n, name in enumerate(after)}
    fields = {name: value for name, value in after.items() if value is not None}
    sets = ", ".join(f"{effect}.#f{n} = :f{n}" for n, name in enumerate(after) if name in fields)
    removes = ", ".join(f"{effect}.#f{n}" for n, name in enumerate(after) if name not in fields)
    values = {f":f{n}": to_av(fields[name]) for n, name in enumerate(after) if name in fields}
    return write_if(
        "update_item",
        "activities",
        Key=key(account, user, event_id),
        UpdateExpression=f"SET {sets}{f' REMOVE {removes}' if removes else ''} ADD edits :one",
        ConditionExpression=f"{effect}.#status = :before",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={":before": to_av(before), ":one": to_av(1)} | values,
    )


def _put(activity: Activity, condition: Condition | tuple[Condition, ...]) -> bool:
    expression = Expression()
    request: dict[str, Any] = {
        "Item": to_item(activity),
        "ConditionExpression": expression.condition([condition]),
        "ExpressionAttributeNames": expression.names,
    }
    if expression.values:
        request["ExpressionAttributeValues"] = expression.values
    return write_if("put_item", "activities", **request)
