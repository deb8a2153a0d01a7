"""LINE's rules for a rich menu object. https://developers.line.biz/en/reference/messaging-api/#rich-menu-structure

Its ``name`` is ours: LINE shows it to nobody, and we know our menus by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.messages.limits.actions import RICH_MENU, check_action
from chalicelib.messages.limits.node import Node
from chalicelib.messages.text import graphemes
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason

WIDEST, NARROWEST, LOWEST, FLATTEST = 2500, 800, 250, 1.45
MOST_AREAS = 20


def check(menu: dict[str, Any], path: str) -> list[Detail]:
    """What LINE refuses of a menu, by path."""
    found: list[Detail] = []
    node = Node(menu, path, found)
    width, height = _size(node)
    node.flag("selected")
    node.text("name", 300, count=graphemes)
    node.text("chatBarText", 14, required=True, count=graphemes)
    for area in node.children("areas", 0, MOST_AREAS):
        _area(area, width, height)
    return found


def _size(menu: Node) -> tuple[float | None, float | None]:
    size = menu.child("size", required=True)
    if size is None:
        return None, None
    width = size.number("width", NARROWEST, WIDEST, required=True)
    height = size.number("height", LOWEST, required=True)
    if width and height and width / height < FLATTEST:
        size.report("height", Reason("menu_too_high", most=int(width / FLATTEST)))
    return width, height


def _area(area: Node, width: float | None, height: float | None) -> None:
    bounds = area.child("bounds", required=True)
    if bounds is not None:
        _inside(bounds, "x", "width", width)
        _inside(bounds, "y", "height", height)
    action = area.child("action", required=True)
    if action is not None:
        check_action(action, RICH_MENU)


def _inside(bounds: Node, begin: str, length: str, most: float | None) -> None:
    """An area lies within its menu: what sticks out cannot be tapped."""
    first = bounds.number(begin, 0, most, required=True)
    long = bounds.number(length, 1, most, required=True)
    if first is not None and long is not None and most is not None and first + long > most:
        bounds.report(length, Reason("menu_area_outside", most=int(most - first)))


def tabs(menu: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each alias that an area switches to, with the area's path in the menu."""
    for n, area in enumerate(menu.get("areas") or ()):
        action = area.get("action") or {}
        if action.get("type") == "richmenuswitch":
            yield f"areas[{n}].action.richMenuAliasId", str(action.get("richMenuAliasId"))
