"""Template messages: buttons, confirm, carousel, image carousel.

https://developers.line.biz/en/reference/messaging-api/#template-messages
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.messages.limits.actions import IMAGE_CAROUSEL, TEMPLATE, TEMPLATE_DEFAULT, check_action
from chalicelib.messages.limits.imagemap import ALT_TEXT
from chalicelib.messages.limits.node import Node
from chalicelib.messages.text import graphemes
from chalicelib.shared.reasons import Reason


def check_template(node: Node) -> None:
    """A template message."""
    node.text("altText", ALT_TEXT, required=True)
    inner = node.child("template", required=True)
    kind = inner.choice("type", list(_CHECKS), required=True) if inner else None
    if inner and kind:
        _CHECKS[kind](inner)


def _buttons(node: Node) -> None:
    _picture(node)
    node.text("title", 40, count=graphemes)
    node.text("text", 60 if _has_head(node) else 160, required=True, count=graphemes)
    _default_action(node)
    _actions(node, 1, 4)


def _confirm(node: Node) -> None:
    node.text("text", 240, required=True, count=graphemes)
    _actions(node, 2, 2)


def _carousel(node: Node) -> None:
    _shape(node)
    columns = list(node.children("columns", 1, 10))
    for column in columns:
        column.url("thumbnailImageUrl")
        column.colour("imageBackgroundColor")
        column.text("title", 40, count=graphemes)
        column.text("text", 60 if _has_head(column) else 120, required=True, count=graphemes)
        _default_action(column)
        _actions(column, 1, 3)
    _same(columns, "actions", _count_of_actions, Reason("columns_actions"))
    _same(columns, "title", lambda column: column.has("title"), Reason("columns_title"))
    _same(
        columns, "thumbnailImageUrl", lambda column: column.has("thumbnailImageUrl"), Reason("columns_image")
    )


def _image_carousel(node: Node) -> None:
    for column in node.children("columns", 1, 10):
        column.url("imageUrl", required=True)
        action = column.child("action", required=True)
        if action:
            check_action(action, IMAGE_CAROUSEL)


_CHECKS: dict[str, Callable[[Node], None]] = {
    "buttons": _buttons,
    "confirm": _confirm,
    "carousel": _carousel,
    "image_carousel": _image_carousel,
}


def _same(columns: list[Node], key: str, trait: Callable[[Node], object], why: Reason) -> None:
    for column in columns[1:]:
        if trait(column) != trait(columns[0]):
            column.report(key, why)


def _count_of_actions(column: Node) -> int:
    actions = column.value.get("actions")
    return len(actions) if isinstance(actions, list) else 0


def _picture(node: Node) -> None:
    node.url("thumbnailImageUrl")
    _shape(node)


def _shape(node: Node) -> None:
    node.choice("imageAspectRatio", ["rectangle", "square"])
    node.colour("imageBackgroundColor")
    node.choice("imageSize", ["cover", "contain"])


def _has_head(node: Node) -> bool:
    return node.has("title") or node.has("thumbnailImageUrl")


def _default_action(node: Node) -> None:
    action = node.child("defaultAction")
    if action:
        check_action(action, TEMPLATE_DEFAULT)


def _actions(node: Node, least: int, most: int) -> None:
    for action in node.children("actions", least, most):
        check_action(action, TEMPLATE)
