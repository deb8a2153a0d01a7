"""Flex messages: bubbles, carousels and their components.

https://developers.line.biz/en/reference/messaging-api/#flex-message
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from typing import Any

from chalicelib.messages.limits.actions import FLEX, FLEX_BUTTON, check_action
from chalicelib.messages.limits.imagemap import ALT_TEXT
from chalicelib.messages.limits.node import Node, is_open
from chalicelib.shared.reasons import Reason

BUBBLE_BYTES = 30 * 1024
CAROUSEL_BYTES = 50 * 1024
_SIZES = ("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")
_VIDEO_SIZES = ("kilo", "mega", "giga")
_RATIO = re.compile(r"([0-9]{1,6}(?:\.[0-9]+)?):([0-9]{1,6}(?:\.[0-9]+)?)")
_ONE_OF: dict[str, tuple[str, ...]] = {
    "align": ("start", "end", "center"),
    "gravity": ("top", "bottom", "center"),
    "position": ("relative", "absolute"),
    "justifyContent": ("center", "flex-start", "flex-end", "space-between", "space-around", "space-evenly"),
    "alignItems": ("center", "flex-start", "flex-end"),
    "weight": ("regular", "bold"),
    "decoration": ("none", "underline", "line-through"),
    "adjustMode": ("shrink-to-fit",),
}
_KEYWORDS = ("none", "xs", "sm", "md", "lg", "xl", "xxl")
_FONT_SIZES = ("xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl")
_BORDERS = ("none", "light", "normal", "medium", "semi-bold", "bold")
_PIXELS = re.compile(r"[0-9]+(\.[0-9]+)?px")
_LENGTH = re.compile(r"[0-9]+(\.[0-9]+)?(px|%)")
_SHIFT = re.compile(r"-?[0-9]+(\.[0-9]+)?(px|%)")
_Form = tuple[re.Pattern[str], Reason, tuple[str, ...]]
_SPACE: _Form = (_PIXELS, Reason("form_pixels", example="10px"), _KEYWORDS)
_PADDING: _Form = (_LENGTH, Reason("form_length", pixels="10px", share="5%"), _KEYWORDS)
_OFFSET: _Form = (_SHIFT, Reason("form_length", pixels="10px", share="5%"), _KEYWORDS)
_EDGE: _Form = (_LENGTH, Reason("form_length", pixels="10px", share="50%"), ())
_FORMS: dict[str, _Form] = {
    "margin": _SPACE,
    "spacing": _SPACE,
    "cornerRadius": _SPACE,
    "borderWidth": (_PIXELS, Reason("form_pixels", example="2px"), _BORDERS),
    "lineSpacing": (_PIXELS, Reason("form_pixels", example="20px"), ()),
    **dict.fromkeys(("offsetTop", "offsetBottom", "offsetStart", "offsetEnd"), _OFFSET),
    **dict.fromkeys(("paddingAll", "paddingTop", "paddingBottom", "paddingStart", "paddingEnd"), _PADDING),
}
_OWN_FORMS: dict[str, dict[str, _Form]] = {
    "box": dict.fromkeys(("width", "maxWidth", "height", "maxHeight"), _EDGE),
    "text": {"size": (_PIXELS, Reason("form_pixels", example="14px"), _FONT_SIZES)},
    "span": {"size": (_PIXELS, Reason("form_pixels", example="14px"), _FONT_SIZES)},
    "icon": {"size": (_LENGTH, Reason("form_length", pixels="20px", share="10%"), _FONT_SIZES)},
    "image": {"size": (_LENGTH, Reason("form_length", pixels="200px", share="50%"), (*_FONT_SIZES, "full"))},
}
"""Words, pixels and percentages as the reference has them; offsets below zero are used and taken."""
_ANGLE = re.compile(r"([0-9]{1,2}|[12][0-9][0-9]|3[0-5][0-9])(\.[0-9]+)?deg")
_PERCENT = re.compile(r"([0-9]{1,2}(\.[0-9]+)?|100(\.0+)?)%")
_MOST_ANIMATED = 10
_MOST = 2**31 - 1
"""LINE keeps whole numbers in 32 bits."""
_FONT_STYLES = ("normal", "italic")
_COLOUR_KEYS = ("color", "backgroundColor", "borderColor", "separatorColor")


def check_flex(node: Node) -> None:
    """A Flex message."""
    node.text("altText", ALT_TEXT, required=True)
    contents = node.child("contents", required=True)
    kind = contents.choice("type", ["bubble", "carousel"], required=True) if contents else None
    if contents and kind == "bubble":
        _check_size(contents, BUBBLE_BYTES, "bubble")
        _check_bubble(contents, in_carousel=False)
    elif contents and kind == "carousel":
        _check_carousel(contents)
    animated = _count_animated(contents.value) if contents else 0
    if animated > _MOST_ANIMATED:
        node.report("contents", Reason("line_animated", has=animated, most=_MOST_ANIMATED))


def _count_animated(contents: Any) -> int:
    count, stack = 0, [contents]
    while stack:
        inner = stack.pop()
        if isinstance(inner, dict):
            count += inner.get("type") == "image" and inner.get("animated") is True
            stack.extend(inner.values())
        elif isinstance(inner, list):
            stack.extend(inner)
    return count


def _check_carousel(node: Node) -> None:
    _check_size(node, CAROUSEL_BYTES, "carousel")
    bubbles = list(node.children("contents", 1, 12))
    for bubble in bubbles:
        bubble.choice("type", ["bubble"], required=True)
        _check_size(bubble, BUBBLE_BYTES, "bubble")
        _check_bubble(bubble, in_carousel=True)
        sizes = [one.value.get("size", "mega") for one in (bubbles[0], bubble)]
        if sizes[0] != sizes[1] and not any(map(is_open, sizes)):
            bubble.report("size", Reason("bubbles_one_size"))


def _check_size(node: Node, most: int, kind: str) -> None:
    size = len(json.dumps(node.value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace"))
    if size > most:
        node.report("", Reason("line_bytes", size=f"{size:,}", most=f"{most:,}", kind=kind))


def _check_bubble(node: Node, *, in_carousel: bool) -> None:
    size = node.choice("size", _SIZES)
    node.choice("direction", ["ltr", "rtl"])
    parts = [key for key in ("header", "hero", "body", "footer") if node.has(key)]
    if not parts:
        node.report("", Reason("bubble_parts"))
    for key in parts:
        block = node.child(key)
        if block is None:
            continue
        allowed = ["box", "image", "video"] if key == "hero" else ["box"]
        kind = block.value.get("type")
        small = size is not None and size not in _VIDEO_SIZES
        if kind == "video" and (in_carousel or small):
            block.report("type", Reason("video_place"))
        _check_component(block, "hero", allowed)
    _check_tap(node)
    styles = node.child("styles")
    if styles:
        for key in ("header", "hero", "body", "footer"):
            style = styles.child(key)
            if style:
                _check_colours(style)
                style.flag("separator")


def _check_component(node: Node, layout: str, allowed: Collection[str]) -> None:
    kind = node.choice("type", allowed, required=True)
    if kind is None:
        return
    _check_looks(node, kind)
    _COMPONENTS[kind](node, layout)


def _box(node: Node, _layout: str) -> None:
    layout = node.choice("layout", ["horizontal", "vertical", "baseline"], required=True)
    for inner in node.children("contents", 0, None):
        _check_component(inner, layout or "", _IN_A_BOX.get(layout or "", _IN_ANY_BOX))
    background = node.child("background")
    if background:
        background.choice("type", ["linearGradient"], required=True)
        background.form("angle", _ANGLE, Reason("form_angle"), required=True)
        for key in ("startColor", "endColor"):
            background.colour(key, required=True)
        background.colour("centerColor")
        background.form("centerPosition", _PERCENT, Reason("form_percent"))
    _check_tap(node)


def _button(node: Node, _layout: str) -> None:
    action = node.child("action", required=True)
    if action:
        check_action(action, FLEX_BUTTON)
    node.choice("style", ["primary", "secondary", "link"])
    node.choice("height", ["sm", "md"])


def _image(node: Node, _layout: str) -> None:
    node.url("url", required=True)
    _check_ratio(node)
    node.choice("aspectMode", ["cover", "fit"])
    _check_tap(node)


def _video(node: Node, _layout: str) -> None:
    node.url("url", required=True)
    node.url("previewUrl", required=True)
    _check_ratio(node)
    instead = node.child("altContent", required=True)
    if instead:
        _check_component(instead, "hero", ["box", "image"])
    _check_tap(node)


def _icon(node: Node, _layout: str) -> None:
    node.url("url", required=True)
    _check_ratio(node)


def _text(node: Node, _layout: str) -> None:
    if not node.has("contents"):
        node.text("text", None, required=True)
    node.choice("style", _FONT_STYLES)
    for span in node.children("contents", 0, None, required=False):
        span.choice("type", ["span"], required=True)
        span.text("text", None)
        span.choice("style", _FONT_STYLES)
        _check_looks(span, "span")
    _check_tap(node)


def _nothing_to_check(_node: Node, _layout: str) -> None:
    return


_COMPONENTS: dict[str, Callable[[Node, str], None]] = {
    "box": _box,
    "button": _button,
    "image": _image,
    "video": _video,
    "icon": _icon,
    "text": _text,
    "span": _nothing_to_check,
    "separator": _nothing_to_check,
    "filler": _nothing_to_check,
}
_IN_A_ROW = ("box", "button", "image", "text", "separator", "filler")
_IN_A_BOX = {"horizontal": _IN_A_ROW, "vertical": _IN_A_ROW, "baseline": ("icon", "text", "filler")}
_IN_ANY_BOX = (*_IN_A_ROW, "icon")
"""Of a box whose layout is not known."""


def _check_tap(node: Node) -> None:
    action = node.child("action")
    if action:
        check_action(action, FLEX)


def _check_looks(node: Node, kind: str) -> None:
    _check_colours(node)
    for key, words in _ONE_OF.items():
        node.choice(key, words)
    for key, (pattern, what, keywords) in {**_FORMS, **_OWN_FORMS.get(kind, {})}.items():
        node.form(key, pattern, what, keywords)
    node.number("flex", 0, _MOST)
    node.number("maxLines", 0, _MOST)
    for key in ("wrap", "scaling", "animated"):
        node.flag(key)


def _check_colours(node: Node) -> None:
    for key in _COLOUR_KEYS:
        node.colour(key)


def _check_ratio(node: Node) -> None:
    value = node.text("aspectRatio", None)
    if value is None or is_open(value):
        return
    ratio = _RATIO.fullmatch(value)
    if not ratio or not (1 <= float(ratio[1]) <= 100_000 and 1 <= float(ratio[2]) <= 100_000):
        node.report("aspectRatio", Reason("ratio_form"))
    elif float(ratio[2]) > 3 * float(ratio[1]):
        node.report("aspectRatio", Reason("ratio_high"))
