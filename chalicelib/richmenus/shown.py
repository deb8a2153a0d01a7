"""Which menu a friend sees: a pure function of their sheet, what is published, and the time.

Of what each friend is linked to at LINE nothing is kept. On the sheet is only what an action has
switched to (``menu``: ``{"id", "at", "until"?}``); everything else follows from the sheet as it is, so that
no publication, and no night, writes a friend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.conditions.model import Context, Predicate
from chalicelib.events.sheet import Sheet
from chalicelib.richmenus.documents import KIND, published
from chalicelib.shared.times import iso, parse_iso

FIELD: Final = "menu"
"""Of a sheet: what an action has switched to."""
GONE = frozenset({"blocked", "erased"})
"""Of whom sees no menu, nothing is asked of LINE."""


@dataclass(frozen=True)
class Rule:
    """Who sees a menu (``condition`` None: everybody) and when."""

    menu: str
    condition: Predicate | None
    since: str | None
    until: str | None

    def is_open(self, at: str) -> bool:
        """Whether it is in force at a moment."""
        return (self.since is None or at >= self.since) and (self.until is None or at < self.until)


@dataclass(frozen=True)
class Shown:
    """The menus that friends may see: LINE's ids of them, and the rules in the order in which they are asked.
    ``needs``: what of a sheet they look at.
    """

    ids: Mapping[str, str]
    rules: tuple[Rule, ...]
    needs: frozenset[str]

    def default(self, now: datetime) -> str | None:
        """The menu that LINE shows to whoever is linked to none: the first that everybody may see."""
        at = iso(now)
        return next((r.menu for r in self.rules if r.condition is None and r.is_open(at)), None)

    def menu(self, sheet: Sheet, now: datetime) -> str | None:
        """The menu that a friend should see; None: none."""
        at = iso(now)
        switched = switched_to(sheet, at)
        if switched in self.ids:
            return switched
        for rule in self.rules:
            if rule.is_open(at) and (rule.condition is None or rule.condition(sheet, now)):
                return rule.menu
        return None

    def link(self, sheet: Sheet, now: datetime) -> str | None:
        """LINE's id of the menu that a friend is to be linked to; None: to none, the default is theirs."""
        menu = self.menu(sheet, now)
        return None if menu is None or menu == self.default(now) else self.ids[menu]

    def next_change(self, after: str) -> str | None:
        """The first moment after one at which a period begins or ends."""
        edges = (edge for rule in self.rules for edge in (rule.since, rule.until))
        return min((edge for edge in edges if edge is not None and edge > after), default=None)


def switched_to(sheet: Mapping[str, Any], at: str) -> str | None:
    """The menu that an action has switched a friend to, while it lasts."""
    switch = sheet.get(FIELD)
    if not switch or (switch.get("until") is not None and at >= switch["until"]):
        return None
    return str(switch["id"])


def in_force(snapshot: Snapshot, zone: ZoneInfo) -> Shown:
    """What is published. A menu that LINE keeps already needs no publication to be switched to."""
    return snapshot.derived(("richmenus.shown", zone.key), lambda found: _shown(found, zone))


def _shown(snapshot: Snapshot, zone: ZoneInfo) -> Shown:
    body = published(snapshot)
    kept = {
        id_: document.body["rich_menu_id"]
        for id_, document in snapshot.all(KIND).items()
        if document.body.get("rich_menu_id")
    }
    return of(body["menus"] if body else {}, Context(snapshot, zone), kept)


def before(snapshot: Snapshot, zone: ZoneInfo) -> Shown:
    """What was published before what is published now."""
    body = published(snapshot)
    return of(body["before"] if body else {}, Context(snapshot, zone))


def of(
    menus: Mapping[str, Mapping[str, Any]], context: Context, kept: Mapping[str, str] | None = None
) -> Shown:
    """Menus as they are published, ready to ask."""
    showing = {id_: menu["show"] for id_, menu in menus.items() if menu.get("show") is not None}
    order = sorted(showing, key=lambda id_: (-showing[id_].get("priority", 0), id_))
    conditions = {id_: show["if"] for id_, show in showing.items() if show.get("if") is not None}
    needs = {"menu"}.union(*(language.needs(one, context.snapshot) for one in conditions.values()))
    return Shown(
        {**(kept or {}), **{id_: menu["rich_menu_id"] for id_, menu in menus.items()}},
        tuple(_rule(id_, showing[id_], context) for id_ in order),
        frozenset(needs),
    )


def _rule(id_: str, show: Mapping[str, Any], context: Context) -> Rule:
    condition = show.get("if")
    return Rule(
        id_,
        language.compile(condition, context) if condition is not None else None,
        _timestamp(show.get("from")),
        _timestamp(show.get("until")),
    )


def _timestamp(text: str | None) -> str | None:
    return None if text is None else iso(parse_iso(text))
