"""Leaves about what the friend did and was given: event, scenario, delivery."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import schemas, validators, windows
from chalicelib.conditions.comparisons import age, compare, day_window, nfc
from chalicelib.conditions.model import Built, Context, Leaf
from chalicelib.conditions.triggers import unknown_event
from chalicelib.events.kinds import counted_as, has_keys, key_document
from chalicelib.events.sheet import Sheet
from chalicelib.mirror import sql
from chalicelib.mirror.sql import Part
from chalicelib.shared.errors import Detail
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean
from chalicelib.sheets import positions
from chalicelib.sheets.model import DAYS_KEPT

_NONE: dict[str, Any] = {}
MAX_CUSTOM = 107
"""Characters of ``custom:<name>``."""


# event


def _event_type(value: Any, path: str) -> Iterable[Detail]:
    if isinstance(value, list):
        yield from validators.text(value, path)
    elif not isinstance(value, str) or not value:
        yield Detail(path, Reason("event_type_wanted"))
    elif len(value) > MAX_CUSTOM:
        yield Detail(path, Reason("at_most_characters", most=MAX_CUSTOM))


def _event_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, validators.Check] = {
        "type": _event_type,
        "key": validators.text,
        "count": validators.comparison,
        "within": windows.days_kept(DAYS_KEPT),
    }
    yield from validators.fields(value, path, known, required=["type"])


def _event_references(value: Any, path: str) -> Iterable[Reference]:
    return key_references(value["type"], value.get("key"), f"{path}.key")


def key_references(event: str, key: str | None, path: str) -> Iterable[Reference]:
    """The document that the key of an event names, if it names one."""
    kind = key_document(event)
    if kind and key is not None:
        yield Reference(path, kind, key)


def _event_logic(value: Any, _snapshot: Snapshot, path: str) -> Iterable[Detail]:
    yield from validators.reversed_between(value.get("count"), f"{path}.count")
    unknown = unknown_event(value["type"])
    if unknown:
        yield Detail(f"{path}.type", unknown)
    elif "key" in value and not has_keys(value["type"]):
        yield Detail(f"{path}.key", Reason("event_without_key", event=value["type"]))


def _event_build(value: Any, context: Context) -> Built:
    name = counted_as(value["type"], nfc(value["key"])) if "key" in value else value["type"]
    enough = compare(value["count"]) if "count" in value else bool
    if "within" not in value:

        def total(sheet: Sheet, _now: datetime) -> int:
            fact = (sheet.get("facts") or _NONE).get(name)
            return fact["count"] if fact else 0

        return Built(lambda sheet, now: enough(total(sheet, now)), total)
    window = day_window(value["within"], context.zone)

    def recent(sheet: Sheet, now: datetime) -> int:
        fact = (sheet.get("facts") or _NONE).get(name)
        if not fact:
            return 0
        first, last = window(now)
        return sum(count for day, count in fact.get("days", _NONE).items() if first <= day <= last)

    return Built(lambda sheet, now: enough(recent(sheet, now)), recent)


def _event_sql(value: Any, context: Context, now: datetime) -> Part:
    name = counted_as(value["type"], nfc(value["key"])) if "key" in value else value["type"]
    cmp = value.get("count", {"gt": 0})
    where, none = f"name = {sql.text(name)}", compare(cmp)(0)
    if "within" not in value:
        return sql.among("facts", where, sql.exact(sql.compared("times", cmp)), none=none)
    first, last = day_window(value["within"], context.zone)(now)
    where += f" AND day >= {sql.text(first)} AND day <= {sql.text(last)}"
    return sql.together("days", where, sql.exact(sql.compared("sum(times)", cmp)), none=none)


# scenario, delivery


def _scenario_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, validators.Check] = {
        "id": validators.an_id,
        "state": validators.one_of("active", "finished", "exited", "never"),
        "node": validators.text,
    }
    yield from validators.fields(value, path, known, required=["id", "state"])


def _scenario_logic(value: Any, snapshot: Snapshot, path: str) -> Iterable[Detail]:
    if "node" not in value:
        return
    if value["state"] == "never":
        yield Detail(f"{path}.node", Reason("never_at_node"))
    scenario, node = value["id"], value["node"]
    known = _nodes(scenario, snapshot)
    if snapshot.find("scenarios", scenario) is not None and node not in known:
        yield Detail(
            f"{path}.node", did_you_mean(Reason("no_node_in", scenario=scenario, node=node), node, known)
        )


def _nodes(scenario: str, snapshot: Snapshot) -> set[str]:
    """The nodes of a scenario as drafted, as in force, and those that redirects still name."""
    known: set[str] = set()
    draft, published = snapshot.find("scenarios", scenario), snapshot.find("published", scenario)
    for body in (draft and draft.body, published and published.body["definition"]):
        known |= set(body["nodes"]) | set(body.get("redirects") or {}) if body else set()
    return known


def _scenario_build(value: Any, _context: Context) -> Built:
    scenario, state, node = value["id"], value["state"], value.get("node")

    def seen(sheet: Sheet, _now: datetime) -> Any:
        entry = positions.together(positions.runs(sheet, scenario))
        return {"state": entry.get("state"), "node": entry.get("node")} if entry else None

    def test(sheet: Sheet, _now: datetime) -> bool:
        found = positions.runs(sheet, scenario)
        entry = positions.together(found)
        if not entry:
            return bool(state == "never")
        if state == "active" and node is not None:
            return any(run.get("state") == state and run.get("node") == node for run in found.values())
        return entry.get("state") == state and (node is None or entry.get("node") == node)

    return Built(test, seen)


def _scenario_sql(value: Any, _context: Context, _now: datetime) -> Part:
    if "node" in value:
        return sql.UNKNOWN
    where = f"name = {sql.text(value['id'])}"
    if value["state"] == "never":
        return sql.opposite(sql.among("scenarios", where, sql.TRUE))
    return sql.among("scenarios", where, sql.exact(sql.known(f"state = {sql.text(value['state'])}")))


def _delivery_shape(value: Any, path: str) -> Iterable[Detail]:
    known: dict[str, validators.Check] = {
        "id": validators.text,
        "received": validators.flag,
        "clicked": validators.flag,
        "within": windows.within,
    }
    yield from validators.fields(value, path, known, exactly_one=["received", "clicked"])


def _delivery_references(value: Any, path: str) -> Iterable[Reference]:
    if "id" in value:
        yield Reference(f"{path}.id", "deliveries", value["id"])


def _delivery_build(value: Any, context: Context) -> Built:
    what = "received" if "received" in value else "clicked"
    wanted, delivery = value[what], value.get("id")
    recent = age({"within": value["within"]}, context.zone) if "within" in value else None

    def last(sheet: Sheet, _now: datetime) -> str | None:
        entries = (sheet.get("received") if what == "received" else sheet.get("clicked")) or _NONE
        return max((_timestamp(e) for run, e in entries.items() if _is_of(run, e, delivery)), default=None)

    def test(sheet: Sheet, now: datetime) -> bool:
        at = last(sheet, now)
        return (at is not None and (recent is None or recent(at, now))) is wanted

    return Built(test, last)


def _timestamp(entry: Any) -> str:
    return str(entry["at"] if isinstance(entry, dict) else entry)


def _is_of(run: str, entry: Any, delivery: str | None) -> bool:
    return delivery is None or run == delivery or (isinstance(entry, dict) and entry.get("id") == delivery)


def _id_reference(kind: str) -> Any:
    return lambda value, path: [Reference(f"{path}.id", kind, value["id"])]


LEAVES: dict[str, Leaf] = {
    "event": Leaf(
        _event_shape,
        _event_build,
        ("facts",),
        _event_references,
        _event_logic,
        to_sql=_event_sql,
        schema=schemas.an_object(
            {"type": schemas.TEXT, "key": schemas.TEXT, "count": schemas.NUMBERS, "within": schemas.WITHIN},
            ("type",),
        ),
    ),
    "scenario": Leaf(
        _scenario_shape,
        _scenario_build,
        ("scenarios",),
        _id_reference("scenarios"),
        _scenario_logic,
        to_sql=_scenario_sql,
        schema=schemas.an_object(
            {"id": schemas.TEXT, "state": schemas.STATE, "node": schemas.TEXT}, ("id", "state")
        ),
    ),
    "delivery": Leaf(
        _delivery_shape,
        _delivery_build,
        ("received", "clicked"),
        _delivery_references,
        schema=schemas.any_of(schemas.delivery("received"), schemas.delivery("clicked")),
    ),
}
