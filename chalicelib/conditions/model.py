"""What a leaf of a condition is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions.schemas import Schema
from chalicelib.events.sheet import Sheet
from chalicelib.mirror.sql import UNKNOWN, Part
from chalicelib.shared.errors import Detail
from chalicelib.shared.tables import Table

Predicate: TypeAlias = Callable[[Sheet, datetime], bool]
Seen: TypeAlias = Callable[[Sheet, datetime], Any]


@dataclass(frozen=True)
class Context:
    """What a condition is compiled against: the account's documents and its time zone."""

    snapshot: Snapshot
    zone: ZoneInfo


@dataclass(frozen=True)
class Built:
    """A compiled leaf: its truth, and the value of the friend that it looks at (for explanations)."""

    test: Predicate
    seen: Seen


def _no_references(_value: Any, _path: str) -> Iterable[Reference]:
    return ()


def _no_logic(_value: Any, _snapshot: Snapshot, _path: str) -> Iterable[Detail]:
    return ()


def _no_sql(_value: Any, _context: Context, _now: datetime) -> Part:
    return UNKNOWN


@dataclass(frozen=True)
class Leaf:
    """One key of the grammar. ``logic`` and ``build`` are called with values whose shape is right.

    ``needs`` are the attributes of a sheet that the leaf reads, besides the keys and the status. ``schema``
    is the JSON schema of its value, for programs; ``shape`` says more, and is what refuses. ``to_sql`` says
    in the mirror's columns at ``now`` what ``build`` tests; a leaf without it is judged sheet by sheet.
    """

    shape: Callable[[Any, str], Iterable[Detail]]
    build: Callable[[Any, Context], Built]
    needs: tuple[str, ...] = ()
    references: Callable[[Any, str], Iterable[Reference]] = _no_references
    logic: Callable[[Any, Snapshot, str], Iterable[Detail]] = _no_logic
    schema: Schema = field(default_factory=dict)
    to_sql: Callable[[Any, Context, datetime], Part] = _no_sql


LEAVES = Table("leaves", Leaf)
"""Every leaf of the grammar."""
