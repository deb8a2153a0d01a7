"""Action objects: what happens when a friend taps. https://developers.line.biz/en/reference/messaging-api/#action-objects"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from chalicelib.messages.limits.node import Node, is_open
from chalicelib.messages.text import graphemes
from chalicelib.shared.reasons import Reason

URI_LENGTH = 10_000
URI_SCHEMES = ("http", "https", "line", "tel")
_INPUT_OPTIONS = ("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice")
_QUICK_REPLY_ONLY = ("camera", "cameraRoll", "location")
ALIAS = re.compile(r"[a-z0-9_-]{1,32}")
"""The name of a tab: an alias of a rich menu."""
_TIME = r"([01]\d|2[0-3]):[0-5]\d"
_DATE = r"\d{4}-\d\d-\d\d"
_PICKER = {
    "date": re.compile(_DATE, re.ASCII),
    "time": re.compile(_TIME, re.ASCII),
    "datetime": re.compile(rf"{_DATE}[Tt]{_TIME}", re.ASCII),
}
_FIRST, _LAST = date(1900, 1, 1), date(2100, 12, 31)


@dataclass(frozen=True)
class Place:
    """Where an action is: how long its label may be, whether it needs one, and what is allowed there."""

    label: int
    label_required: bool
    quick_reply: bool = False
    rich_menu: bool = False


QUICK_REPLY = Place(20, True, quick_reply=True)
TEMPLATE = Place(20, True)
TEMPLATE_DEFAULT = Place(20, False)
IMAGE_CAROUSEL = Place(12, False)
FLEX_BUTTON = Place(40, True)
FLEX = Place(40, False)
RICH_MENU = Place(20, False, rich_menu=True)


def check_action(node: Node, place: Place) -> None:
    """The action under ``node`` works where it is."""
    kind = node.value.get("type")
    if kind == "richmenuswitch":
        _switch(node, place)
        return
    if kind in _QUICK_REPLY_ONLY and not place.quick_reply:
        node.report("type", Reason("quick_replies_only", action=str(kind)))
        return
    chosen = node.choice("type", [*_CHECKS, *_QUICK_REPLY_ONLY], required=True)
    if chosen is None:
        return
    node.text("label", place.label, required=place.label_required, count=graphemes)
    if chosen in _CHECKS:
        _CHECKS[chosen](node, place)


def _switch(node: Node, place: Place) -> None:
    if not place.rich_menu:
        node.report("type", Reason("rich_menus_only"))
        return
    node.text("label", place.label, count=graphemes)
    node.text("richMenuAliasId", 32, required=True, pattern=ALIAS)
    node.text("data", 300, required=True)


def _postback(node: Node, _place: Place) -> None:
    node.text("data", 300, required=True)
    node.text("displayText", 300, count=graphemes)
    node.text("text", 300, count=graphemes)
    if node.has("displayText") and node.has("text"):
        node.report("text", Reason("beside_display_text"))
    option = node.choice("inputOption", _INPUT_OPTIONS)
    node.text("fillInText", 300, count=graphemes)
    if node.has("fillInText") and option != "openKeyboard":
        node.report("fillInText", Reason("needs_open_keyboard"))


def _message(node: Node, _place: Place) -> None:
    node.text("text", 300, required=True, count=graphemes)


def _uri(node: Node, place: Place) -> None:
    node.url("uri", URI_LENGTH, URI_SCHEMES, required=True)
    other = node.child("altUri")
    if other is None:
        return
    if place.quick_reply:
        node.report("altUri", Reason("not_in_quick_replies"))
    other.url("desktop", URI_LENGTH, URI_SCHEMES)


def _datetimepicker(node: Node, _place: Place) -> None:
    node.text("data", 300, required=True)
    mode = node.choice("mode", list(_PICKER), required=True)
    if mode is None:
        return
    bounds: dict[str, str] = {}
    for key in ("initial", "max", "min"):
        value = node.text(key, None)
        if value is None or is_open(value):
            continue
        if not _can_be_picked(mode, value):
            node.report(key, Reason("not_a_moment", kind=mode, example=_EXAMPLES[mode]))
        else:
            bounds[key] = value.upper()
    if "max" in bounds and bounds["max"] <= bounds.get("min", ""):
        node.report("max", Reason("later_than_min"))


def _can_be_picked(mode: str, value: str) -> bool:
    if not _PICKER[mode].fullmatch(value):
        return False
    try:
        return mode == "time" or _FIRST <= date.fromisoformat(value[:10]) <= _LAST
    except ValueError:
        return False


_EXAMPLES = {"date": "2026-12-25", "time": "09:30", "datetime": "2026-12-25T09:30"}


def _clipboard(node: Node, _place: Place) -> None:
    node.text("clipboardText", 1000, required=True)


_CHECKS: dict[str, Callable[[Node, Place], None]] = {
    "postback": _postback,
    "message": _message,
    "uri": _uri,
    "datetimepicker": _datetimepicker,
    "clipboard": _clipboard,
}
