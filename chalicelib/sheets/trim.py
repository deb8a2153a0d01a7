"""Keeping a sheet within its budget: what is dropped, in which order, and its name for the timeline."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, NamedTuple, cast

from chalicelib.events.sheet import Sheet
from chalicelib.shared.events import CUSTOM
from chalicelib.sheets import limit_states, reservations
from chalicelib.sheets.model import BUDGET_BYTES, DAYS_KEPT, HARD_BYTES, KEYS_PER_TYPE

CAP = "cap_"
"""How the names of the attributes begin that hold reservations: ``cap_<category>_<per>_<period>``."""
_PERIODS_KEPT = 2
_RESERVATIONS_LEFT = 20


class _Trim(NamedTuple):
    """Something that may go when the sheet is larger than ``above``; ``left`` stays of it."""

    above: int
    name: str
    parent: dict[str, Any]
    key: str
    left: Any = None


def size_of(value: Any) -> int:
    """Roughly the bytes that a value takes in the store (its JSON text)."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=sorted).encode())


def tidy(sheet: Sheet, today: date) -> list[str]:
    """Drop what the budget does not hold, oldest first; returns the names of what was dropped.

    Always: days out of the window and caps of periods gone by (unnamed, they can count no more), and the
    oldest keys above 200 per type. Above 32 KB, until it fits: what limits of rules remember and do not
    need (limits per day that counted nothing for two days and cooldowns older than 31 days; days before the
    newest and runs before the last, which only late events would miss), reservations that are over but for
    the last 20. Above 32 KB without the limits that
    are left: day counts of keyed facts, keyed facts, orders that may be refunded, products, removals
    remembered. Above 100 KB
    also the other limits, the longest unused first and ``once`` and ``every`` behind all others, answers to
    forms, oldest first, and attributes, longest first. Never dropped: tags, scores, status, pending
    reactions.
    """
    _drop_old_days(sheet, today)
    _drop_old_caps(sheet)
    facts = sheet["facts"]
    trimmed = [_drop(f"facts.{name}", facts, name) for name in _surplus_keys(facts)]
    size = size_of({**sheet, "received": {}})  # receipts are in an item of their own
    if size <= BUDGET_BYTES:
        return trimmed
    for trim in _trims(sheet, today):
        if size > trim.above and trim.key in trim.parent:
            size -= size_of({trim.key: trim.parent[trim.key]}) - 1
            trimmed.append(_drop(trim.name, trim.parent, trim.key))
            if trim.left is not None:
                trim.parent[trim.key] = trim.left
                size += size_of({trim.key: trim.left}) - 1
    return trimmed


def _trims(sheet: Sheet, today: date) -> Iterator[_Trim]:
    """Every possible cut, least missed first."""
    limits = sheet["limits"]
    for rule in limit_states.idle(limits, today):
        yield _Trim(BUDGET_BYTES, f"limits.{rule}", limits, rule)
    for name, parent, key, left in limit_states.details(limits):
        yield _Trim(BUDGET_BYTES, name, parent, key, left)
    yield from _past_reservations(sheet, today)
    yield from _behaviour(sheet)
    for rule in limit_states.by_age(limits):
        yield _Trim(HARD_BYTES, f"limits.{rule}", limits, rule)
    forms = sheet.get("forms") or {}
    for form in sorted(forms, key=lambda f: str(forms[f].get("at") or "")):
        yield _Trim(HARD_BYTES, f"forms.{form}", forms, form)
    attributes = sheet["attributes"]
    for name in sorted(attributes, key=lambda a: -size_of(attributes[a])):
        yield _Trim(HARD_BYTES, f"attributes.{name}", attributes, name)


def _past_reservations(sheet: Sheet, today: date) -> Iterator[_Trim]:
    """What is over of the friend's reservations, but for the last ones."""
    kept = reservations.of_sheet(sheet)
    over = sorted((one["at"], id_) for id_, one in kept.items() if one["at"] < today.isoformat())
    for _, id_ in over[:-_RESERVATIONS_LEFT]:
        yield _Trim(BUDGET_BYTES, f"reservations.{id_}", sheet["reservations"]["kept"], id_)


def _behaviour(sheet: Sheet) -> Iterator[_Trim]:
    """What the friend did, in its details. Limits that are needed take nothing of its room."""
    above = BUDGET_BYTES + size_of(sheet["limits"]) - size_of({})
    facts = sheet["facts"]
    keyed = sorted((n for n in facts if _type_of(n) is not None), key=lambda n: str(facts[n]["last_at"]))
    for name in keyed:
        yield _Trim(above, f"facts.{name}.days", facts[name], "days")
    for name in keyed:
        yield _Trim(above, f"facts.{name}", facts, name)
    orders = sheet["purchases"].get("orders", {})
    for order in sorted(orders, key=lambda o: str(orders[o]["at"])):
        yield _Trim(above, f"purchases.orders.{order}", orders, order)
    for kind in ("products", "categories"):
        figures = sheet["purchases"].get(kind, {})
        for name in sorted(figures, key=lambda n: str(figures[n].get("last_at", "")))[:-20]:
            yield _Trim(above, f"purchases.{kind}.{name}", figures, name)
    clicked = sheet.get("clicked", {})
    for delivery in sorted(clicked, key=lambda d: str(clicked[d]["at"]))[:-50]:
        yield _Trim(above, f"clicked.{delivery}", clicked, delivery)
    untagged = sheet["untagged"]
    for tag in sorted(untagged, key=lambda t: str(untagged[t])):
        yield _Trim(above, f"untagged.{tag}", untagged, tag)


def _drop_old_days(sheet: Sheet, today: date) -> None:
    oldest = (today - timedelta(days=DAYS_KEPT - 1)).isoformat()
    for fact in sheet["facts"].values():
        days = fact.get("days")
        if days and min(days) < oldest:
            fact["days"] = {day: count for day, count in days.items() if day >= oldest}


def _drop_old_caps(sheet: Sheet) -> None:
    """Of each counter (``cap_<category>_<day|week|month>_<period>``) the two latest periods count."""
    counters: dict[str, list[str]] = defaultdict(list)
    for name in sorted(name for name in sheet if name.startswith(CAP)):
        counters[name.rpartition("_")[0]].append(name)
    for names in counters.values():
        for name in names[:-_PERIODS_KEPT]:
            del cast("dict[str, Any]", sheet)[name]


def _surplus_keys(facts: dict[str, Any]) -> list[str]:
    if len(facts) <= KEYS_PER_TYPE:
        return []
    by_type: dict[str, list[str]] = defaultdict(list)
    for name in facts:
        kind = _type_of(name)
        if kind is not None:
            by_type[kind].append(name)
    return [
        name
        for names in by_type.values()
        for name in sorted(names, key=lambda n: facts[n]["last_at"])[: max(0, len(names) - KEYS_PER_TYPE)]
    ]


def _type_of(name: str) -> str | None:
    """The type that a fact's name is a key of; None for the totals of a type."""
    kind, colon, _ = name.partition("::" if name.startswith(CUSTOM) and "::" in name else ":")
    return kind if colon else None


def _drop(name: str, parent: dict[str, Any], key: str) -> str:
    del parent[key]
    return name
