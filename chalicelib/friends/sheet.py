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

from chalicelib.friends import taken_back
from chalicelib.friends.model import (
    CLICKED_RUNS_KEPT,
    DAYS_KEPT,
    UNCOUNTED,
    Fact,
    Sheet,
    is_by_friend,
    new_sheet,
)
from chalicelib.friends.paths import changed_paths
from chalicelib.friends.purchases import fold_purchase, stage
from chalicelib.friends.scores import add_score, score_value, set_score
from chalicelib.friends.trim import tidy
from chalicelib.friends.values import fit
from chalicelib.shared.events import FriendEvent, event_key
from chalicelib.shared.times import local_date, parse_iso

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
        sheet["last_active_at"] = max(sheet.get("last_active_at") or "", at)
    if event.type not in UNCOUNTED:
        day = local_date(parse_iso(at), zone)
        for name in fact_names(event.type, fact_key(event)):
            _count(sheet["facts"].setdefault(name, {}), at, day)
    if event.type in {"followed", "unfollowed"}:
        _fold_status(sheet, event.type == "followed", at)
    elif event.type == "route_entered":
        _fold_route(sheet, event.key or event.props.get("route"), at)
    elif event.type == "link_clicked":
        _fold_click(sheet, event.props, at)
    elif event.type == "form_answered":
        # A form that was answered in the chat has the answers on the sheet, with their own times.
        answers = None if event.source == "rule" else event.props.get("answers")
        _fold_answers(sheet, event.key or event.props.get("form"), answers, at)
    elif event.type == "unsent":
        taken_back.fold(sheet, event.props.get("message_id"), at)
    elif event.type == "purchased":
        return _fold_purchase(sheet, event)
    return []


def fact_key(event: FriendEvent) -> str | None:
    """What an event is counted under besides its type; custom events are counted by name alone."""
    if event.type.startswith("custom:"):
        return None
    key = event_key(event.type, event.props) or event.key
    return unicodedata.normalize("NFC", key) if key else None


def fact_names(event_type: str, key: str | None) -> list[str]:
    """The names in ``facts`` that an event of this type and key counts under."""
    return [event_type] if key is None else [event_type, f"{event_type}:{key}"]


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


def _fold_status(sheet: Sheet, follows: bool, at: str) -> None:
    latest = at >= (sheet.get("status_at") or "")
    if follows:
        sheet["followed_at"] = max(at, sheet.get("followed_at") or "")
    if latest:
        sheet["status"] = "following" if follows else "blocked"
        sheet["status_at"] = at
        sheet["blocked_at"] = None if follows else at


def _fold_route(sheet: Sheet, route: str | None, at: str) -> None:
    if not route:
        return
    source = sheet["source"]
    if at < source.get("first_at", "~"):
        source.update(first=route, first_at=at)
    if at >= source.get("latest_at", ""):
        source.update(latest=route, latest_at=at)


def _fold_click(sheet: Sheet, props: Mapping[str, Any], at: str) -> None:
    delivery = props.get("delivery")
    if not isinstance(delivery, str) or not delivery:
        return
    clicked, run = sheet.setdefault("clicked", {}), str(props.get("run", ""))
    known = clicked.get(delivery)
    runs = {**known.get("before", {}), known["run"]: known["at"]} if known else {}
    runs[run] = max(at, runs.get(run, ""))
    *before, last = sorted(runs, key=lambda one: (runs[one], one))[-CLICKED_RUNS_KEPT:]
    clicked[delivery] = {"at": runs[last], "run": last}
    if before:
        clicked[delivery]["before"] = {one: runs[one] for one in before}


def _fold_answers(sheet: Sheet, form: str | None, answers: Any, at: str) -> None:
    if not form:
        return
    entry = sheet.setdefault("forms", {}).setdefault(form, {})
    entry["at"] = max(at, entry.get("at") or "")
    known_answers = entry.setdefault("answers", {})
    for question, value in answers.items() if isinstance(answers, Mapping) else ():
        known = known_answers.get(question)
        if known is None or at >= known["at"]:
            known_answers[question] = {"value": value, "at": at}


def _fold_purchase(sheet: Sheet, event: FriendEvent) -> list[Fact]:
    moment = parse_iso(event.at)
    before = stage(sheet["purchases"], moment)
    fold_purchase(sheet, event.props, event.at)
    after = stage(sheet["purchases"], moment)
    if before == after:
        return []
    return [("stage_changed", after, {"before": before, "after": after})]
