"""What a leaf of a condition is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from chalicelib.catalog.kinds import Reference
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.shared.errors import Detail

Sheet: TypeAlias = dict[str, Any]
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


@dataclass(frozen=True)
class Leaf:
    """One key of the grammar. ``logic`` and ``build`` are called with values whose shape is right.

    ``needs`` are the attributes of a sheet that the leaf reads, besides the keys and the status.
    """

    shape: Callable[[Any, str], Iterable[Detail]]
    build: Callable[[Any, Context], Built]
    needs: tuple[str, ...] = ()
    references: Callable[[Any, str], Iterable[Reference]] = _no_references
    logic: Callable[[Any, Snapshot, str], Iterable[Detail]] = _no_logic
