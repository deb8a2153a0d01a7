"""What the account's rules are when they are ready to run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import friend_tokens
from chalicelib.accounts.model import REACT_WITHIN
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions.explanations import Explainer
from chalicelib.conditions.model import Context, Predicate
from chalicelib.events.matching import Test
from chalicelib.forms.model import Form
from chalicelib.rules.limits import Limit, Window


@dataclass(frozen=True)
class Rule:
    """A rule ready to run. ``source`` is its ``if``, and ``explain`` shows how that comes out."""

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
    over_forms: bool = False
    also_late: bool = False
    explain: Explainer | None = None


@dataclass(frozen=True)
class Program:
    """Everything that decides: the rules by trigger (in their order), forms, the catalog they refer to.

    ``watched``: the thresholds of decaying scores, and ``watches_dormant``: the stage, that a rule or a
    scenario waits for to be passed by time alone. ``tokens``: makes the friend tokens of links; live ones
    only where what is decided is done. ``react_within``: what happened longer ago than that is history.
    """

    snapshot: Snapshot
    zone: ZoneInfo
    context: Context
    rules: Mapping[str, tuple[Rule, ...]]
    forms: Mapping[str, Form]
    watched: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    watches_dormant: bool = False
    tokens: friend_tokens.Maker = friend_tokens.sample
    react_within: timedelta = REACT_WITHIN
