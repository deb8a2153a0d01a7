"""Answers from the mirror: the snapshot without those who changed since, and their sheets as they are.

In this order: the snapshot in force, the index (who changed), their sheets. So an answer holds everything
whose write was answered before the question began, each friend judged once, and what is written meanwhile or
not at all (``tests/model/test_mirror.py``).
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from chalicelib.events.sheet import Sheet
from chalicelib.friends.marks import LONGEST
from chalicelib.gateways import clock, queues
from chalicelib.mirror import local_copy, marked, store
from chalicelib.mirror.local_copy import KEPT_SHEETS, Copy, Gone
from chalicelib.mirror.sql import LOG2_SLACK, Part, number, text
from chalicelib.shared.times import parse_iso

_MOST_COPIES = 4
_copies: dict[str, Copy] = {}
_one_at_a_time = threading.Lock()
MANY = 1_000
"""So many changes since the snapshot, and a hundredth of its friends, ask for a new one."""


@dataclass(frozen=True)
class Pairs:
    """A table of pairs as ``p``, of which ``where`` leaves each friend one at most. ``log2``: the key's
    logarithm to base two before it was rounded to nine digits, where that is sooner computed than the key.
    """

    table: str
    where: str
    log2: str | None = None


@dataclass(frozen=True)
class Order:
    """A sort: the key in SQL (NULL last), of ``f`` alone or of ``pairs`` alone, and the key of a sheet; then
    the user id.
    """

    key: str
    of: Callable[[Sheet], Any]
    descending: bool = True
    pairs: Pairs | None = None


@dataclass(frozen=True)
class Question:
    """Who is asked for: in SQL, and as the test of a sheet; ``needs`` of it are looked at.

    ``is_quick``: of many friends the snapshot alone will do, without those who changed since.
    """

    account: str
    shards: int
    part: Part
    test: Callable[[Sheet], bool]
    needs: frozenset[str] = field(default=frozenset())
    is_quick: bool = False


@dataclass(frozen=True)
class Found:
    """Friends in their order, with the keys they were sorted by, and how many there are in all; not
    ``is_whole``: as the snapshot had them.
    """

    items: list[tuple[Any, str]]
    total: int
    is_whole: bool = True


def count(question: Question) -> int | None:
    """How many friends are meant, exactly; None: there is no mirror to ask."""
    found: int | None = _asked(question, lambda settled: settled.count())
    return found


def find(question: Question, order: Order, limit: int, after: tuple[Any, str] | None = None) -> Found | None:
    """The first ``limit`` friends in an order after a key and user id; None: there is no mirror to ask."""
    found: Found | None = _asked(question, lambda settled: settled.find(order, limit, after))
    return found


def tally(question: Question, key: str, of: Callable[[Sheet], str]) -> tuple[dict[str, int], bool] | None:
    """How many have each key, in SQL and of a sheet, and whether that is the whole answer; None: there is no
    mirror to ask.
    """
    found: tuple[dict[str, int], bool] | None = _asked(
        question, lambda settled: (settled.tally(key, of), settled.is_whole)
    )
    return found


def _asked(question: Question, answer: Callable[[Settled], Any]) -> Any:
    if not marked.is_marked(question.needs):
        return None
    for _ in range(3):
        in_force = store.find(question.account) if local_copy.is_installed() else None
        if in_force is None or not in_force.is_whole(question.shards):
            _ask_for_snapshot(question.account, in_force)
            return None
        try:
            with _copy(question.account, in_force).in_use() as copy:
                is_soon = question.is_quick and in_force.friends >= FEW
                return answer(_unsettled(question, copy) if is_soon else _settle(question, copy))
        except Gone:
            continue  # another snapshot is in force by now
    return None


def _copy(account: str, in_force: store.InForce) -> Copy:
    """This process's copy of a snapshot; those that it replaces go."""
    with _one_at_a_time:
        copy = _copies.pop(account, None)
        if copy is not None and copy.in_force.place == in_force.place:
            copy.in_force = in_force
        elif copy is not None:
            copy.retire()
            copy = None
        copy = _copies[account] = copy or Copy(in_force)
        while len(_copies) > _MOST_COPIES:
            _copies.pop(next(iter(_copies))).retire()
        return copy


def forget_copies() -> None:
    """Have no snapshot on the disk any more, and asked for none (tests; the end of a process)."""
    _asked_for.clear()
    while _copies:
        _copies.popitem()[1].retire()


_asked_for: dict[str, tuple[int, datetime]] = {}
_AGAIN = timedelta(minutes=10)


def _ask_for_snapshot(account: str, in_force: store.InForce | None) -> None:
    """Have the next snapshot made: asked for once by a process, and again while it does not come."""
    version, now = in_force.version if in_force else 0, clock.now()
    before, at = _asked_for.get(account, (-1, now))
    if local_copy.is_installed() and (before != version or now - at > _AGAIN):
        _asked_for[account] = (version, now)
        queues.send("mirror", {"account": account})


FEW = 2_000
"""Of fewer friends the whole answer is quick enough."""


def _unsettled(question: Question, copy: Copy) -> Settled:
    return Settled(question, copy, (), (), is_whole=False)


def _settle(question: Question, copy: Copy) -> Settled:
    """Read who changed since the snapshot."""
    named = marked.changed(question.account, range(question.shards), copy.in_force.changed)
    known = copy.known(named)
    changed = {user: mark for user, mark in named.items() if (had := known[user]) is None or had[1] != mark}
    many = max(MANY, copy.in_force.friends // 100)
    is_calm = clock.now() - parse_iso(copy.in_force.taken_at) > LONGEST
    # Whoever was written shortly before the snapshot is named by the index for as long as it is in force.
    if len(changed) >= many or (is_calm and len(named) >= many):
        _ask_for_snapshot(question.account, copy.in_force)
    sheets = _sheets(question, copy, changed)
    numbers = [entry[0] for user in changed if (entry := known[user]) is not None]
    return Settled(question, copy, [sheet for sheet in sheets if sheet is not None], numbers)


def _sheets(question: Question, copy: Copy, changed: marked.Versions) -> Iterable[Sheet | None]:
    """The sheets of who changed, from this process's memory where it read that version before."""
    if len(copy.judged) > KEPT_SHEETS:
        copy.judged.clear()
    new = [user for user, mark in changed.items() if copy.judged.get(user, ("", None))[0] != mark]
    found = marked.load(question.account, question.shards, new)
    for user in new:
        copy.judged[user] = (changed[user], found[user].sheet if user in found else None)
    return [copy.judged[user][1] for user in changed]


@dataclass(frozen=True)
class Settled:
    """A question with the sheets of who changed; ``numbers``: who is not to be taken from the snapshot."""

    question: Question
    copy: Copy
    changed: Sequence[Sheet]
    numbers: Sequence[int]
    is_whole: bool = True

    def _where(self, side: str) -> str:
        gone = f" AND f.n NOT IN (SELECT unnest({list(self.numbers)}))" if self.numbers else ""
        return f"{side}{gone}"

    def _judged(self) -> list[Sheet]:
        """Everybody who is meant and is not surely meant by the columns alone."""
        part, kept = self.question.part, []
        if self._has_open():
            open_ = "f.odd" if part.is_exact else f"(f.odd OR ({part.may} AND NOT {part.must}))"
            query = f"SELECT s.sheet FROM friends f JOIN sheets s ON s.n = f.n WHERE {self._where(open_)}"
            kept = [orjson.loads(sheet) for (sheet,) in self.copy.rows(query)]
        return [sheet for sheet in (*self.changed, *kept) if self.question.test(sheet)]

    def _has_open(self) -> bool:
        between = self.question.part.between
        if self.question.part.is_exact or self.copy.has_odd():
            return self.copy.has_odd()
        return bool(self.copy.rows(f"SELECT 1 FROM friends f WHERE {between} LIMIT 1"))

    def _must(self) -> str:
        return f"{'NOT f.odd AND ' if self.copy.has_odd() else ''}{self.question.part.must}"

    def _sure(self) -> str:
        return self._where(self._must())

    def count(self) -> int:
        """How many."""
        return self._count_sure() + len(self._judged())

    def _count_sure(self) -> int:
        ((found,),) = self.copy.rows(f"SELECT count(*) FROM friends f WHERE {self._sure()}")
        return int(found)

    def tally(self, key: str, of: Callable[[Sheet], str]) -> dict[str, int]:
        """How many have each key."""
        query = f"SELECT {key} AS k, count(*) FROM friends f WHERE {self._sure()} GROUP BY k"
        found = Counter({known: int(many) for known, many in self.copy.rows(query)})
        found.update(of(sheet) for sheet in self._judged())
        return dict(found)

    def find(self, order: Order, limit: int, after: tuple[Any, str] | None) -> Found:
        """The first of them in an order."""
        judged, total = self._judged(), self._count_sure()
        rows = self._first_of_pairs(order, limit, after) if order.pairs else None
        rows = self._first(order, limit, after) if rows is None else rows
        others = [(order.of(sheet), sheet["user_id"]) for sheet in judged]
        rows += [row for row in others if after is None or _place(order, after) < _place(order, row)]
        first = sorted(rows, key=lambda row: _place(order, row))[:limit]
        return Found(first, total + len(judged), self.is_whole)

    def _first(self, order: Order, limit: int, after: tuple[Any, str] | None) -> list[tuple[Any, str]]:
        """The first of those who are surely meant."""
        word, pairs = "DESC" if order.descending else "ASC", order.pairs
        join = f"LEFT JOIN {pairs.table} p ON p.n = f.n AND {pairs.where}" if pairs else ""
        query = (
            f"SELECT {order.key} AS sort_key, f.user_id FROM friends f {join} "
            f"WHERE {self._sure()}{_after_sql(order, after)} "
            f"ORDER BY sort_key {word} NULLS LAST, f.user_id {word} LIMIT {limit}"
        )
        return [(key, user) for key, user in self.copy.rows(query)]

    def _first_of_pairs(
        self, order: Order, limit: int, after: tuple[Any, str] | None
    ) -> list[tuple[Any, str]] | None:
        """The same from the first pairs alone, most of whose friends are meant as a rule; None: too few are.

        Pairs as far as the last one (it may have equals that were cut off) come before all others.
        """
        if after is not None and after[0] is None:
            return None
        first = self._pairs_ahead(order, limit * _AHEAD + len(self.numbers), after)
        if len(first) < limit:
            return None
        gone = set(self.numbers)
        ahead = [n for n in first if n not in gone]
        users = self.copy.rows(
            f"SELECT f.n, f.user_id FROM friends f WHERE f.n IN (SELECT unnest({ahead})) AND {self._must()}"
        )
        rows = [(first[n], user) for n, user in users]
        rows = [row for row in rows if after is None or _place(order, after) < _place(order, row)]
        return rows if len(rows) >= limit else None

    def _pairs_ahead(self, order: Order, taken: int, after: tuple[Any, str] | None) -> dict[int, Any]:
        """Friends with their keys who come before all others of the pairs, some of the first ``taken``."""
        assert order.pairs is not None
        word, behind, by = "DESC" if order.descending else "ASC", "", order.pairs.log2
        key = after[0] if after is not None else None
        if by is None or not order.descending or (key is not None and key <= 0):
            by = order.key
            behind = f" AND {by} {'<=' if order.descending else '>='} {_key(after)}" if after else ""
        elif key is not None:
            behind = f" AND {by} <= {number(math.log2(key + _ROUNDED) + LOG2_SLACK)}"
        rows = self.copy.rows(
            f"SELECT p.n, {order.key}, {by} AS sort_key FROM {order.pairs.table} p "
            f"WHERE {order.pairs.where}{behind} ORDER BY sort_key {word} LIMIT {taken}"
        )
        if len(rows) < taken:
            return {}
        last = rows[-1][1]
        if by == order.key:
            return {n: key for n, key, _ in rows if key != last}
        least = last * (1 + _ROUNDED) + 2 * _ROUNDED if last > 0 else math.inf
        return {n: key for n, key, _ in rows if key > least}


_ROUNDED = 1e-9
"""More than rounding and arithmetic can make of two keys that their logarithms have in order."""
_AHEAD = 4
"""So many times the friends that a page needs are looked at first."""


def _place(order: Order, row: tuple[Any, str]) -> Any:
    """Where a row is in the order."""
    key, user = row
    turn = _Turned if order.descending else _same
    return (1, turn(user)) if key is None else (0, turn(key), turn(user))


def _same(key: Any) -> Any:
    return key


@dataclass(frozen=True)
class _Turned:
    """A key that sorts the other way round."""

    key: Any

    def __lt__(self, other: _Turned) -> bool:
        return bool(other.key < self.key)


def _after_sql(order: Order, after: tuple[Any, str] | None) -> str:
    if after is None:
        return ""
    further = "<" if order.descending else ">"
    behind = f"f.user_id {further} {text(after[1])}"
    if after[0] is None:
        return f" AND ({order.key} IS NULL AND {behind})"
    at = _key(after)
    same = f"({order.key} = {at} AND {behind})"
    return f" AND ({order.key} {further} {at} OR {order.key} IS NULL OR {same})"


def _key(row: tuple[Any, str]) -> str:
    key = row[0]
    return text(key) if isinstance(key, str) else f"CAST('{key!r}' AS DOUBLE)"
