"""Template messages (buttons, confirm, carousel, image carousel) and imagemaps."""

from __future__ import annotations

from chalicelib.local.line.validation import actions
from chalicelib.local.line.validation.actions import check_action
from chalicelib.local.line.validation.report import Part, grapheme_length

_SHAPES = ("rectangle", "square")
_SIZES = ("cover", "contain")


def check_template(message: Part) -> None:
    """A message of type ``template``."""
    message.text("altText", 1500)
    template = message.child("template")
    if not template.is_object():
        return
    check = {
        "buttons": _buttons,
        "confirm": _confirm,
        "carousel": _carousel,
        "image_carousel": _image_carousel,
    }.get(template.type)
    if check is None:
        template.choice("type", ("buttons", "confirm", "carousel", "image_carousel"), required=True)
    else:
        check(template)


def _card(part: Part, text_most: int, actions_most: int) -> None:
    """What buttons and a carousel's column share: a picture, a title, a text, actions."""
    part.url("thumbnailImageUrl", required=False)
    part.text("title", 40, required=False, count=grapheme_length)
    decorated = part.value.get("thumbnailImageUrl") or part.value.get("title")
    part.text("text", 60 if decorated else text_most, count=grapheme_length)
    if part.child("defaultAction").value is not None:
        check_action(part.child("defaultAction"), actions.TEMPLATE_DEFAULT)
    for action in part.items("actions", 1, actions_most):
        check_action(action, actions.TEMPLATE)


def _buttons(part: Part) -> None:
    part.choice("imageAspectRatio", _SHAPES)
    part.choice("imageSize", _SIZES)
    _card(part, text_most=160, actions_most=4)


def _confirm(part: Part) -> None:
    part.text("text", 240, count=grapheme_length)
    for action in part.items("actions", 2, 2):
        check_action(action, actions.TEMPLATE)


def _carousel(part: Part) -> None:
    part.choice("imageAspectRatio", _SHAPES)
    part.choice("imageSize", _SIZES)
    shapes: set[tuple[int, bool, bool]] = set()
    for column in part.items("columns", 1, 10):
        if not column.is_object():
            continue
        _card(column, text_most=120, actions_most=3)
        found = column.value.get("actions")
        shapes.add(
            (
                len(found) if isinstance(found, list) else 0,
                bool(column.value.get("title")),
                bool(column.value.get("thumbnailImageUrl")),
            )
        )
    if len(shapes) > 1:
        part.child("columns").wrong(
            "All columns need the same number of actions, and titles and images alike"
        )


def _image_carousel(part: Part) -> None:
    for column in part.items("columns", 1, 10):
        if column.is_object():
            column.url("imageUrl")
            check_action(column.child("action"), actions.IMAGE_COLUMN)


def check_imagemap(message: Part) -> None:
    """A message of type ``imagemap``."""
    message.url("baseUrl")
    message.text("altText", 1500)
    size = message.child("baseSize")
    if size.is_object():
        size.number("width", 1040, 1040)
        size.number("height", 1, 100_000)
    for action in message.items("actions", 0, 50):
        if action.is_object():
            _imagemap_action(action)
    video = message.child("video")
    if video.value is not None and video.is_object():
        video.url("originalContentUrl")
        video.url("previewImageUrl")
        _area(video.child("area"))
        link = video.child("externalLink")
        if link.value is not None and link.is_object():
            link.url("linkUri", most=1000, schemes=("http", "https", "line", "tel"))
            link.text("label", 30)


def _imagemap_action(action: Part) -> None:
    action.text("label", 100, required=False, count=grapheme_length)
    _area(action.child("area"))
    if action.type == "uri":
        action.url("linkUri", most=1000, schemes=("http", "https", "line", "tel"))
    elif action.type == "message":
        action.text("text", 400)
    elif action.type == "clipboard":
        action.text("clipboardText", 1000)
    else:
        action.choice("type", ("uri", "message", "clipboard"), required=True)


def _area(area: Part) -> None:
    if area.is_object():
        for name in ("x", "y", "width", "height"):
            area.number(name, 0, 100_000)
