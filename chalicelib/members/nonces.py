"""Nonces of LINE's account link: made for a member who has signed in, taken by the friend whom LINE names.

``control``, ``<account>#NONCE#<hash>`` / the hash of the nonce: the member, until when it counts, and who
took it. It is taken once; the same event may take it again, so that whoever dies goes on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from chalicelib.gateways import aws, clock
from chalicelib.gateways.dynamo import plain_item, write_if
from chalicelib.shared.errors import Conflict
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import digest, new_secret
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

LIFE = timedelta(minutes=10)
_KEPT = timedelta(days=15)
"""LINE may deliver an event again days later."""


def make(account: str, member: str) -> tuple[str, datetime]:
    """A nonce of a member (256 bits), and when it ends."""
    nonce, now = new_secret(), clock.now()
    aws.client("dynamodb").put_item(
        TableName=settings().table("control"),
        Item=_key(account, nonce)
        | {
            "member": {"S": member},
            "made_at": {"S": iso(now)},
            "until": {"S": iso(now + LIFE)},
            "expires_at": {"N": str(int((now + _KEPT).timestamp()))},
        },
    )
    return nonce, now + LIFE


def dialog(link_token: str, nonce: str) -> str:
    """Where the browser goes on: LINE's dialog, which reports the nonce with the friend."""
    return (
        f"{settings().line_access_url}/dialog/bot/accountLink"
        f"?linkToken={quote(link_token, safe='')}&nonce={quote(nonce, safe='')}"
    )


def take(event: FriendEvent, nonce: str) -> str:
    """The member of a nonce, for the friend of this event. Raises Conflict for one that does not count:
    unknown, over, or taken by another event.
    """
    dynamodb, table = aws.client("dynamodb"), settings().table("control")
    key = _key(event.account_id, nonce)
    answer = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    item = plain_item(answer["Item"]) if "Item" in answer else None
    if item is None:
        raise Conflict(Reason("nonce_unknown"))
    if event.at > item["until"]:
        raise Conflict(Reason("nonce_over"))
    if not write_if(
        "update_item",
        "control",
        Key=key,
        UpdateExpression="SET taken_by = :who",
        ConditionExpression="attribute_not_exists(taken_by) OR taken_by = :who",
        ExpressionAttributeValues={":who": {"S": digest(event.user_id, event.event_id)}},
    ):
        raise Conflict(Reason("nonce_taken"))
    return str(item["member"])


def _key(account: str, nonce: str) -> dict[str, Any]:
    name = digest("nonce", nonce)
    return {"pk": {"S": f"{account}#NONCE#{name[:2]}"}, "sk": {"S": name}}
