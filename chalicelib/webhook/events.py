"""What LINE reports: its types of events as ours, what we keep of each, and how it changes a sheet.

Shapes: https://developers.line.biz/en/reference/messaging-api/#webhook-event-objects
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.events.kinds import EventType, Fact
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent

_MAX_ID = 128


@dataclass(frozen=True, kw_only=True)
class LineEvent(EventType):
    """An event that LINE sends: ``line_type`` is its name there, ``view`` takes the properties from it."""

    made_by: str | None = "webhook"
    line_type: str
    view: Callable[[dict[str, Any]], dict[str, Any]]


def an_object(value: Any) -> dict[str, Any]:
    """The object, or an empty one."""
    return value if isinstance(value, dict) else {}


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    """An object without one of its properties."""
    return {k: v for k, v in content.items() if k != name}


def short(value: Any, at_most: int = _MAX_ID) -> str | None:
    """A text that may be an id or a type."""
    return value if isinstance(value, str) and 0 < len(value) <= at_most else None


def _messaged(raw: dict[str, Any]) -> dict[str, Any]:
    message = an_object(raw.get("message"))
    return {
        "message_type": short(message.get("type")) or "-",
        "message_id": short(message.get("id")),
        "text": message.get("text") if isinstance(message.get("text"), str) else None,
        "quoted_message_id": short(message.get("quotedMessageId")),
        # The rest of the message object: stickers, media, places, mentions, and what LINE adds next.
        "raw": without(message, "text"),
    }


def _postback(raw: dict[str, Any]) -> dict[str, Any]:
    postback = an_object(raw.get("postback"))
    data = postback.get("data")
    return {
        "data": data if isinstance(data, str) else "",
        "params": postback["params"] if isinstance(postback.get("params"), dict) else None,
    }


def _followed(raw: dict[str, Any]) -> dict[str, Any]:
    return {"is_unblocked": an_object(raw.get("follow")).get("isUnblocked") is True}


def _unfollowed(_raw: dict[str, Any]) -> dict[str, Any]:
    return {}


def _unsent(raw: dict[str, Any]) -> dict[str, Any]:
    return {"message_id": short(an_object(raw.get("unsend")).get("messageId"))}


def _video_completed(raw: dict[str, Any]) -> dict[str, Any]:
    return {"tracking_id": short(an_object(raw.get("videoPlayComplete")).get("trackingId"))}


def _beacon(raw: dict[str, Any]) -> dict[str, Any]:
    beacon = an_object(raw.get("beacon"))
    return {
        "hwid": short(beacon.get("hwid")),
        "action": short(beacon.get("type")),
        "dm": short(beacon.get("dm")),
    }


def _link_result(raw: dict[str, Any]) -> dict[str, Any]:
    link = an_object(raw.get("link"))
    return {"result": short(link.get("result")), "nonce": short(link.get("nonce"), at_most=255)}


def _membership_changed(raw: dict[str, Any]) -> dict[str, Any]:
    membership = an_object(raw.get("membership"))
    number = membership.get("membershipId")
    return {
        "change": short(membership.get("type")),
        "membership_id": number if type(number) is int else short(number),
    }


def _of_any(*names: str) -> frozenset[str]:
    """Properties, with those that any event from LINE may have."""
    return frozenset({"chat", "standby", "redelivered", "trimmed", "made_storable", *names})


def _data_key(props: Mapping[str, Any]) -> str:
    """Postback data up to the first ``&``."""
    return str(props.get("data") or "").split("&", 1)[0]


def _follows(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.routes import touches
    from chalicelib.sheets import folds

    is_unblocked = event.props.get("is_unblocked") is True
    facts = folds.status(sheet, follows=True, at=event.at)
    return [*facts, *touches.followed(sheet, event.at, is_unblocked=is_unblocked)]


def _blocks(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import folds

    return folds.status(sheet, follows=False, at=event.at)


def _is_taken_back(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    from chalicelib.sheets import unsent

    unsent.fold(sheet, event.props.get("message_id"), event.at)
    return []


def _hide(_decision: Any, event: FriendEvent) -> Iterator[dict[str, Any]]:
    if event.props.get("message_id"):
        yield {"action": "hide_message", "message_id": event.props["message_id"]}


def _take_nonce(_decision: Any, event: FriendEvent) -> Iterator[dict[str, Any]]:
    if event.props.get("result") == "ok" and event.props.get("nonce"):
        yield {"action": "link_by_nonce", "nonce": event.props["nonce"]}


def _fetch(_decision: Any, event: FriendEvent) -> Iterator[dict[str, Any]]:
    from chalicelib.events import contents

    if "unsent_at" not in event.props and contents.is_kept_by_line(event.props):
        named = {"message_id": event.props["message_id"], "kind": event.props["message_type"]}
        yield {"action": "fetch_content", **named}


_PICKED = ("date", "time", "datetime", "newRichMenuAliasId", "status")
"""The ``params`` of postbacks: what date pickers and switches of rich menus bring."""

EVENTS: dict[str, LineEvent] = {
    "messaged": LineEvent(
        line_type="message",
        view=_messaged,
        key="message_type",
        props=_of_any("message_type", "text", "message_id", "quoted_message_id", "raw"),
        values={"message_type": ("text", "image", "video", "audio", "file", "location", "sticker")},
        follow_up=_fetch,
        shows_friendship=True,
        answers_forms=True,
        has_reply_token=True,
    ),
    "postback": LineEvent(
        line_type="postback",
        view=_postback,
        key=_data_key,
        props=_of_any("data", "params", *(f"params.{name}" for name in _PICKED)),
        shows_friendship=True,
        answers_forms=True,
        has_reply_token=True,
    ),
    "followed": LineEvent(
        line_type="follow",
        view=_followed,
        props=_of_any("is_unblocked"),
        fold=_follows,
        has_reply_token=True,
        in_reports="followed",
    ),
    "unfollowed": LineEvent(
        line_type="unfollow", view=_unfollowed, props=_of_any(), fold=_blocks, in_reports="unfollowed"
    ),
    "unsent": LineEvent(
        line_type="unsend", view=_unsent, props=_of_any("message_id"), fold=_is_taken_back, follow_up=_hide
    ),
    "video_completed": LineEvent(
        line_type="videoPlayComplete",
        view=_video_completed,
        props=_of_any("tracking_id"),
        shows_friendship=True,
    ),
    "beacon": LineEvent(
        line_type="beacon",
        view=_beacon,
        props=_of_any("hwid", "action", "dm"),
        values={"action": ("enter", "stay", "banner")},
        shows_friendship=True,
    ),
    "account_link_result": LineEvent(
        line_type="accountLink",
        view=_link_result,
        props=_of_any("result", "nonce"),
        values={"result": ("ok", "failed")},
        follow_up=_take_nonce,
        shows_friendship=True,
        is_trigger=False,
    ),
    "membership_changed": LineEvent(
        line_type="membership",
        view=_membership_changed,
        props=_of_any("change", "membership_id"),
        values={"change": ("joined", "left", "renewed")},
    ),
}
