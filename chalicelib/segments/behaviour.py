"""Leaves about what the friend did and was given: event, scenario, delivery."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends.model import DAYS_KEPT
from chalicelib.segments import shapes
from chalicelib.segments.comparisons import age, compare, day_window, nfc
from chalicelib.segments.model import Built, Context, Leaf, Sheet
from chalicelib.shared.errors import Detail
from chalicelib.shared.times import parse_duration

_NONE: dict[str, Any] = {}

EVENT_TYPES = frozenset(
    {
        *("followed", "unfollowed", "messaged", "postback", "account_linked", "video_completed", "beacon"),
        *("membership_changed", "unsent", "link_clicked", "page_viewed", "converted", "form_answered"),
        *("route_entered", "purchased", "reserved", "tag_added", "tag_removed", "score_changed"),
        *("score_crossed", "attribute_set", "stage_changed"),
        *("scenario_entered", "scenario_finished", "scenario_exited"),
    }
)
NOT_MADE = frozenset({"page_viewed", "converted", "route_entered"})
"""Types that the language knows and no door of this version makes."""
_KEY_KINDS = {"link_clicked": "links", "form_answered": "forms", "route_entered": "routes"}


# event


def _event_type(value: Any, path: str) -> Iterable[Detail]:
    custom = isinstance(value, str) and value.startswith("custom:") and 7 < len(value) <= 107
    if not custom and value not in EVENT_TYPES:
        yield Detail(path, "must be a known event type or custom:<name>")


def _event_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, shapes.Check] = {
        "type": _event_type,
        "key": shapes.text,
        "count": shapes.comparison,
        "within": shapes.whole_days(DAYS_KEPT),
    }
    yield from shapes.fields(value, path, known, required=["type"])


def _event_references(value: Any, path: str) -> Iterable[Reference]:
    kind = _KEY_KINDS.get(value["type"])
    if kind and "key" in value:
        yield Reference(f"{path}.key", kind, value["key"])


def _event_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    yield from shapes.reversed_between(value.get("count"), f"{path}.count")
    if "key" in value and value["type"].startswith("custom:"):
        yield Detail(f"{path}.key", "custom events are counted by their type alone")


def _event_build(value: Any, context: Context) -> Built:
    name = f"{value['type']}:{nfc(value['key'])}" if "key" in value else value["type"]
    enough = compare(value["count"]) if "count" in value else bool
    if "within" not in value:

        def total(sheet: Sheet, _now: datetime) -> int:
            fact = (sheet.get("facts") or _NONE).get(name)
            return fact["count"] if fact else 0

        return Built(lambda sheet, now: enough(total(sheet, now)), total)
    window = day_window(parse_duration(value["within"]).days, context.zone)

    def recent(sheet: Sheet, now: datetime) -> int:
        fact = (sheet.get("facts") or _NONE).get(name)
        if not fact:
            return 0
        first, last = window(now)
        return sum(count for day, count in fact.get("days", _NONE).items() if first <= day <= last)

    return Built(lambda sheet, now: enough(recent(sheet, now)), recent)


# scenario, delivery


def _scenario_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, shapes.Check] = {
        "id": shapes.an_id,
        "state": shapes.one_of("active", "finished", "exited", "never"),
        "node": shapes.text,
    }
    yield from shapes.fields(value, path, known, required=["id", "state"])


def _scenario_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    if "node" in value and value["state"] == "never":
        yield Detail(f"{path}.node", "who was never in the scenario stands at no node")


def _scenario_build(value: Any, _context: Context) -> Built:
    scenario, state, node = value["id"], value["state"], value.get("node")

    def seen(sheet: Sheet, _now: datetime) -> Any:
        entry = (sheet.get("scenarios") or _NONE).get(scenario)
        return {"state": entry.get("state"), "node": entry.get("node")} if entry else None

    def test(sheet: Sheet, _now: datetime) -> bool:
        entry = (sheet.get("scenarios") or _NONE).get(scenario)
        if not entry:
            return bool(state == "never")
        return entry.get("state") == state and (node is None or entry.get("node") == node)

    return Built(test, seen)


def _delivery_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, shapes.Check] = {
        "id": shapes.text,
        "received": shapes.flag,
        "clicked": shapes.flag,
        "within": shapes.duration,
    }
    yield from shapes.fields(value, path, known, exactly_one=["received", "clicked"])


def _delivery_build(value: Any, context: Context) -> Built:
    what = "received" if "received" in value else "clicked"
    wanted, delivery = value[what], value.get("id")
    recent = age({"within": value["within"]}, context.zone) if "within" in value else None

    def last(sheet: Sheet, _now: datetime) -> str | None:
        entries = sheet.get(what) or _NONE
        return max((_moment(e) for run, e in entries.items() if _is_of(run, e, delivery)), default=None)

    def test(sheet: Sheet, now: datetime) -> bool:
        at = last(sheet, now)
        return (at is not None and (recent is None or recent(at, now))) is wanted

    return Built(test, last)


def _moment(entry: Any) -> str:
    return str(entry["at"] if isinstance(entry, dict) else entry)


def _is_of(run: str, entry: Any, delivery: str | None) -> bool:
    return delivery is None or run == delivery or (isinstance(entry, dict) and entry.get("id") == delivery)


def _id_reference(kind: str) -> Any:
    return lambda value, path: [Reference(f"{path}.id", kind, value["id"])]


LEAVES: dict[str, Leaf] = {
    "event": Leaf(_event_shape, _event_build, ("facts",), _event_references, _event_logic),
    "scenario": Leaf(
        _scenario_shape, _scenario_build, ("scenarios",), _id_reference("scenarios"), _scenario_logic
    ),
    "delivery": Leaf(_delivery_shape, _delivery_build, ("received", "clicked")),
}
