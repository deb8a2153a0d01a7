"""How the rules fare: what could not be carried out, counted per rule and hour in ``metrics``, and as
CloudWatch metrics ``EffectsFailed``, ``EffectsSkipped`` and ``EffectsUnknown`` per account and rule.

Written only when something did not happen as authored, so the ordinary reaction costs nothing more.

These lines outlive timelines, so they hold nothing of what friends said or are: of a reason is kept what is
public (``Reason.public``: names of documents, places in messages, codes). All of it is on the activity.
Who was erased is taken out of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chalicelib.actions.model import Effect
from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, to_av, write_if
from chalicelib.shared.metrics import count
from chalicelib.shared.reasons import ELSEWHERE, Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_KEPT = timedelta(days=400)
_METRICS = {"failed": "EffectsFailed", "skipped": "EffectsSkipped", "unknown": "EffectsUnknown"}
TROUBLE = ("failed", "skipped", "unknown")


def note_effects(account: str, user: str, effects: Sequence[Effect]) -> None:
    """Note the effects of one event that did not happen."""
    for effect in effects:
        if effect["status"] in TROUBLE and effect["rule"] != "-":
            why = Reason.of(effect.get("why") or ELSEWHERE).public()
            why = Reason("doing", action=effect["action"], why=why)
            _note(account, effect["rule"], effect["status"], why, user)


def note(account: str, rule: str, status: str, why: Reason) -> None:
    """Add to a rule's count of this hour what no activity has; its reason, as far as it is public,
    beside it.
    """
    _note(account, rule, status, why.public(), None)


def forget(account: str, rule: str, user: str) -> None:
    """Take a friend who was erased out of a rule's lines."""
    dynamodb, table = aws.client("dynamodb"), settings().table("metrics")
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :pk",
        FilterExpression="user_id = :user",
        ExpressionAttributeValues={":pk": {"S": f"{account}#rule:{_document(rule)}"}, ":user": {"S": user}},
        ProjectionExpression="pk, sk",
    )
    for page in pages:
        for item in page["Items"]:
            write_if(  # unless somebody else's trouble is there now
                "update_item",
                "metrics",
                Key=item,
                UpdateExpression="REMOVE user_id",
                ConditionExpression="user_id = :user",
                ExpressionAttributeValues={":user": {"S": user}},
            )


def _document(rule: str) -> str:
    """Whose trouble it is: the nodes of a scenario and the questions of a form count as one."""
    return ":".join(rule.split(":")[:2])


def _note(account: str, rule: str, status: str, why: Reason, user: str | None) -> None:
    """Add to a rule's count of this hour; the last reason and friend are beside it."""
    now, named = clock.now(), _document(rule)
    for part in reversed(rule.split(":")[2:]):
        why = Reason("in_part", part=part, why=why)
    count(_METRICS[status], account=account, rule=named)
    update = "ADD #n :n SET why = :why, #at = :at, expires_at = :gone"
    values = {
        ":n": to_av(1),
        ":why": to_av(why.kept()),
        ":at": to_av(iso(now)),
        ":gone": to_av(int((now + _KEPT).timestamp())),
    }
    if user is not None:
        values[":user"] = to_av(user)
    aws.client("dynamodb").update_item(
        TableName=settings().table("metrics"),
        Key={"pk": {"S": f"{account}#rule:{named}"}, "sk": {"S": f"{now:%Y-%m-%d#%H}#{status}"}},
        UpdateExpression=update + (" REMOVE user_id" if user is None else ", user_id = :user"),
        ExpressionAttributeNames={"#n": "n", "#at": "at"},
        ExpressionAttributeValues=values,
    )


def read(account: str, rule: str, days: int) -> list[dict[str, Any]]:
    """The trouble of the last days, newest first: ``[{hour, status, n, why, reason, at, user_id}]``.

    ``rule``: a rule's id, ``scenario:<id>`` or ``form:<id>``.
    """
    since = clock.now() - timedelta(days=days)
    pages = (
        aws.client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=settings().table("metrics"),
            KeyConditionExpression="pk = :pk AND sk >= :since",
            ExpressionAttributeValues={
                ":pk": {"S": f"{account}#rule:{rule}"},
                ":since": {"S": f"{since:%Y-%m-%d#%H}"},
            },
            ScanIndexForward=False,
        )
    )
    lines = []
    for page in pages:
        for item in map(plain_item, page["Items"]):
            day, hour, status = item["sk"].split("#")
            lines.append(
                {
                    "hour": f"{day}T{hour}:00:00.000Z",
                    "status": status,
                    "n": item["n"],
                    **Reason.of(item["why"]).shown(),
                    "at": item["at"],
                    "user_id": item.get("user_id"),
                }
            )
    return lines
