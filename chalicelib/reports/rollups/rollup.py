"""A rollup: the lines of a part of the friends in an hour or a day, those that are alike together. Pure.

``since`` and ``until`` are moments of one local day of ``zone``. Of each kind and properties it says how many
lines there are, by whom and when: sums need no more than the first, and every line can be made again.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.reports import lines as kinds_of
from chalicelib.reports.lines import Line
from chalicelib.reports.numbers import Cell, Part

_FAMILIES: Mapping[str, str] = {
    kinds_of.FOLLOWED: "follows",
    kinds_of.UNBLOCKED: "follows",
    kinds_of.UNFOLLOWED: "follows",
    kinds_of.CLICKED: "clicks",
    kinds_of.PURCHASED: "orders",
    kinds_of.REFUNDED: "orders",
    kinds_of.CONVERTED: "orders",
    kinds_of.SENT_BY_EFFECTS: "sent",
}
"""Kinds that reports ask for together are kept together; of each report only these are unpacked."""
_OTHERS = "others"
LARGEST = 300_000
"""Characters of one rollup; an item of DynamoDB has no more than 400 KB."""


def _family(kind: str) -> str:
    return _FAMILIES.get(kind, _OTHERS)


@dataclass(frozen=True)
class Rollup:
    """``families``: packed texts by the name of the family."""

    since: str
    until: str
    zone: str
    families: Mapping[str, str]
    _read: dict[str, list[_Alike]] = field(default_factory=dict, compare=False, repr=False)

    def cells(self, kinds: Collection[str]) -> Iterator[Cell]:
        """See ``Part``."""
        for alike in self._alike(kinds):
            yield Cell(self.since, alike.kind, alike.props, alike.users)

    def lines(self, kinds: Collection[str], of: Collection[str] | None = None) -> list[Line]:
        """See ``Part``."""
        found = [
            Line(at, user, name, alike.kind, alike.props)
            for alike in self._alike(kinds)
            for at, user, name in zip(alike.ats, alike.users, alike.names, strict=True)
            if of is None or user in of
        ]
        return sorted(found, key=_place)

    def _alike(self, kinds: Collection[str]) -> Iterator[_Alike]:
        for family in {_family(kind) for kind in kinds} & self.families.keys():
            if family not in self._read:
                self._read[family] = _unpack(self.families[family])
            yield from (one for one in self._read[family] if one.kind in kinds)


@dataclass(frozen=True)
class _Alike:
    kind: str
    props: Mapping[str, Any]
    users: Sequence[str]
    ats: Sequence[str]
    names: Sequence[str]


def _place(line: Line) -> tuple[str, str, str]:
    """The order of lines in the journal."""
    return line.at, line.user, line.name


def _pack(lines: Iterable[Line]) -> str:
    cells: dict[str, list[Any]] = {}
    users: dict[str, int] = {}
    for line in lines:
        key = json.dumps([line.kind, line.props], sort_keys=True)
        cell = cells.setdefault(key, [line.kind, dict(line.props), [], [], []])
        for column, value in zip(
            cell[2:], (users.setdefault(line.user, len(users)), line.at, line.name), strict=True
        ):
            column.append(value)
    text = json.dumps([list(users), list(cells.values())], ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(zlib.compress(text.encode())).decode()


def _unpack(text: str) -> list[_Alike]:
    users, cells = json.loads(zlib.decompress(base64.b64decode(text)))
    return [
        _Alike(kind, props, [users[n] for n in whose], ats, names) for kind, props, whose, ats, names in cells
    ]


def made(since: str, until: str, zone: str, lines: Sequence[Line]) -> Iterator[Rollup]:
    """The rollup of the lines of a time, oldest first; several one after the other, where one would be too
    large. What cannot be divided any more has none: it is read from its lines.
    """
    families: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        families[_family(line.kind)].append(line)
    packed = {name: _pack(some) for name, some in families.items()}
    if sum(map(len, packed.values())) <= LARGEST:
        yield Rollup(since, until, zone, packed)
        return
    middle = lines[len(lines) // 2].at
    middle = middle if middle > lines[0].at else lines[-1].at
    if since < middle < until and middle > lines[0].at:
        yield from made(since, middle, zone, [line for line in lines if line.at < middle])
        yield from made(middle, until, zone, [line for line in lines if line.at >= middle])


def cover(
    since: str, until: str, rollups: Iterable[Rollup], marked: Collection[str]
) -> Iterator[Rollup | tuple[str, str]]:
    """The time from a moment until before another, in its order: rollups that hold, and what is between them.

    ``marked``: the beginnings of hours whose lines are others than their rollups say.
    """
    reached = since
    longest_first = sorted(rollups, key=lambda one: one.until, reverse=True)
    for one in sorted(longest_first, key=lambda one: one.since):
        if one.since < reached or one.until > until or any(touches(one, hour) for hour in marked):
            continue
        if one.since > reached:
            yield reached, one.since
        yield one
        reached = one.until
    if reached < until:
        yield reached, until


def touches(one: Rollup, hour: str) -> bool:
    """Whether a moment of an hour (``2026-11-30T13``) may be in it."""
    return one.since[: len(hour)] <= hour and f"{hour}:00:00.000Z" < one.until


@dataclass(frozen=True)
class Together:
    """Parts of a time, one after the other, as one."""

    parts: Sequence[Part]

    def cells(self, kinds: Collection[str]) -> Iterator[Cell]:
        """See ``Part``."""
        for part in self.parts:
            yield from part.cells(kinds)

    def lines(self, kinds: Collection[str], of: Collection[str] | None = None) -> list[Line]:
        """See ``Part``."""
        return [line for part in self.parts for line in part.lines(kinds, of)]
