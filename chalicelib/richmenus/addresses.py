"""What an area opens besides plain addresses: tracked links, forms, the friend's page, behind LIFF. Pure.

A menu is the same for everybody, so it is LIFF that says whose tap it is. An author writes the variable that
messages have (``{{ link("spring") }}``) as the whole ``uri``; LINE is given the address that it stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from chalicelib.catalog.kinds import Body, Reference
from chalicelib.links import service as links
from chalicelib.links.liff_addresses import ForEverybody
from chalicelib.messages import variables
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.template import DOCUMENTS, Expression, TemplateProblem, has_expressions, parse

_SAMPLE = "https://liff.line.me/0000000000-00000000/r/account.link"
"""What LINE's rules are asked about in the place of a variable."""


def _written(menu: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The path and action of each area whose address is a variable."""
    areas = menu.get("areas")
    for n, area in enumerate(areas if isinstance(areas, list) else ()):
        action = _action(area)
        uri = action.get("uri")
        if isinstance(uri, str) and has_expressions(uri):
            yield f"areas[{n}].action.uri", action


def _action(area: Any) -> dict[str, Any]:
    """What an area does; nothing of one whose shape is wrong."""
    action = area.get("action") if isinstance(area, dict) else None
    return action if isinstance(action, dict) else {}


def _meant(uri: str) -> Expression | None:
    """What an address stands for; None: it is none that a menu can have."""
    try:
        parts = parse(uri.strip())
    except TemplateProblem:
        return None
    one = parts[0]
    if len(parts) > 1 or not isinstance(one, Expression) or one.filters:
        return None
    is_page = one.kind == "variable" and one.path == variables.PREFERENCES
    return one if one.kind in {"link", "form"} or is_page else None


def link_of(action: Mapping[str, Any]) -> str | None:
    """The tracked link that an area opens, if it opens one."""
    found = _meant(str(action.get("uri") or ""))
    return found.name if found is not None and found.kind == "link" else None


def unfit(menu: Mapping[str, Any], path: str) -> Iterator[Detail]:
    """Addresses with variables that a menu cannot have."""
    for where, action in _written(menu):
        if _meant(action["uri"]) is None:
            yield Detail(f"{path}.{where}", Reason("menu_address"))


def references(menu: Mapping[str, Any], path: str) -> Iterator[Reference]:
    """The documents that its addresses lead to."""
    for where, action in _written(menu):
        found = _meant(action["uri"])
        if found is not None and found.kind in DOCUMENTS:
            yield Reference(f"{path}.{where}", DOCUMENTS[found.kind], found.name)


def behind_liff(menu: Mapping[str, Any]) -> Iterator[str]:
    """The paths of what needs the account's LIFF app."""
    return (where for where, _ in _written(menu))


def sample(menu: Body) -> Body:
    """The menu as LINE's rules are asked about it."""
    return _filled(menu, lambda _: _SAMPLE)


def filled(menu: Body, account: str, liff: ForEverybody) -> Body:
    """The menu as LINE shows it."""

    def address(uri: str) -> str:
        found = _meant(uri)
        if found is None or found.kind == "variable":
            return liff.address("p")
        return liff.address(
            f"r/{links.code(account, found.name)}" if found.kind == "link" else f"f/{found.name}"
        )

    return _filled(menu, address)


def _filled(menu: Body, address: Callable[[str], str]) -> Body:
    wanted = {id(action) for _, action in _written(menu)}
    if not wanted:
        return menu

    def made(area: Any) -> Any:
        action = _action(area)
        return {**area, "action": {**action, "uri": address(action["uri"])}} if id(action) in wanted else area

    return {**menu, "areas": [made(area) for area in menu["areas"]]}
