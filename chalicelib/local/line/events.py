"""Webhook events in LINE's shapes, for what a friend does on a phone.

https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.shared.times import to_ms

REPLYABLE = frozenset(
    {"message", "messageEdited", "follow", "join", "memberJoined", "postback", "videoPlayComplete", "beacon"}
    | {"accountLink", "membership"}
)
MESSAGE_TYPES = ("text", "image", "video", "audio", "file", "location", "sticker")
BEACON_TYPES = ("enter", "stay", "banner")
_HWID = re.compile("[0-9a-f]{10}")
_DM = re.compile("([0-9a-f]{2}){1,13}")
_QUOTABLE = {"text", "sticker", "image", "video"}
_FROM_LINE = {"image", "video", "audio"}


class Unknown(ValueError):
    """An endpoint was asked for something LINE could not send."""


@dataclass(frozen=True)
class Envelope:
    """What every event has: who, when, and names that are never given twice."""

    user_id: str
    now: datetime
    event_id: str
    reply_token: str
    new_id: Callable[[], str]

    def event(self, type_: str, **payload: Any) -> dict[str, Any]:
        """An event by this user, in active mode."""
        event: dict[str, Any] = {
            "type": type_,
            **payload,
            "webhookEventId": self.event_id,
            "deliveryContext": {"isRedelivery": False},
            "timestamp": to_ms(self.now),
            "source": {"type": "user", "userId": self.user_id},
            "mode": "active",
        }
        if type_ in REPLYABLE:
            event["replyToken"] = self.reply_token
        return event


def follow(envelope: Envelope, *, is_unblocked: bool) -> dict[str, Any]:
    """Added the account, or unblocked it."""
    return envelope.event("follow", follow={"isUnblocked": is_unblocked})


def unfollow(envelope: Envelope) -> dict[str, Any]:
    """Blocked the account."""
    return envelope.event("unfollow")


def message(envelope: Envelope, given: dict[str, Any]) -> dict[str, Any]:
    """Sent a message; what LINE always adds is added where it was not given."""
    kind = given.get("type")
    if kind not in MESSAGE_TYPES:
        raise Unknown(f"message.type must be one of {', '.join(MESSAGE_TYPES)}")
    if kind == "text" and (not isinstance(given.get("text"), str) or not given["text"]):
        raise Unknown("message.text may not be empty")
    added: dict[str, Any] = {"id": envelope.new_id(), "markAsReadToken": f"mark-{envelope.event_id}"}
    if kind in _QUOTABLE:
        added["quoteToken"] = f"q{added['id']}"
    if kind in _FROM_LINE:
        added["contentProvider"] = {"type": "line"}
    if kind in {"video", "audio"}:
        added["duration"] = 12_000
    defaults: dict[str, dict[str, Any]] = {
        "file": {"fileName": "file.txt", "fileSize": 2138},
        "sticker": {"packageId": "446", "stickerId": "1988", "stickerResourceType": "STATIC"},
        "location": {"title": "東京駅", "address": "東京都千代田区丸の内一丁目"}
        | {"latitude": 35.681236, "longitude": 139.767125},
    }
    added |= defaults.get(kind, {})
    return envelope.event("message", message=added | given)


def postback(envelope: Envelope, data: Any, params: Any = None) -> dict[str, Any]:
    """Tapped something with a postback action, a date picker or a rich menu switch."""
    if not isinstance(data, str) or not data:
        raise Unknown("data may not be empty")
    if params is not None and not isinstance(params, dict):
        raise Unknown("params must be an object")
    return envelope.event("postback", postback={"data": data} | ({"params": params} if params else {}))


def video_play_complete(envelope: Envelope, tracking_id: str) -> dict[str, Any]:
    """Watched a video with a ``trackingId`` to its end."""
    return envelope.event("videoPlayComplete", videoPlayComplete={"trackingId": tracking_id})


def beacon(envelope: Envelope, kind: Any, hwid: Any, dm: Any = None) -> dict[str, Any]:
    """Came into a beacon's range, stays there, or tapped its banner; LINE reports no one's leaving."""
    if kind not in BEACON_TYPES:
        raise Unknown(f"type must be one of {', '.join(BEACON_TYPES)}")
    if not isinstance(hwid, str) or not _HWID.fullmatch(hwid):
        raise Unknown("hwid must be 10 characters of 0-9 and a-f")
    if dm is not None and (not isinstance(dm, str) or not _DM.fullmatch(dm)):
        raise Unknown("dm must be 2 to 26 characters of 0-9 and a-f, two for each byte")
    details = {"hwid": hwid, "type": kind} | ({"dm": dm} if dm is not None else {})
    return envelope.event("beacon", beacon=details)


def account_link(envelope: Envelope, nonce: str, result: str) -> dict[str, Any]:
    """Linked a member account, or failed to: then LINE reports neither who nor a reply token."""
    event = envelope.event("accountLink", link={"result": result, "nonce": nonce})
    if result != "ok":
        del event["source"], event["replyToken"]
    return event


def unsend(envelope: Envelope, message_id: str) -> dict[str, Any]:
    """Took a message back."""
    return envelope.event("unsend", unsend={"messageId": message_id})


def any_event(envelope: Envelope, given: dict[str, Any]) -> dict[str, Any]:
    """An event as given, with what is missing filled in: memberships, types of the future."""
    if not isinstance(given.get("type"), str):
        raise Unknown("event.type may not be empty")
    return envelope.event(given["type"]) | given
