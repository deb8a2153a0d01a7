"""Flex messages: the container's tree, property by property as LINE checks it (unknown ones are refused)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from chalicelib.local.line.validation import actions
from chalicelib.local.line.validation.actions import check_action
from chalicelib.local.line.validation.report import Part, Report

BUBBLE_SIZES = ("nano", "micro", "deca", "hecto", "kilo", "mega", "giga")
_SIZES = ("xxs", "xs", "sm", "md", "lg", "xl", "xxl", "3xl", "4xl", "5xl")
_SPACES = ("none", "xs", "sm", "md", "lg", "xl", "xxl")
_BORDERS = ("none", "light", "normal", "medium", "semi-bold", "bold")
_PIXELS = re.compile(r"\d+(\.\d+)?px\Z")
_LENGTH = re.compile(r"\d+(\.\d+)?(px|%)\Z")
_SHIFT = re.compile(r"-?\d+(\.\d+)?(px|%)\Z")
_PERCENT = re.compile(r"(\d{1,2}(\.\d+)?|100(\.0+)?)%\Z")
_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}([0-9A-Fa-f]{2})?\Z")
_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)\Z")
_DEEPEST = 12
_MOST = 2**31 - 1

_PLACED = {"margin", "position", "offsetTop", "offsetBottom", "offsetStart", "offsetEnd"}
_PADDING = {"paddingAll", "paddingTop", "paddingBottom", "paddingStart", "paddingEnd"}
_LETTERS = {"text", "size", "color", "weight", "style", "decoration"}
KNOWN: dict[str, set[str]] = {
    "box": _PLACED
    | _PADDING
    | {"layout", "flex", "contents", "spacing", "backgroundColor", "borderColor", "borderWidth"}
    | {"cornerRadius", "width", "maxWidth", "height", "maxHeight", "action", "justifyContent", "alignItems"}
    | {"background"},
    "button": _PLACED | {"flex", "color", "style", "action", "gravity", "height", "adjustMode", "scaling"},
    "image": _PLACED
    | {"url", "flex", "align", "gravity", "size", "aspectRatio", "aspectMode", "backgroundColor", "action"}
    | {"animated"},
    "video": {"url", "previewUrl", "altContent", "aspectRatio", "action"},
    "icon": _PLACED | {"url", "size", "aspectRatio", "scaling"},
    "text": _PLACED
    | _LETTERS
    | {"flex", "align", "gravity", "wrap", "lineSpacing", "action", "maxLines", "contents", "adjustMode"}
    | {"scaling"},
    "span": set(_LETTERS),
    "separator": {"margin", "color"},
    "filler": {"flex"},
}
_CHOICES = {
    "position": ("relative", "absolute"),
    "align": ("start", "end", "center"),
    "gravity": ("top", "bottom", "center"),
    "weight": ("regular", "bold"),
    "decoration": ("none", "underline", "line-through"),
    "aspectMode": ("fit", "cover"),
    "adjustMode": ("shrink-to-fit",),
    "justifyContent": ("center", "flex-start", "flex-end", "space-between", "space-around", "space-evenly"),
    "alignItems": ("center", "flex-start", "flex-end"),
}
_COLOURS = ("color", "backgroundColor", "borderColor")
_IN_BASELINE = {"icon", "text", "filler"}
_IN_BOX = {"box", "button", "image", "text", "separator", "filler"}


def check_flex(contents: Any) -> list[dict[str, str]]:
    """What is wrong with a Flex container; places are JSON pointers, as LINE gives them."""
    report = Report(pointers=True)
    root = Part(contents, "", report)
    if root.type == "bubble":
        _within(root, 30 * 1024)
        _bubble(root, in_carousel=False)
    elif root.type == "carousel":
        _within(root, 50 * 1024)
        root.only({"type", "contents"})
        bubbles = list(root.items("contents", 1, 12))
        for bubble in bubbles:
            _bubble(bubble, in_carousel=True)
        if len({bubble.word("size") or "mega" for bubble in bubbles}) > 1:
            root.child("contents").wrong("all bubbles must have the same size")
    else:
        root.wrong("invalid property")
    return report.details


def _within(root: Part, most: int) -> None:
    if len(json.dumps(root.value, ensure_ascii=False, separators=(",", ":")).encode()) > most:
        root.wrong("too large")


def _bubble(part: Part, *, in_carousel: bool) -> None:
    if not isinstance(part.value, dict) or part.type != "bubble":
        part.wrong("invalid property")
        return
    part.only({"type", "size", "direction", "header", "hero", "body", "footer", "styles", "action"})
    _pick(part, "size", BUBBLE_SIZES)
    _pick(part, "direction", ("ltr", "rtl"))
    if not any(part.value.get(block) is not None for block in ("header", "hero", "body", "footer")):
        part.wrong("at least one block must be specified")
    for block in ("header", "body", "footer"):
        child = part.child(block)
        if child.value is not None:
            _component(child, {"box"}, 0)
    hero = part.child("hero")
    if hero.value is not None:
        video = not in_carousel and part.word("size") in {"", "kilo", "mega", "giga"}
        _component(hero, {"box", "image", "video"} if video else {"box", "image"}, 0)
    styles = part.child("styles")
    if styles.value is not None and styles.is_object():
        styles.only({"header", "hero", "body", "footer"})
        for block in styles.value:
            _style(styles.child(block))
    if part.child("action").value is not None:
        check_action(part.child("action"), actions.FLEX)


def _style(part: Part) -> None:
    if part.is_object():
        part.only({"backgroundColor", "separator", "separatorColor"})
        part.flag("separator")
        for name in ("backgroundColor", "separatorColor"):
            _match(part, name, _COLOUR)


def _component(part: Part, allowed: set[str], depth: int) -> None:
    if not isinstance(part.value, dict) or part.type not in allowed or depth > _DEEPEST:
        part.wrong("invalid property")
        return
    part.only(KNOWN[part.type] | {"type"})
    for name, values in _CHOICES.items():
        _pick(part, name, values)
    for name in _COLOURS:
        _match(part, name, _COLOUR)
    _match(part, "margin", _PIXELS, _SPACES)
    for name in ("offsetTop", "offsetBottom", "offsetStart", "offsetEnd"):
        _match(part, name, _SHIFT, _SPACES)
    if part.value.get("flex") is not None:
        part.number("flex", 0, _MOST)
    for name in ("wrap", "scaling", "animated"):
        part.flag(name)
    _KINDS[part.type](part, depth)
    if part.child("action").value is not None and part.type != "button":
        check_action(part.child("action"), actions.FLEX)


def _box(part: Part, depth: int) -> None:
    _pick(part, "layout", ("horizontal", "vertical", "baseline"), required=True)
    for name in _PADDING:
        _match(part, name, _LENGTH, _SPACES)
    for name in ("spacing", "cornerRadius"):
        _match(part, name, _PIXELS, _SPACES)
    _match(part, "borderWidth", _PIXELS, _BORDERS)
    for name in ("width", "maxWidth", "height", "maxHeight"):
        _match(part, name, _LENGTH)
    background = part.child("background")
    if background.value is not None and background.is_object():
        background.only({"type", "angle", "startColor", "endColor", "centerColor", "centerPosition"})
        _pick(background, "type", ("linearGradient",), required=True)
        _match(background, "angle", re.compile(r"\d+(\.\d+)?deg\Z"), required=True)
        _match(background, "startColor", _COLOUR, required=True)
        _match(background, "endColor", _COLOUR, required=True)
        _match(background, "centerColor", _COLOUR)
        _match(background, "centerPosition", _PERCENT)
    inside = _IN_BASELINE if part.value.get("layout") == "baseline" else _IN_BOX
    if not isinstance(part.value.get("contents"), list):
        part.child("contents").wrong("must be specified")
        return
    for child in part.items("contents", 0, 1000):
        _component(child, inside, depth + 1)


def _button(part: Part, _depth: int) -> None:
    _pick(part, "style", ("primary", "secondary", "link"))
    _pick(part, "height", ("sm", "md"))
    check_action(part.child("action"), actions.FLEX_BUTTON)


def _image(part: Part, _depth: int) -> None:
    part.url("url")
    _match(part, "size", _LENGTH, (*_SIZES, "full"))
    _aspect(part)


def _video(part: Part, depth: int) -> None:
    part.url("url")
    part.url("previewUrl")
    _aspect(part)
    _component(part.child("altContent"), {"box", "image"}, depth + 1)


def _icon(part: Part, _depth: int) -> None:
    part.url("url")
    _match(part, "size", _LENGTH, _SIZES)
    _aspect(part)


def _text(part: Part, depth: int) -> None:
    spans = part.value.get("contents")
    if not part.value.get("text") and not spans:
        part.child("text").wrong("must be non-empty text")
    elif part.value.get("text") is not None and not isinstance(part.value["text"], str):
        part.child("text").wrong("Must be a string")
    _match(part, "size", _PIXELS, _SIZES)
    _pick(part, "style", ("normal", "italic"))
    _match(part, "lineSpacing", _PIXELS)
    if part.value.get("maxLines") is not None:
        part.number("maxLines", 0, _MOST)
    if spans is not None:
        for span in part.items("contents", 0, 1000):
            _component(span, {"span"}, depth + 1)


def _span(part: Part, _depth: int) -> None:
    if not isinstance(part.value.get("text"), str):
        part.child("text").wrong("must be specified")
    _match(part, "size", _PIXELS, _SIZES)
    _pick(part, "style", ("normal", "italic"))


def _plain(_part: Part, _depth: int) -> None:
    """Separators and fillers have nothing of their own."""


def _aspect(part: Part) -> None:
    value = part.value.get("aspectRatio")
    if value is None:
        return
    found = _RATIO.match(value) if isinstance(value, str) else None
    if not found or not 0 < float(found[2]) <= 3 * float(found[1]):
        part.child("aspectRatio").wrong("invalid property")


def _pick(part: Part, name: str, values: tuple[str, ...], *, required: bool = False) -> None:
    value = part.value.get(name)
    if (value is None and required) or (value is not None and value not in values):
        part.child(name).wrong("invalid property" if value is not None else "must be specified")


def _match(
    part: Part, name: str, pattern: re.Pattern[str], words: tuple[str, ...] = (), *, required: bool = False
) -> None:
    value = part.value.get(name)
    if value is None:
        if required:
            part.child(name).wrong("must be specified")
    elif not isinstance(value, str) or not (value in words or pattern.match(value)):
        part.child(name).wrong("invalid property")


_KINDS: dict[str, Callable[[Part, int], None]] = {
    "box": _box,
    "button": _button,
    "image": _image,
    "video": _video,
    "icon": _icon,
    "text": _text,
    "span": _span,
    "separator": _plain,
    "filler": _plain,
}
