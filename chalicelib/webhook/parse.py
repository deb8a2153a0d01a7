"""LINE's webhook body as FriendEvents. Pure and tolerant: what is not known is kept raw, never lost.

Shapes: https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.events import NOBODY, FriendEvent, event_key
from chalicelib.shared.ids import digest
from chalicelib.shared.storable import storable
from chalicelib.shared.times import from_ms, iso

_MAX_ID = 128
_MAX_PROPS_BYTES = 150_000
_MAX_TEXT = 10_000
_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_AHEAD = timedelta(days=731)


def signed(body: bytes, signature: str, channel_secret: str) -> bool:
    """Whether ``x-line-signature`` is base64(HMAC-SHA256) of the raw body; compared in constant time."""
    wanted = base64.b64encode(hmac.new(channel_secret.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(wanted, signature.encode("utf-8", "replace"))


def parse(body: bytes, account: str, arrived: datetime) -> list[FriendEvent]:
    """The events of a webhook body. Raises InvalidInput when it is not JSON with a list of ``events``."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput("the body is not JSON") from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise InvalidInput("the body has no list of events")
    return [_friend_event(raw, account, arrived) for raw in events]


def _friend_event(given: Any, account: str, arrived: datetime) -> FriendEvent:
    raw = _dict(storable(given))
    kind = _short(raw.get("type")) or "-"
    source = _dict(raw.get("source"))
    chat = _short(source.get("groupId")) or _short(source.get("roomId"))
    user = _short(source.get("userId"))
    one_to_one = source.get("type", "user") == "user" and chat is None
    standby = raw.get("mode") == "standby"
    token = raw.get("replyToken")

    view = _VIEWS.get(kind) if one_to_one else None
    event_type = view[0] if view else f"{'unknown' if one_to_one else 'group'}:{kind}"
    props = view[1](raw) if view else {"raw": _without(raw, "replyToken") or storable(given)}
    props |= {
        "chat": chat,
        "standby": standby or None,
        "redelivered": _dict(raw.get("deliveryContext")).get("isRedelivery") is True or None,
    }
    props = _bounded({name: value for name, value in props.items() if value is not None})
    return FriendEvent(
        event_id=_event_id(raw, given),
        account_id=account,
        user_id=user or chat or NOBODY,
        type=event_type,
        at=iso(_occurred(raw, arrived)),
        key=event_key(event_type, props),
        props=props,
        reply_token=None if standby or not one_to_one or not isinstance(token, str) else token or None,
    )


def _event_id(raw: dict[str, Any], given: Any) -> str:
    """LINE's id; without one, a name derived from the event's content that a redelivery has too."""
    named = _short(raw.get("webhookEventId"))
    if named:
        return named
    content = _without(raw, "deliveryContext") if isinstance(given, dict) else storable(given)
    return digest(json.dumps(content, sort_keys=True))


def _occurred(raw: dict[str, Any], arrived: datetime) -> datetime:
    """When LINE says that it happened; at its arrival when LINE says nothing that can be."""
    ms = raw.get("timestamp")
    if isinstance(ms, int | float) and not isinstance(ms, bool) and 1 <= ms <= _LAST_MS:
        said = from_ms(int(ms))
        if said <= arrived.astimezone(UTC) + _AHEAD:
            return said
    return arrived.astimezone(UTC)


def _messaged(raw: dict[str, Any]) -> dict[str, Any]:
    message = _dict(raw.get("message"))
    return {
        "message_type": _short(message.get("type")) or "-",
        "message_id": _short(message.get("id")),
        "text": message.get("text") if isinstance(message.get("text"), str) else None,
        "quoted_message_id": _short(message.get("quotedMessageId")),
        # The rest of the message object: stickers, media, places, mentions, and what LINE adds next.
        "raw": _without(message, "text"),
    }


def _postback(raw: dict[str, Any]) -> dict[str, Any]:
    postback = _dict(raw.get("postback"))
    data = postback.get("data")
    return {
        "data": data if isinstance(data, str) else "",
        "params": postback["params"] if isinstance(postback.get("params"), dict) else None,
    }


def _followed(raw: dict[str, Any]) -> dict[str, Any]:
    return {"is_unblocked": _dict(raw.get("follow")).get("isUnblocked") is True}


def _unfollowed(_raw: dict[str, Any]) -> dict[str, Any]:
    return {}


def _unsent(raw: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": _short(_dict(raw.get("unsend")).get("messageId"))}


def _video_completed(raw: dict[str, Any]) -> dict[str, Any]:
    return {"tracking_id": _dict(raw.get("videoPlayComplete")).get("trackingId")}


def _beacon(raw: dict[str, Any]) -> dict[str, Any]:
    beacon = _dict(raw.get("beacon"))
    return {"hwid": beacon.get("hwid"), "action": beacon.get("type"), "dm": beacon.get("dm")}


def _account_linked(raw: dict[str, Any]) -> dict[str, Any]:
    link = _dict(raw.get("link"))
    return {"result": link.get("result"), "nonce": link.get("nonce")}


def _membership_changed(raw: dict[str, Any]) -> dict[str, Any]:
    membership = _dict(raw.get("membership"))
    return {
        "change": membership.get("type"),
        "membership_id": membership.get("membershipId"),
    }


_View = Callable[[dict[str, Any]], dict[str, Any]]

_VIEWS: dict[str, tuple[str, _View]] = {
    "message": ("messaged", _messaged),
    "postback": ("postback", _postback),
    "follow": ("followed", _followed),
    "unfollow": ("unfollowed", _unfollowed),
    "unsend": ("unsent", _unsent),
    "videoPlayComplete": ("video_completed", _video_completed),
    "beacon": ("beacon", _beacon),
    "accountLink": ("account_linked", _account_linked),
    "membership": ("membership_changed", _membership_changed),
}


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in content.items() if k != name}


def _short(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= _MAX_ID else None


def _bounded(props: dict[str, Any]) -> dict[str, Any]:
    """Props that a queue message and an item can carry: raw content beyond 150 KB is named and left out."""
    if _size(props) <= _MAX_PROPS_BYTES:
        return props
    cut = {
        k: v[:_MAX_TEXT] if isinstance(v, str) else v for k, v in props.items() if k not in {"raw", "params"}
    }
    trimmed = sorted(k for k, v in props.items() if cut.get(k) != v)
    return {k: v for k, v in cut.items() if _size(v) <= _MAX_PROPS_BYTES} | {"trimmed": trimmed}


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
