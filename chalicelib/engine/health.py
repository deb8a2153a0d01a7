"""How the rules fare: what could not be carried out, counted per rule and hour in ``metrics``, and as
CloudWatch metrics ``EffectsFailed``, ``EffectsSkipped`` and ``EffectsUnknown`` per account and rule.

Written only when something did not happen as authored, so the ordinary reaction costs nothing more.

These lines outlive timelines, so they hold nothing of what friends said or are: reasons are cut down to what
an author wrote (names of documents, places in messages) and codes. The whole reason is on the activity. Who
was erased is taken out of them.
"""

from __future__ import annotations

import re
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
_ELSEWHERE = "not carried out; the friend's timeline says why"
_ID = r"[a-z0-9][a-z0-9_-]*"
_PLAIN = re.compile(
    rf"[a-z][a-z0-9_]*"  # a code: cap, quiet_hours, line_400
    rf"|there is no [a-z-]+ {_ID}"
    rf"|the rich menu {_ID} has no rich_menu_id"
    r"|this event has (no reply token|brought a question of the form already)"
    r"|it may have been sent by the attempt that was cut off"
    r"|a reply carries at most \d+ messages"
    r"|none of its questions is for this friend|something later stands|LINE never answered"
    r"|its secret is not in the secret store: save the document with the secret again"
    r"|(no answer|answered \d{3})(, \d+ times)?|only https addresses are called"
    r"|leads to [0-9a-fA-F.:]+"
)
"""Reasons without anything of a friend, as they stand."""
_ORIGIN = re.compile(r"(https?://[^\s/?#@]+: )(.+)", re.DOTALL)
"""A reason about a call: up to the host an address is its author's."""
_CUT: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(rf"attributes\.({_ID}): .*", re.DOTALL), r"the value does not fit attributes.\1"),
    (re.compile(r"([\w.-]+) (is missing and has no default|has no value)"), r"\1 has no value"),
    (re.compile(r"(messages\[\d+\][\w.\[\]]*): .*", re.DOTALL), r"\1: LINE would not take what it comes to"),
    (re.compile(r"\{\{\s*([\w.-]+).*\}\}: .*", re.DOTALL), r"a filter does not take the value of \1"),
    (re.compile(r"value: .*", re.DOTALL), "the value is not a number that fits"),
    (re.compile(r"LINE did not answer .*", re.DOTALL), "LINE did not answer"),
    (re.compile(r"\S+ leads to \S+, which is not a public address"), "the address is not a public one"),
    (re.compile(r"\S+ (cannot be called: .*|is not a host name)", re.DOTALL), "the address cannot be called"),
    (re.compile(r"LINE answered (\d{3}).*", re.DOTALL), r"LINE answered \1"),
    (re.compile(r"no answer \(.*\)(, \d+ times)?", re.DOTALL), r"no answer\1"),
)
"""Reasons that tell more, and what is left of them."""


def note_effects(account: str, user: str, effects: Sequence[dict[str, Any]]) -> None:
    """Note the effects of one event that did not happen."""
    for effect in effects:
        if effect["status"] in TROUBLE and effect["rule"] != "-":
            why = f"{effect['action']}: {gist(str(effect.get('why', '')))}"
            _note(account, effect["rule"], effect["status"], why, user)


def gist(why: str) -> str:
    """A reason without anything of a friend. One that is not known says where to look."""
    call = _ORIGIN.fullmatch(why)
    if call:
        return call[1] + gist(call[2])
    if _PLAIN.fullmatch(why):
        return why
    for pattern, left in _CUT:
        found = pattern.fullmatch(why)
        if found:
            return found.expand(left)
    return _ELSEWHERE


def note(account: str, rule: str, status: str, why: str) -> None:
    """Add to a rule's count of this hour what stands on no activity; the gist of its reason beside it."""
    _note(account, rule, status, gist(why), None)


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
            try:
                dynamodb.update_item(
                    TableName=table,
                    Key=item,
                    UpdateExpression="REMOVE user_id",
                    ConditionExpression="user_id = :user",
                    ExpressionAttributeValues={":user": {"S": user}},
                )
            except dynamodb.exceptions.ConditionalCheckFailedException:
                continue  # somebody else's trouble stands there now


def _document(rule: str) -> str:
    """Whose trouble it is: the nodes of a scenario and the questions of a form count as one."""
    return ":".join(rule.split(":")[:2])


def _note(account: str, rule: str, status: str, why: str, user: str | None) -> None:
    """Add to a rule's count of this hour; the last reason and friend stand beside it."""
    now, named = clock.now(), _document(rule)
    why = ": ".join([*rule.split(":")[2:], why])
    count(_METRICS[status], 1, now, account=account, rule=named)
    update = "ADD #n :n SET why = :why, #at = :at, expires_at = :gone"
    values = {
        ":n": to_av(1),
        ":why": to_av(why[:300]),
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
    """The trouble of the last days, newest first: ``[{hour, status, n, why, at, user_id}]``.

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
                    "why": item["why"],
                    "at": item["at"],
                    "user_id": item.get("user_id"),
                }
            )
    return lines
