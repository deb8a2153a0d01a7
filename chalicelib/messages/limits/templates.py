"""Template messages: buttons, confirm, carousel, image carousel.

https://developers.line.biz/en/reference/messaging-api/#template-messages
"""

from __future__ import annotations

from collections.abc import Callable

from chalicelib.messages.limits.actions import IMAGE_CAROUSEL, TEMPLATE, TEMPLATE_DEFAULT, check_action
from chalicelib.messages.limits.imagemap import ALT_TEXT
from chalicelib.messages.limits.spot import Spot
from chalicelib.messages.text import graphemes
from chalicelib.shared.reasons import Reason


def check_template(spot: Spot) -> None:
    """A template message."""
    spot.text("altText", ALT_TEXT, required=True)
    inner = spot.child("template", required=True)
    kind = inner.choice("type", list(_CHECKS), required=True) if inner else None
    if inner and kind:
        _CHECKS[kind](inner)


def _buttons(spot: Spot) -> None:
    _picture(spot)
    spot.text("title", 40, count=graphemes)
    spot.text("text", 60 if _has_head(spot) else 160, required=True, count=graphemes)
    _default_action(spot)
    _actions(spot, 1, 4)


def _confirm(spot: Spot) -> None:
    spot.text("text", 240, required=True, count=graphemes)
    _actions(spot, 2, 2)


def _carousel(spot: Spot) -> None:
    _shape(spot)
    columns = list(spot.children("columns", 1, 10))
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


def _image_carousel(spot: Spot) -> None:
    for column in spot.children("columns", 1, 10):
        column.url("imageUrl", required=True)
        action = column.child("action", required=True)
        if action:
            check_action(action, IMAGE_CAROUSEL)


_CHECKS: dict[str, Callable[[Spot], None]] = {
    "buttons": _buttons,
    "confirm": _confirm,
    "carousel": _carousel,
    "image_carousel": _image_carousel,
}


def _same(columns: list[Spot], key: str, trait: Callable[[Spot], object], why: Reason) -> None:
    for column in columns[1:]:
        if trait(column) != trait(columns[0]):
            column.say(key, why)


def _count_of_actions(column: Spot) -> int:
    actions = column.value.get("actions")
    return len(actions) if isinstance(actions, list) else 0


def _picture(spot: Spot) -> None:
    spot.url("thumbnailImageUrl")
    _shape(spot)


def _shape(spot: Spot) -> None:
    spot.choice("imageAspectRatio", ["rectangle", "square"])
    spot.colour("imageBackgroundColor")
    spot.choice("imageSize", ["cover", "contain"])


def _has_head(spot: Spot) -> bool:
    return spot.has("title") or spot.has("thumbnailImageUrl")


def _default_action(spot: Spot) -> None:
    action = spot.child("defaultAction")
    if action:
        check_action(action, TEMPLATE_DEFAULT)


def _actions(spot: Spot, least: int, most: int) -> None:
    for action in spot.children("actions", least, most):
        check_action(action, TEMPLATE)
