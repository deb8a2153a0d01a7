"""Message objects: the one question is what LINE would say about these ``messages``."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from chalicelib.local.line.validation import actions, flex, templates
from chalicelib.local.line.validation.report import Part, Report, utf16_length

_TRACKING_ID = re.compile(r"[a-zA-Z0-9\-.=,+*()%$&;:@{}!?<>\[\]]{1,100}\Z")
_PLACEHOLDER = re.compile(r"\{\{|\}\}|\{([0-9A-Za-z_]{1,20})\}|[{}]")
_KEY = re.compile(r"[0-9A-Za-z_]{1,20}\Z")
_DELIVERY_TAG = re.compile(r"[a-zA-Z0-9_]{1,30}\Z")


@dataclass(frozen=True)
class Refusal:
    """A 400 in LINE's words: the message, and the details with the properties they are about."""

    message: str
    details: list[dict[str, str]] = field(default_factory=list)


def check_messages(value: Any) -> Refusal | None:
    """What LINE refuses about the ``messages`` of a request, or None."""
    report = Report()
    body = Part({"messages": value}, "", report)
    pointed: list[Refusal] = []
    for message in body.items("messages", 1, 5):
        check_message(message)
        if message.type == "flex":
            details = flex.check_flex(message.value.get("contents"))
            if details:
                pointed.append(
                    Refusal(f"A message ({message.place}) in the request body is invalid", details)
                )
    if report.details:
        return refusal(report)
    return pointed[0] if pointed else None


def refusal(report: Report) -> Refusal:
    """LINE's summary of a report that is not empty."""
    return Refusal(f"The request body has {len(report.details)} error(s)", report.details)


def check_message(message: Part) -> None:
    """One message object (a Flex message's contents apart)."""
    if not message.is_object():
        return
    check = _TYPES.get(message.type)
    if check is None:
        message.choice("type", tuple(_TYPES), required=True)
        return
    check(message)
    _quick_reply(message.child("quickReply"))
    _sender(message.child("sender"))


def _text(message: Part) -> None:
    text = message.text("text", 5000)
    emojis = message.child("emojis")
    if emojis.value is None:
        return
    for emoji in message.items("emojis", 0, 20):
        if emoji.is_object():
            emoji.text("productId", 100)
            emoji.text("emojiId", 100)
            index = emoji.number("index", 0, 5000)
            if text and index is not None and _utf16_at(text, int(index)) != "$":
                emoji.child("index").wrong("Must point at a $ in the text")


def _utf16_at(text: str, index: int) -> str:
    """The character at a UTF-16 offset ("" inside a pair or beyond the end)."""
    at = 0
    for character in text:
        if at == index:
            return character
        at += utf16_length(character)
        if at > index:
            return ""
    return ""


def _text_v2(message: Part) -> None:
    text = message.text("text", 5000)
    substitution = message.child("substitution")
    known: set[str] = set()
    if substitution.value is not None and substitution.is_object():
        if len(substitution.value) > 100:
            substitution.wrong("Size must be between 0 and 100")
        known = set(substitution.value)
        for key in substitution.value:
            _substitute(substitution.child(key), key)
    for found in _PLACEHOLDER.finditer(text or ""):
        if found[0] in {"{", "}"} or (found[1] and found[1] not in known):
            message.child("text").wrong("Contains a placeholder without a substitution")
            break


def _substitute(part: Part, key: str) -> None:
    if not part.is_object():
        return
    if not _KEY.match(key):
        part.wrong("Must match [0-9A-Za-z_]{1,20}")
    if part.type == "emoji":
        part.text("productId", 100)
        part.text("emojiId", 100)
    elif part.type == "mention":
        mentionee = part.child("mentionee")
        if mentionee.is_object():
            mentionee.choice("type", ("user", "all"), required=True)
    else:
        part.choice("type", ("emoji", "mention"), required=True)


def _sticker(message: Part) -> None:
    message.text("packageId", 50)
    message.text("stickerId", 50)


def _image(message: Part) -> None:
    message.url("originalContentUrl")
    message.url("previewImageUrl")


def _video(message: Part) -> None:
    _image(message)
    tracking_id = message.child("trackingId")
    if tracking_id.value is not None and not (
        isinstance(tracking_id.value, str) and _TRACKING_ID.match(tracking_id.value)
    ):
        tracking_id.wrong("invalid property")


def _audio(message: Part) -> None:
    message.url("originalContentUrl")
    message.number("duration", 1, 2_147_483_647)


def _location(message: Part) -> None:
    message.text("title", 100)
    message.text("address", 100)
    message.number("latitude", -90, 90, whole=False)
    message.number("longitude", -180, 180, whole=False)


def _coupon(message: Part) -> None:
    message.text("couponId", 100)
    tag = message.child("deliveryTag")
    if tag.value is not None and not (isinstance(tag.value, str) and _DELIVERY_TAG.match(tag.value)):
        tag.wrong("invalid property")


def _flex(message: Part) -> None:
    message.text("altText", 1500)
    if message.value.get("contents") is None:
        message.child("contents").wrong("May not be empty")


def _quick_reply(part: Part) -> None:
    if part.value is None or not part.is_object():
        return
    for item in part.items("items", 1, 13):
        if item.is_object():
            item.choice("type", ("action",), required=True)
            item.url("imageUrl", required=False)
            actions.check_action(item.child("action"), actions.QUICK_REPLY)


def _sender(part: Part) -> None:
    if part.value is None or not part.is_object():
        return
    name = part.text("name", 20, required=False)
    if name and "LINE" in name.upper():
        part.child("name").wrong("May not contain LINE")
    part.url("iconUrl", required=False)


_TYPES: dict[str, Callable[[Part], None]] = {
    "text": _text,
    "textV2": _text_v2,
    "sticker": _sticker,
    "image": _image,
    "video": _video,
    "audio": _audio,
    "location": _location,
    "imagemap": templates.check_imagemap,
    "template": templates.check_template,
    "flex": _flex,
    "coupon": _coupon,
}
