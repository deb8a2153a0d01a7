"""Action objects, which differ a little with the place where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib.local.line.validation.report import Part, grapheme_length, utf16_length

EVERYWHERE = frozenset({"postback", "message", "uri", "datetimepicker", "clipboard"})
QUICK_REPLY_ONLY = frozenset({"camera", "cameraRoll", "location"})


@dataclass(frozen=True)
class Setting:
    """Where an action is: how long its label may be, and which types are known there."""

    label_most: int = 20
    label_required: bool = True
    types: frozenset[str] = EVERYWHERE


TEMPLATE = Setting()
TEMPLATE_DEFAULT = Setting(label_required=False)
IMAGE_COLUMN = Setting(label_most=12, label_required=False)
QUICK_REPLY = Setting(types=EVERYWHERE | QUICK_REPLY_ONLY)
RICH_MENU = Setting(label_required=False, types=EVERYWHERE | {"richmenuswitch"})
FLEX_BUTTON = Setting(label_most=40)
FLEX = Setting(label_most=40, label_required=False)

_FORMATS = {"date": ("%Y-%m-%d",), "time": ("%H:%M",), "datetime": ("%Y-%m-%dT%H:%M", "%Y-%m-%dt%H:%M")}


def check_action(part: Part, setting: Setting) -> None:
    """Everything LINE refuses about one action."""
    if not part.is_object():
        return
    if part.type not in setting.types:
        part.choice("type", sorted(setting.types), required=True)
        return
    part.text("label", setting.label_most, required=setting.label_required, count=grapheme_length)
    check = _CHECKS.get(part.type)
    if check:
        check(part)
    if setting is QUICK_REPLY and part.child("altUri").value is not None:
        part.child("altUri").wrong("May not be used in quick replies")


def _postback(part: Part) -> None:
    part.text("data", 300)
    part.text("displayText", 300, required=False, count=grapheme_length)
    part.text("text", 300, required=False, count=grapheme_length)
    if part.child("text").value and part.child("displayText").value:
        part.child("text").wrong("May not be used together with displayText")
    part.choice("inputOption", ("closeRichMenu", "openRichMenu", "openKeyboard", "openVoice"))
    part.text("fillInText", 300, required=False)
    if part.child("fillInText").value and part.child("inputOption").value != "openKeyboard":
        part.child("fillInText").wrong("May only be used with inputOption openKeyboard")


def _message(part: Part) -> None:
    part.text("text", 300, count=grapheme_length)


def _uri(part: Part) -> None:
    part.url("uri", most=10_000, schemes=("http", "https", "line", "tel"))
    desktop = part.child("altUri")
    if desktop.value is not None and desktop.is_object():
        desktop.url("desktop", most=10_000, schemes=("http", "https", "line", "tel"))


def _datetimepicker(part: Part) -> None:
    part.text("data", 300)
    part.choice("mode", tuple(_FORMATS), required=True)
    formats = _FORMATS.get(part.word("mode"), ())
    timestamps: dict[str, datetime] = {}
    for name in ("initial", "min", "max"):
        text = part.text(name, 16, required=False, count=utf16_length)
        if text is None or not formats:
            continue
        timestamp = _timestamp(text, formats)
        if timestamp is None or (formats != _FORMATS["time"] and not 1900 <= timestamp.year <= 2100):
            part.child(name).wrong("invalid format")
        else:
            timestamps[name] = timestamp
    low, high = timestamps.get("min"), timestamps.get("max")
    if low and high and low >= high:
        part.child("max").wrong("Must be later than min")


def _timestamp(text: str, formats: tuple[str, ...]) -> datetime | None:
    for pattern in formats:
        try:
            return datetime.strptime(text, pattern)  # noqa: DTZ007 (LINE's pickers have no time zone)
        except ValueError:
            continue
    return None


def _clipboard(part: Part) -> None:
    part.text("clipboardText", 1000)


def _switch(part: Part) -> None:
    part.text("richMenuAliasId", 32)
    part.text("data", 300)


_CHECKS: dict[str, Callable[[Part], None]] = {
    "postback": _postback,
    "message": _message,
    "uri": _uri,
    "datetimepicker": _datetimepicker,
    "clipboard": _clipboard,
    "richmenuswitch": _switch,
}
