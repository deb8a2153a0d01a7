"""LINE's webhook body as FriendEvents. Pure and tolerant: what is not known is kept raw, never lost.

Shapes: https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.shared.errors import InvalidInput, TooLarge
from chalicelib.shared.events import NOBODY, FriendEvent
from chalicelib.shared.ids import digest
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import storable
from chalicelib.shared.times import from_ms, iso
from chalicelib.shared.user_ids import BadUserId, user_id
from chalicelib.webhook.events import EVENTS, an_object, short, without

_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{43}=")
_MAX_PROPS_BYTES = 150_000
_MAX_TEXT = 10_000
_BY_LINE_TYPE = {event.line_type: (name, event) for name, event in EVENTS.items()}
_LAST_MS = 253_402_300_799_999  # the end of the year 9999
_AHEAD = timedelta(days=731)


def signed(body: bytes, signature: str, channel_secret: str) -> bool:
    """Whether ``x-line-signature`` is base64(HMAC-SHA256) of the raw body; compared in constant time."""
    wanted = base64.b64encode(hmac.new(channel_secret.encode(), body, hashlib.sha256).digest())
    return hmac.compare_digest(wanted, signature.encode("utf-8", "replace"))


def may_be_signature(text: str) -> bool:
    """Whether a text has the shape of a signature: base64 of 32 bytes. Others cost no secret."""
    return _SIGNATURE.fullmatch(text) is not None


def parse(body: bytes, account: str, arrived: datetime, *, at_most: int = 1_000) -> list[FriendEvent]:
    """The events of a webhook body.

    Raises InvalidInput when it is not JSON with a list of ``events``, TooLarge when there are more than
    ``at_most``: then none is taken, and whoever sent them knows.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(Reason("body_no_json")) from error
    events = document.get("events") if isinstance(document, dict) else None
    if not isinstance(events, list):
        raise InvalidInput(Reason("no_events"))
    if len(events) > at_most:
        raise TooLarge(Reason("too_many_events", most=at_most, has=len(events)))
    return [_friend_event(raw, account, arrived) for raw in events]


def _friend_event(given: Any, account: str, arrived: datetime) -> FriendEvent:
    kept = storable(given)
    raw = an_object(kept)
    kind = short(raw.get("type")) or "-"
    source = an_object(raw.get("source"))
    chat = short(source.get("groupId")) or short(source.get("roomId"))
    user = _user(source.get("userId"))
    one_to_one = source.get("type", "user") == "user" and chat is None
    standby = raw.get("mode") == "standby"
    token = raw.get("replyToken")

    name, found = _BY_LINE_TYPE.get(kind, ("", None)) if one_to_one else ("", None)
    event_type = name or f"{'unknown' if one_to_one else 'group'}:{kind}"
    props = found.view(raw) if found else _recorded(raw, given)
    props |= {
        "chat": chat,
        "standby": standby or None,
        "made_storable": kept != given or None,
        "redelivered": an_object(raw.get("deliveryContext")).get("isRedelivery") is True or None,
    }
    props = _bounded({name: value for name, value in props.items() if value is not None})
    return FriendEvent(
        event_id=_event_id(raw, given),
        account_id=account,
        user_id=user or chat or NOBODY,
        type=event_type,
        at=iso(_occurred(raw, arrived)),
        key=found.key_of(props) if found else None,
        props=props,
        reply_token=None if standby or not one_to_one or not isinstance(token, str) else token or None,
    )


def _event_id(raw: dict[str, Any], given: Any) -> str:
    """LINE's id; without one, a name derived from the event's content that a redelivery has too."""
    named = short(raw.get("webhookEventId"))
    if named:
        return named
    content = without(raw, "deliveryContext") if isinstance(given, dict) else storable(given)
    return digest(json.dumps(content, sort_keys=True))


def _occurred(raw: dict[str, Any], arrived: datetime) -> datetime:
    """When LINE says that it happened; at its arrival when LINE says nothing that can be."""
    ms = raw.get("timestamp")
    if isinstance(ms, int | float) and not isinstance(ms, bool) and 1 <= ms <= _LAST_MS:
        sent_at = from_ms(int(ms))
        if sent_at <= arrived.astimezone(UTC) + _AHEAD:
            return sent_at
    return arrived.astimezone(UTC)


def _recorded(raw: dict[str, Any], given: Any) -> dict[str, Any]:
    """What is kept of an event that is only recorded: as it came, and which message it is about."""
    message = an_object(raw.get("message"))
    return {
        "raw": without(raw, "replyToken") or storable(given),
        "message_type": short(message.get("type")),
        "message_id": short(message.get("id")) or short(an_object(raw.get("unsend")).get("messageId")),
    }


def _user(value: Any) -> str | None:
    """A user id; what cannot be one names nobody."""
    try:
        return user_id(value) if isinstance(value, str) else None
    except BadUserId:
        return None


def _bounded(props: dict[str, Any]) -> dict[str, Any]:
    """Props that a queue message and an item can carry: raw content beyond 150 KB is named and left out."""
    if _size(props) <= _MAX_PROPS_BYTES:
        return props
    shortened = {
        k: v[:_MAX_TEXT] if isinstance(v, str) else v for k, v in props.items() if k not in {"raw", "params"}
    }
    trimmed = sorted(k for k, v in props.items() if shortened.get(k) != v)
    return {k: v for k, v in shortened.items() if _size(v) <= _MAX_PROPS_BYTES} | {"trimmed": trimmed}


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
