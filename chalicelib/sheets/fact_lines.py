"""The facts that a reaction produced, as its changes report them. Pure.

They live in memory while the event is decided, and are fed back to the rules; what stays of them are the
lines of ``changes`` on the event's record and activity, in the order in which they were produced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

from chalicelib.actions.model import Change
from chalicelib.events.kinds import type_of
from chalicelib.shared.reasons import Kept
from chalicelib.sheets.model import Fact

_BESIDE = frozenset({"type", "by", "at", "history"})
"""What a line has besides the properties of its fact."""


def line(fact: Fact, by: str) -> Change:
    """The line of a fact, with its cause."""
    kind, _, props = fact
    beside = props if type_of(kind).is_change else {"props": props}
    # Which properties these are is declared by the fact's type.
    return cast("Change", {"type": kind, **beside, "by": by})


def dated(change: Change, at: str, history: Kept | None) -> Change:
    """The line of a fact that is older than its event; ``history``: why it wakes nothing."""
    found: Change = {**change, "at": at}
    return {**found, "history": history} if history else found


def news_at(change: Mapping[str, Any], event_at: str) -> str | None:
    """When the fact of a line took place; None: it is history, and wakes nothing."""
    return None if "history" in change else change.get("at", event_at)


def facts(changes: Iterable[Mapping[str, Any]]) -> Iterator[Fact]:
    """The facts among changes, in their order; what was refused, capped or trimmed is none."""
    for change in changes:
        kind = change["type"]
        if type_of(kind).is_change:
            props = {name: value for name, value in change.items() if name not in _BESIDE}
        elif "props" in change:
            props = dict(change["props"])
        else:
            continue
        yield kind, type_of(kind).key_of(props), props
