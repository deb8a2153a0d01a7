"""Imagemap messages. https://developers.line.biz/en/reference/messaging-api/#imagemap-message"""

from __future__ import annotations

from chalicelib.messages.limits.actions import URI_SCHEMES
from chalicelib.messages.limits.node import Node

ALT_TEXT = 1500
_LINK = 1000


def check_imagemap(node: Node) -> None:
    """An imagemap: one image in five sizes, with areas to tap."""
    node.url("baseUrl", required=True)
    node.text("altText", ALT_TEXT, required=True)
    size = node.child("baseSize", required=True)
    if size:
        size.number("width", 1040, 1040, required=True)
        size.number("height", 1, required=True)
    for action in node.children("actions", 0, 50):
        _check_area_action(action)
    video = node.child("video")
    if video:
        _check_video(video)


def _check_area_action(action: Node) -> None:
    kind = action.choice("type", ["uri", "message", "clipboard"], required=True)
    action.text("label", 100)
    if kind == "uri":
        action.url("linkUri", _LINK, URI_SCHEMES, required=True)
    elif kind == "message":
        action.text("text", 400, required=True)
    elif kind == "clipboard":
        action.text("clipboardText", 1000, required=True)
    _check_area(action)


def _check_area(node: Node) -> None:
    area = node.child("area", required=True)
    if area:
        for key in ("x", "y", "width", "height"):
            area.number(key, 0, required=True)


def _check_video(video: Node) -> None:
    video.url("originalContentUrl", required=True)
    video.url("previewImageUrl", required=True)
    _check_area(video)
    link = video.child("externalLink")
    if link:
        link.url("linkUri", _LINK, URI_SCHEMES, required=True)
        link.text("label", 30, required=True)
