"""Folding events into a fact sheet, by the time of each event. Pure: functions change the given copy in
place and answer the facts that the change produced.

Any order of arrival gives the same counts, first and last times, status, tags and attributes. Changes of
the very same moment apply in the order they are made.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.events.kinds import counted_as, event_key, type_of
from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.times import local_date, parse_iso
from chalicelib.sheets import folds
from chalicelib.sheets.model import DAYS_KEPT, Fact, is_by_friend, new_sheet, shows_friendship
from chalicelib.sheets.paths import changed_paths
from chalicelib.sheets.scores import add_score, score_value, set_score
from chalicelib.sheets.trim import tidy
from chalicelib.sheets.values import fit

__all__ = [
    "Fact",
    "Sheet",
    "add_score",
    "add_tag",
    "changed_paths",
    "fact_key",
    "fact_names",
    "fold_event",
    "new_sheet",
    "remove_tag",
    "score_value",
    "set_attribute",
    "set_score",
    "tidy",
]


def fold_event(sheet: Sheet, event: FriendEvent, zone: ZoneInfo) -> list[Fact]:
    """Count the event and fold what it says of the friend; may answer ``stage_changed``."""
    if event.recorded_only:
        return []
    at = event.at
    sheet["created_at"] = min(sheet["created_at"], at)
    if is_by_friend(event.type, event.source):
        sheet["last_active_at"] = max(sheet.get("last_active_at") or "", event.reported_at)
    kind = type_of(event.type)
    if kind.counts:
        day = local_date(parse_iso(at), zone)
        for name in fact_names(event.type, fact_key(event)):
            _count(sheet["facts"].setdefault(name, {}), at, day)
    if shows_friendship(event.type, event.source):
        folds.contact(sheet, at)
    return kind.fold(sheet, event) if kind.fold else []


def fact_key(event: FriendEvent) -> str | None:
    """What an event is counted under besides its type."""
    key = event_key(event.type, event.props) or event.key
    return unicodedata.normalize("NFC", key) if key else None


def fact_names(event_type: str, key: str | None) -> list[str]:
    """The names in ``facts`` that an event of this type and key counts under."""
    return [event_type] if key is None else [event_type, counted_as(event_type, key)]


def add_tag(sheet: Sheet, tag: str, at: str, by: str) -> list[Fact]:
    """Tag the friend; ``tag_added`` when the friend did not have it. Void if removed later than ``at``."""
    entry, removed_at = sheet["tags"].get(tag), sheet["untagged"].get(tag, "")
    if entry is not None:
        entry["at"] = max(entry["at"], at)
        if removed_at <= at < entry["since"]:
            entry.update(since=at, by=by)
        return []
    if at < removed_at:
        return []
    sheet["tags"][tag] = {"since": at, "by": by, "at": at}
    return [("tag_added", tag, {"tag": tag})]


def remove_tag(sheet: Sheet, tag: str, at: str) -> list[Fact]:
    """Untag the friend; ``tag_removed`` when the friend had it. Void if tagged again later than ``at``."""
    entry = sheet["tags"].get(tag)
    sheet["untagged"][tag] = max(at, sheet["untagged"].get(tag, ""))
    if entry is None:
        return []
    if at < entry["at"]:
        if at >= entry["since"]:
            entry["since"] = entry["at"]
        return []
    del sheet["tags"][tag]
    return [("tag_removed", tag, {"tag": tag})]


def set_attribute(
    sheet: Sheet, attribute: str, definition: Mapping[str, Any], value: Any, at: str, zone: ZoneInfo
) -> list[Fact]:
    """Set (None: remove) an attribute; ``attribute_set`` when it changed. Raises ``values.UnfitValue``."""
    if value is not None:
        value = fit(definition, value, f"attributes.{attribute}", zone=zone)
    if at < sheet["attributes_at"].get(attribute, ""):
        return []
    sheet["attributes_at"][attribute] = at
    before = sheet["attributes"].get(attribute)
    if value is None:
        sheet["attributes"].pop(attribute, None)
    else:
        sheet["attributes"][attribute] = value
    if value == before and type(value) is type(before):
        return []
    return [("attribute_set", attribute, {"attribute": attribute, "value": value})]


def _count(fact: dict[str, Any], at: str, day: date) -> None:
    fact["count"] = fact.get("count", 0) + 1
    fact["first_at"] = min(at, fact.get("first_at") or at)
    fact["last_at"] = max(at, fact.get("last_at") or at)
    days = fact.setdefault("days", {})
    days[day.isoformat()] = days.get(day.isoformat(), 0) + 1
    oldest = (date.fromisoformat(max(days)) - timedelta(days=DAYS_KEPT - 1)).isoformat()
    for gone in [d for d in days if d < oldest]:
        del days[gone]
