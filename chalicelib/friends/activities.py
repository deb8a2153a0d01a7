"""The timeline: one activity per event of a friend, ``account#user_id`` / ``event_id``, listed by time."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from chalicelib.friends.expressions import Condition, Expression
from chalicelib.friends.store import batch_get
from chalicelib.friends.taken_back import Answer, without_content
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, to_av
from chalicelib.shared.errors import Conflict
from chalicelib.shared.settings import settings

SENT = "sent"
"""The type of lines that say what was sent to a friend: records of ours, never events to react to."""
_ATTEMPTS = 10
_NEW = Condition(("pk",), "absent")
_FAILED = Condition(("state",), "=", "failed")


def find(account: str, user: str, event_id: str) -> dict[str, Any] | None:
    """The activity of an event, read consistently; None when the event is not yet complete."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("activities"), Key=_key(account, user, event_id), ConsistentRead=True
    )
    return _activity(answer["Item"]) if "Item" in answer else None


def find_many(account: str, user: str, event_ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The activities of those events that are complete, by event id; read consistently, in one call."""
    if len(event_ids) == 1:
        one = find(account, user, event_ids[0])
        return {event_ids[0]: one} if one else {}
    items = batch_get("activities", [_key(account, user, event_id) for event_id in event_ids])
    return {activity["event_id"]: activity for activity in map(_activity, items)}


def existing(names: Sequence[tuple[str, str, str]]) -> set[tuple[str, str]]:
    """Which of these ``(account, user, event_id)`` have an activity, ``failed`` or not."""
    found = batch_get("activities", [_key(*name) for name in dict.fromkeys(names)], ("type",))
    return {(item["pk"]["S"].partition("#")[2], item["sk"]["S"]) for item in found}


def put(activity: dict[str, Any]) -> bool:
    """Keep a complete activity; False when there is one of this event already (it stays as it is)."""
    return _put(activity, _NEW)


def put_all(found: Sequence[dict[str, Any]]) -> None:
    """Keep complete activities, 25 in a call, over whatever stands: whoever writes sees to it that it is the
    same (a batch has no conditions).
    """
    _write([{"PutRequest": {"Item": _item(activity)}} for activity in found])


def delete(names: Sequence[tuple[str, str, str]]) -> None:
    """Delete these ``(account, user, event_id)``, if they are there."""
    _write([{"DeleteRequest": {"Key": _key(*name)}} for name in names])


def _write(requests: Sequence[dict[str, Any]]) -> None:
    table, waiting, pause = settings().table("activities"), list(requests), 0.05
    while waiting:
        answer = aws.client("dynamodb").batch_write_item(RequestItems={table: waiting[:25]})
        left = answer.get("UnprocessedItems", {}).get(table, [])
        waiting = left + waiting[25:]
        if left:
            clock.sleep(pause)
            pause = min(pause * 2, 2.0)


def replace_failed(activity: dict[str, Any]) -> bool:
    """Keep an activity over nothing or over one with ``state: failed``; False over a complete one."""
    return _put(activity, (_NEW, _FAILED))


def recent(
    account: str,
    user: str,
    limit: int,
    cursor: dict[str, Any] | None = None,
    *,
    consistent: bool = False,
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Newest first: ``(activities, the cursor of the next page or None)``."""
    request: dict[str, Any] = {
        "TableName": settings().table("activities"),
        "IndexName": "by_at",
        "KeyConditionExpression": "pk = :pk",
        "ExpressionAttributeValues": {":pk": {"S": f"{account}#{user}"}},
        "ScanIndexForward": False,
        "Limit": limit,
        "ConsistentRead": consistent,
    }
    if cursor:
        request["ExclusiveStartKey"] = _key(account, user, cursor["event_id"]) | {"at": {"S": cursor["at"]}}
    answer = aws.client("dynamodb").query(**request)
    order = [(item["at"]["S"], item["sk"]["S"]) for item in answer["Items"]]
    found = {
        item["sk"]["S"]: _activity(item)
        for item in batch_get("activities", [_key(account, user, event_id) for _, event_id in order])
    }
    last = answer.get("LastEvaluatedKey")
    following = {"at": last["at"]["S"], "event_id": last["sk"]["S"]} if last else None
    return [found[event_id] for _, event_id in order if event_id in found], following


def find_message(
    account: str, user: str, message_id: str, since: str
) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
    """The activity of a friend's message, and those after it, oldest first; looked for from ``since`` on."""
    later: list[dict[str, Any]] = []
    cursor: dict[str, Any] | None = None
    while True:
        page, cursor = recent(account, user, 50, cursor)
        for activity in page:
            props = activity.get("props") or {}
            if activity["type"] == "messaged" and props.get("message_id") == message_id:
                return activity, later[::-1]
            later.append(activity)
        if cursor is None or (page and page[-1]["at"] < since):
            return None


def take_back(activity: Mapping[str, Any], at: str) -> None:
    """Remove what an unsent message said from the timeline."""
    _rewrite(activity, lambda read: without_message(read, at))


def without_message(activity: Mapping[str, Any], at: str) -> dict[str, Any]:
    """The parts of a ``messaged`` activity that may say what the message said, without that. Pure."""
    props = activity.get("props") or {}
    said = props.get("text")
    parts: dict[str, Any] = {"props": without_content(props, at)}
    for name in ("rules", "changes", "effects"):
        parts[name] = [_unsaid(line, said) for line in activity.get(name) or ()]
    given = answered_by(activity)
    return parts | {"changes": [_unanswered(change, given) for change in parts["changes"]]}


def take_back_answers(activity: Mapping[str, Any], answers: Collection[Answer], said: Any) -> None:
    """Remove from a later line of the timeline what an unsent message said as answers to forms."""
    _rewrite(activity, lambda read: without_answers(read, answers, said))


def without_answers(activity: Mapping[str, Any], answers: Collection[Answer], said: Any) -> dict[str, Any]:
    """The parts of an activity that tell of a form's end, without these answers and their text. Pure."""
    parts = {
        name: [_unsaid(line, said) for line in activity.get(name) or ()]
        for name in ("rules", "changes", "effects")
    }
    return parts | {"changes": [_unanswered(change, answers) for change in parts["changes"]]}


def answered_by(activity: Mapping[str, Any]) -> set[Answer]:
    """The form's question that an event answered or skipped: its trace is ``form:<form>:<question>``."""
    found = set()
    for trace in activity.get("rules") or ():
        kind, *names = str(trace["rule"]).split(":")
        why = str(trace["why"])
        is_answer = why.startswith("answered ") or why in {"skipped", UNSENT}
        if kind == "form" and len(names) == 2 and trace["matched"] and is_answer:
            found.add((names[0], names[1]))
    return found


def tells_answer(activity: Mapping[str, Any], form: str, question: str) -> bool:
    """Whether an activity tells of the end of a form with an answer to that question."""
    return any(
        props.get("form") == form and question in (props.get("answers") or {})
        for props in map(_form_answered, activity.get("changes") or ())
    )


def _form_answered(change: Any) -> Mapping[str, Any]:
    is_end = isinstance(change, dict) and change.get("type") == "form_answered"
    return (change.get("props") or {}) if is_end else {}


def _unanswered(change: Any, gone: Collection[Answer]) -> Any:
    props = _form_answered(change)
    given = props.get("answers")
    if not isinstance(given, Mapping):
        return change
    left = {name: UNSENT if (props.get("form"), name) in gone else value for name, value in given.items()}
    return {**change, "props": {**props, "answers": left}}


_MAY_QUOTE = frozenset({"text", "messages", "why", "value", "props"})
_MAY_BE_ADDRESS = ("url", "to")
UNSENT = "(unsent)"
_PIECE = 6
"""So many characters in a row that were said are a quotation; fewer are words that anybody uses."""


def _unsaid(line: Any, said: Any) -> Any:
    """A line of an activity without what was said; a reason that looked at the text keeps its beginning."""
    if not isinstance(line, dict):
        return line
    why = line.get("why")
    if isinstance(why, str) and why.startswith("text is "):
        line = line | {"why": f"text is {UNSENT}"}
    if not isinstance(said, str) or not said:
        return line
    unsaid = {k: _replaced(v, said) if k in _MAY_QUOTE else v for k, v in line.items()}
    return unsaid | {k: _host_only(line[k]) for k in _MAY_BE_ADDRESS if "://" in str(line.get(k))}


def _host_only(address: str) -> str:
    """An address without what stands behind the host: it may be filled in with what was said, in any form."""
    return "/".join([*address.split("/", 3)[:3], UNSENT])


def _replaced(value: Any, said: str) -> Any:
    if isinstance(value, str):
        text = value.replace(said, UNSENT).replace(unicodedata.normalize("NFC", said), UNSENT)
        return UNSENT if _quotes(text, said) else text
    if isinstance(value, dict):
        return {name: _replaced(inner, said) for name, inner in value.items()}
    if isinstance(value, list):
        return [_replaced(inner, said) for inner in value]
    return value


def _quotes(text: str, said: str) -> bool:
    """Whether a text has a piece of what was said: cut, captured, in other letters, or percent-encoded."""
    heard = _folded(said)
    pieces = {heard[at : at + _PIECE] for at in range(len(heard) - _PIECE + 1)}
    told = _folded(unquote(text))
    return any(told[at : at + _PIECE] in pieces for at in range(len(told) - _PIECE + 1))


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


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
    raise Conflict(f"others kept changing the activity of event {event_id} of {account}")


def _overwrite(read: Mapping[str, Any], parts: Mapping[str, Any]) -> bool:
    """Write parts of an activity that are still as they were read; False when they are not, or it is gone."""
    dynamodb, expression = aws.client("dynamodb"), Expression()
    account, user, event_id = read["account"], read["user_id"], read["event_id"]
    conditions = [
        Condition((name,), "=", read[name]) if name in read else Condition((name,), "absent")
        for name in parts
    ]
    try:
        dynamodb.update_item(
            TableName=settings().table("activities"),
            Key=_key(account, user, event_id),
            UpdateExpression=expression.update([((name,), value) for name, value in parts.items()], []),
            ConditionExpression=expression.condition([Condition(("pk",), "exists"), *conditions]),
            ExpressionAttributeNames=expression.names,
            ExpressionAttributeValues=expression.values,
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def correct_effect(
    account: str, user: str, event_id: str, index: int, before: str, after: Mapping[str, Any]
) -> bool:
    """Change the status and reason of the effect at that place, if its status is ``before``."""
    dynamodb, effect = aws.client("dynamodb"), f"effects[{index}]"
    try:
        dynamodb.update_item(
            TableName=settings().table("activities"),
            Key=_key(account, user, event_id),
            UpdateExpression=f"SET {effect}.#status = :status, {effect}.why = :why",
            ConditionExpression=f"{effect}.#status = :before",
            ExpressionAttributeNames={"#status": "status"},
            ExpressionAttributeValues={
                ":status": to_av(after["status"]),
                ":why": to_av(after["why"]),
                ":before": to_av(before),
            },
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def pages(account: str, user: str) -> Iterator[list[dict[str, Any]]]:
    """A friend's whole timeline in no order, page by page: of each activity what erasing must know."""
    found = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("activities"),
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": f"{account}#{user}"}},
            ProjectionExpression="pk, sk, #at, #type, effects",
            ExpressionAttributeNames={"#at": "at", "#type": "type"},
            ConsistentRead=True,
        )
    )
    return ([_activity(item) for item in page["Items"]] for page in found)


def _key(account: str, user: str, event_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"{account}#{user}"}, "sk": {"S": event_id}}


def _item(activity: Mapping[str, Any]) -> dict[str, Any]:
    key = _key(activity["account"], activity["user_id"], activity["event_id"])
    return key | {k: to_av(v) for k, v in activity.items() if k not in {"account", "user_id", "event_id"}}


def _put(activity: dict[str, Any], condition: Condition | tuple[Condition, ...]) -> bool:
    dynamodb, expression = aws.client("dynamodb"), Expression()
    request: dict[str, Any] = {
        "TableName": settings().table("activities"),
        "Item": _item(activity),
        "ConditionExpression": expression.condition([condition]),
        "ExpressionAttributeNames": expression.names,
    }
    if expression.values:
        request["ExpressionAttributeValues"] = expression.values
    try:
        dynamodb.put_item(**request)
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _activity(item: dict[str, Any]) -> dict[str, Any]:
    activity = plain_item(item)
    activity["account"], _, activity["user_id"] = activity.pop("pk").partition("#")
    activity["event_id"] = activity.pop("sk")
    return activity
