"""What the engine works with: compiled rules, and the decision about one event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.catalog.snapshot import Snapshot
from chalicelib.engine.limits import Limit, Window
from chalicelib.forms.model import Form
from chalicelib.friends.model import Fact, Sheet
from chalicelib.segments.matching import Test
from chalicelib.segments.model import Context, Predicate

PRODUCED = frozenset(
    {"tag_added", "tag_removed", "score_changed", "score_crossed", "attribute_set", "stage_changed"}
)
"""Facts that changes of a sheet produce; they live in memory and are fed back to the rules."""

ANSWERING = frozenset({"reply", "start_form", "ask"})
"""Effects that are said by the reply token of the event, when it has one."""
SPEAKING = ANSWERING | {"send"}
"""Effects that say something to the friend."""

CHANGING = frozenset({"add_tag", "remove_tag", "add_score", "set_score", "set_attribute", "record_event"})
"""Actions that are done in memory, by the decision itself."""


@dataclass(frozen=True)
class Rule:
    """A rule ready to run. ``source`` is its ``if``, for explanations."""

    id: str
    event: str
    tests: tuple[Test, ...]
    condition: Predicate | None
    source: Any
    then: tuple[Mapping[str, Any], ...]
    limit: Limit | None = None
    window: Window | None = None
    priority: float = 0
    stop: bool = False


@dataclass(frozen=True)
class Program:
    """Everything that decides: the rules by trigger (in their order), forms, the catalog they refer to.

    ``watched``: the thresholds of decaying scores, and ``watches_dormant``: the stage, that some rule waits
    for to be passed by time alone.
    """

    snapshot: Snapshot
    zone: ZoneInfo
    context: Context
    rules: Mapping[str, tuple[Rule, ...]]
    forms: Mapping[str, Form]
    watched: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    watches_dormant: bool = False


@dataclass(frozen=True)
class Counted:
    """Of an event that the sheet holds already: the facts that it produced by itself then, and the trace of
    the form's question that it answered.
    """

    facts: list[Fact]
    answered: dict[str, Any] | None = None


@dataclass
class Decision:
    """What one event comes to. ``payloads``: rendered messages by effect key, in memory only."""

    before: Sheet | None
    after: Sheet
    rules: list[dict[str, Any]] = field(default_factory=list)
    changes: list[dict[str, Any]] = field(default_factory=list)
    effects: list[dict[str, Any]] = field(default_factory=list)
    payloads: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def effect_key(effect: Mapping[str, Any]) -> str:
    """The name of an effect within its event: rule and index of the action."""
    return f"{effect['rule']}:{effect['index']}"
