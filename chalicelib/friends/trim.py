"""Keeping a sheet within its budget: what is dropped, in which order, and its name for the timeline."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from chalicelib.friends.model import BUDGET_BYTES, DAYS_KEPT, HARD_BYTES, KEYS_PER_TYPE, Sheet

CAP = "cap_"
"""How the names of the attributes begin that hold reservations: ``cap_<category>_<per>_<period>``."""
_PERIODS_KEPT = 2


def size_of(value: Any) -> int:
    """Roughly the bytes that a value takes in the store (its JSON text)."""
    return len(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=sorted).encode())


def tidy(sheet: Sheet, today: date) -> list[str]:
    """Drop what the budget does not hold, oldest first; answers the names of what was dropped.

    Always: days out of the window and caps of periods gone by (unnamed, they can count no more), and the
    oldest keys above 200 per type. Above 32 KB, until it fits:
    old receipts, day counts of keyed facts, keyed facts, products, removals remembered. Above 100 KB
    also answers to forms, oldest first, and attributes, longest first. Never dropped: tags, scores, status,
    pending reactions.
    """
    _drop_old_days(sheet, today)
    _drop_old_caps(sheet)
    facts = sheet["facts"]
    trimmed = [_drop(f"facts.{name}", facts, name) for name in _surplus_keys(facts)]
    size = size_of(sheet)
    if size <= BUDGET_BYTES:
        return trimmed
    for above, name, owner, key in _cuts(sheet):
        if size > above and key in owner:
            size -= size_of({key: owner[key]}) - 1
            trimmed.append(_drop(name, owner, key))
    return trimmed


def _cuts(sheet: Sheet) -> Iterator[tuple[int, str, dict[str, Any], str]]:
    """Every possible cut, least missed first: ``(the size above which it is made, its name, owner, key)``."""
    facts, received = sheet["facts"], sheet["received"]
    for run in sorted(received, key=lambda r: str(received[r]))[:-50]:
        yield BUDGET_BYTES, f"received.{run}", received, run
    keyed = sorted((n for n in facts if _type_of(n) is not None), key=lambda n: str(facts[n]["last_at"]))
    for name in keyed:
        yield BUDGET_BYTES, f"facts.{name}.days", facts[name], "days"
    for name in keyed:
        yield BUDGET_BYTES, f"facts.{name}", facts, name
    for kind in ("products", "categories"):
        figures = sheet["purchases"].get(kind, {})
        for name in sorted(figures, key=lambda n: str(figures[n].get("last_at", "")))[:-20]:
            yield BUDGET_BYTES, f"purchases.{kind}.{name}", figures, name
    clicked = sheet.get("clicked", {})
    for delivery in sorted(clicked, key=lambda d: str(clicked[d]["at"]))[:-50]:
        yield BUDGET_BYTES, f"clicked.{delivery}", clicked, delivery
    untagged = sheet["untagged"]
    for tag in sorted(untagged, key=lambda t: str(untagged[t])):
        yield BUDGET_BYTES, f"untagged.{tag}", untagged, tag
    forms = sheet.get("forms") or {}
    for form in sorted(forms, key=lambda f: str(forms[f].get("at") or "")):
        yield HARD_BYTES, f"forms.{form}", forms, form
    attributes = sheet["attributes"]
    for name in sorted(attributes, key=lambda a: -size_of(attributes[a])):
        yield HARD_BYTES, f"attributes.{name}", attributes, name


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
            del sheet[name]


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
    kind, colon, _ = name.partition(":")
    return kind if colon else None


def _drop(name: str, owner: dict[str, Any], key: str) -> str:
    del owner[key]
    return name
