"""How the rules fare: what could not be carried out, counted per rule and hour in ``metrics``, and as
CloudWatch metrics ``EffectsFailed``, ``EffectsSkipped`` and ``EffectsUnknown`` per account and rule.

Written only when something did not happen as authored, so the ordinary reaction costs nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, to_av
from chalicelib.shared.observability import count
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

_KEPT = timedelta(days=400)
_METRICS = {"failed": "EffectsFailed", "skipped": "EffectsSkipped", "unknown": "EffectsUnknown"}
TROUBLE = ("failed", "skipped", "unknown")


def note_effects(account: str, user: str, effects: Sequence[dict[str, Any]]) -> None:
    """Note the effects of one event that did not happen."""
    for effect in effects:
        if effect["status"] in TROUBLE and effect["rule"] != "-":
            why = f"{effect['action']}: {effect.get('why', '')}"
            note(account, effect["rule"], effect["status"], why, user, 1)


def note(account: str, rule: str, status: str, why: str, user: str, n: int) -> None:
    """Add to a rule's count of this hour; the last reason and friend stand beside it."""
    now = clock.now()
    # The nodes of a scenario and the questions of a form count as one: what is authored is bounded.
    named = ":".join(rule.split(":")[:2])
    count(_METRICS[status], n, now, account=account, rule=named)
    aws.client("dynamodb").update_item(
        TableName=settings().table("metrics"),
        Key={"pk": {"S": f"{account}#rule:{rule}"}, "sk": {"S": f"{now:%Y-%m-%d#%H}#{status}"}},
        UpdateExpression="ADD #n :n SET why = :why, #at = :at, user_id = :user, expires_at = :gone",
        ExpressionAttributeNames={"#n": "n", "#at": "at"},
        ExpressionAttributeValues={
            ":n": to_av(n),
            ":why": to_av(why[:300]),
            ":at": to_av(iso(now)),
            ":user": to_av(user),
            ":gone": to_av(int((now + _KEPT).timestamp())),
        },
    )


def read(account: str, rule: str, days: int) -> list[dict[str, Any]]:
    """The trouble of the last days, newest first: ``[{hour, status, n, why, at, user_id}]``."""
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
                    "why": item["why"],
                    "at": item["at"],
                    "user_id": item["user_id"],
                }
            )
    return lines
