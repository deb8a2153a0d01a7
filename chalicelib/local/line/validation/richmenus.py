"""Rich menu objects. https://developers.line.biz/en/reference/messaging-api/#rich-menu-structure"""

from __future__ import annotations

from typing import Any

from chalicelib.local.line.validation import actions
from chalicelib.local.line.validation.messages import Refusal, refusal
from chalicelib.local.line.validation.report import Part, Report, grapheme_length


def check_rich_menu(value: Any) -> Refusal | None:
    """What LINE refuses about a rich menu object, or None."""
    report = Report()
    menu = Part(value, "", report)
    if not menu.is_object():
        return refusal(report)
    size = menu.child("size")
    if size.is_object():
        width = size.number("width", 800, 2500)
        height = size.number("height", 250, 10_000)
        if width and height and width / height < 1.45:
            size.wrong("The aspect ratio (width / height) must be at least 1.45")
    if not isinstance(menu.value.get("selected"), bool):
        menu.child("selected").wrong("May not be null")
    menu.text("name", 300, count=grapheme_length)
    menu.text("chatBarText", 14, count=grapheme_length)
    for area in menu.items("areas", 0, 20):
        if not area.is_object():
            continue
        bounds = area.child("bounds")
        if bounds.is_object():
            for name, least in (("x", 0), ("y", 0), ("width", 1), ("height", 1)):
                bounds.number(name, least, 2500)
        actions.check_action(area.child("action"), actions.RICH_MENU)
    return refusal(report) if report.details else None
