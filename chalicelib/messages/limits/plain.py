"""Text, media and the other single objects, and what every message object may carry besides."""

from __future__ import annotations

import re
from typing import Any

from chalicelib.messages.limits.actions import QUICK_REPLY, check_action
from chalicelib.messages.limits.node import Node, TemplatedText
from chalicelib.messages.text import units
from chalicelib.shared.reasons import Reason

TEXT_LENGTH = 5000
_TRACKING_ID = re.compile(r"[a-zA-Z0-9\-.=,+*()%$&;:@{}!?<>\[\]]+")
_DELIVERY_TAG = re.compile(r"[a-zA-Z0-9_]+")
_LINES_OWN_NAME = re.compile(r"(?<![A-Za-z])LINE(?![A-Za-z])")
_SUBSTITUTION = re.compile(r"[0-9A-Za-z_]{1,20}")
_V2_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")


def check_common(node: Node) -> None:
    """``quickReply`` and ``sender``."""
    quick_reply = node.child("quickReply")
    if quick_reply:
        for item in quick_reply.children("items", 1, 13):
            item.choice("type", ["action"], required=True)
            item.url("imageUrl")
            action = item.child("action", required=True)
            if action:
                check_action(action, QUICK_REPLY)
    sender = node.child("sender")
    if sender:
        name = sender.text("name", 20)
        if name and _LINES_OWN_NAME.search(name):
            sender.report("name", Reason("lines_own_name"))
        sender.url("iconUrl")


def check_text(node: Node) -> None:
    """A text message; its emojis are where the text has ``$``."""
    text = node.text("text", TEXT_LENGTH, required=True)
    node.text("quoteToken", None)
    taken: set[float] = set()
    for emoji in node.children("emojis", 0, 20, required=False):
        index = emoji.number("index", 0, required=True)
        emoji.text("productId", None, required=True)
        emoji.text("emojiId", None, required=True)
        known = text is not None and index is not None and not isinstance(text, TemplatedText)
        if known and _unit_at(str(text), int(index or 0)) != "$":
            emoji.report("index", Reason("emoji_no_dollar", index=int(index or 0)))
        elif index is not None and index in taken:
            emoji.report("index", Reason("emoji_taken", index=int(index)))
        taken |= {index} if index is not None else set()


def check_text_v2(node: Node) -> None:
    """A textV2 message; every ``{name}`` has a substitution."""
    text = node.text("text", TEXT_LENGTH, required=True)
    node.text("quoteToken", None)
    given = node.child("substitution")
    names: set[str] = set()
    if given:
        names = set(given.value)
        if len(names) > 100:
            node.report("substitution", Reason("line_entries", has=len(names), most=100))
        for name in sorted(names)[:100]:
            _check_substitution(given, name)
    if text is not None:
        _check_placeholders(node, text, names, given.value if given else {})


def check_sticker(node: Node) -> None:
    """A sticker message."""
    node.text("packageId", None, required=True)
    node.text("stickerId", None, required=True)
    node.text("quoteToken", None)


def check_image(node: Node) -> None:
    """An image message."""
    node.url("originalContentUrl", required=True)
    node.url("previewImageUrl", required=True)


def check_video(node: Node) -> None:
    """A video message."""
    check_image(node)
    node.text("trackingId", 100, pattern=_TRACKING_ID)


def check_audio(node: Node) -> None:
    """An audio message."""
    node.url("originalContentUrl", required=True)
    node.number("duration", 1, required=True)


def check_location(node: Node) -> None:
    """A location message."""
    node.text("title", 100, required=True)
    node.text("address", 100, required=True)
    node.number("latitude", -90, 90, required=True, whole=False)
    node.number("longitude", -180, 180, required=True, whole=False)


def check_coupon(node: Node) -> None:
    """A coupon message."""
    node.text("couponId", None, required=True)
    node.text("deliveryTag", 30, pattern=_DELIVERY_TAG)


def _unit_at(text: str, index: int) -> str | None:
    if index >= units(text):
        return None
    raw = text.encode("utf-16-le", "surrogatepass")[2 * index : 2 * index + 2]
    return raw.decode("utf-16-le", "replace")


def _check_substitution(given: Node, name: str) -> None:
    if not _SUBSTITUTION.fullmatch(name):
        given.report(name[:40], Reason("substitution_name"))
        return
    value = given.child(name, required=True)
    kind = value.choice("type", ["mention", "emoji"], required=True) if value else None
    if value and kind == "emoji":
        value.text("productId", None, required=True)
        value.text("emojiId", None, required=True)
    mentionee = value.child("mentionee", required=True) if value and kind == "mention" else None
    if mentionee and mentionee.choice("type", ["user", "all"], required=True) == "user":
        mentionee.text("userId", None, required=True)


def _check_placeholders(node: Node, text: str, names: set[str], given: dict[str, Any]) -> None:
    used: dict[str, int] = {"mention": 0, "emoji": 0}
    for token in _V2_TOKEN.finditer(text):
        if token[0] in {"{{", "}}"}:
            continue
        name = token[1]
        if name is None:
            node.report("text", Reason("single_brace", brace=token[0]))
            return
        if name not in names:
            node.report("text", Reason("no_substitution", name=name[:40]))
            return
        kind = given[name].get("type") if isinstance(given[name], dict) else None
        if isinstance(kind, str) and kind in used:
            used[kind] += 1
    for kind, count in used.items():
        if count > 20:
            node.report("text", Reason("line_marks", has=count, kind=kind, most=20))
