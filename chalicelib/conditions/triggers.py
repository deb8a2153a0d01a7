"""What waits for an event: the ``when`` of rules, and scenarios' ``wait_for`` and ``until``.

The documents that a match names are references like any other; types of events must exist; what the event
never has (a property, a threshold, a stage, an answer) is worth a warning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events import kinds
from chalicelib.events.kinds import is_trigger, type_of
from chalicelib.events.matching import compile_match, no_value
from chalicelib.shared.errors import Detail
from chalicelib.shared.events import CUSTOM
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean, nearest

Match = Mapping[str, Any]


def references(event: str, match: Match, path: str) -> Iterator[Reference]:
    """The documents that a match waits for: without them it never comes. ``path``: the match's."""
    for name, test in match.items():
        kind = type_of(event).documents.get(name)
        if kind is None:
            continue
        here = f"{path}.{name}"
        if isinstance(test, str):
            yield Reference(here, kind, test)
        elif isinstance(test, dict):
            if isinstance(test.get("eq"), str):
                yield Reference(f"{here}.eq", kind, test["eq"])
            for n, one in enumerate(test.get("in") or ()):
                yield Reference(f"{here}.in[{n}]", kind, str(one))


def unknown_event(event: str) -> Reason | None:
    """Why there is no such type of event; None when there is."""
    if is_trigger(event):
        return None
    known = list(kinds.triggers())
    near = nearest(event, [*known, CUSTOM])
    if near is None:
        return Reason("no_event_type", event=repr(event), known=known)
    return Reason("near_event", event=repr(event), near=near, known=known)


def warnings(event: str, match: Match, snapshot: Snapshot, path: str) -> Iterator[Detail]:
    """What probably was not meant. ``path``: where ``event`` and ``match`` are."""
    near = unrecorded(event, snapshot)
    if near:
        yield Detail(f"{path}.event", near)
    for name in match:
        if not type_of(event).may_have(name):
            yield Detail(f"{path}.match.{name}", no_property(event, name))
    for test in compile_match(match):
        values = type_of(event).values.get(test.path, ())
        yield from no_value(test, values, f"{path}.match")
    yield from type_of(event).warn(match, snapshot, path)


def no_property(event: str, name: str) -> Reason:
    """That events of this type have no such property, and which they have."""
    known = sorted(type_of(event).props or ())
    return Reason(
        "property_unknown", why=did_you_mean(Reason("no_property", event=event), name, known), known=known
    )


def unrecorded(event: str, snapshot: Snapshot) -> Reason | None:
    """Of a custom event that no document records, and whose name is near to one that is recorded: that. Other
    systems may send any name.
    """
    if not event.startswith(CUSTOM):
        return None
    recorded, name = snapshot.derived("segments.recorded", _recorded), event.removeprefix(CUSTOM)
    near = None if name in recorded else nearest(name, recorded)
    return None if near is None else Reason("event_unrecorded", event=event, near=near)


def _recorded(snapshot: Snapshot) -> frozenset[str]:
    """The names of the custom events that some document's actions record."""
    return frozenset(name for document in snapshot for name in _names(document.body))


def _names(value: Any) -> Iterator[str]:
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _names(inner)
    record = value.get("record_event") if isinstance(value, dict) else None
    if isinstance(record, dict) and isinstance(record.get("name"), str):
        yield record["name"]
