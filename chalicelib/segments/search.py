"""Friends in an order, by condition and name: asked of the mirror, else a scan that keeps the best page."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.conditions import language
from chalicelib.events.sheet import Sheet
from chalicelib.gateways import clock
from chalicelib.segments import audience, by_shard, estimate, mirror_queries, service, sorting
from chalicelib.shared.errors import InvalidInput
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.folding import is_named_like
from chalicelib.shared.times import from_ms, iso, parse_iso, to_ms
from chalicelib.sheets.scores import score_value

WITHIN_S, QUICK_S = 12.0, 0.5
"""A scan that takes longer answers what it found of the shards it read; one that is to be quick, sooner."""

Place = tuple[bool, Any, str]
"""Where a friend is in the order: whether there is a value, the value, the user id."""


@dataclass(frozen=True)
class Asked:
    """What is looked for. ``after``: only behind this place."""

    condition: dict[str, Any] | None
    text: str
    sort: str
    descending: bool
    limit: int
    after: Place | None = None
    within_s: float = WITHIN_S


@dataclass
class Found:
    """The page (one more than asked for when there is more), and how many there are in all."""

    friends: list[tuple[Place, str]] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    shards: int = 0
    is_whole: bool = True

    def total(self) -> dict[str, int]:
        """``{count}`` when every shard was read as it is now, else ``{low, high}``."""
        if not self.is_whole:
            return {"low": sum(self.counts), "high": sum(self.counts)}
        low, high = estimate.interval(self.counts, self.shards)
        return {"count": low} if len(self.counts) == self.shards else {"low": low, "high": high}


Value = Callable[[Sheet], Any]


def value_of(sort: str, catalog: Snapshot, now: datetime) -> tuple[Value, str]:
    """What a sort looks at, and the attribute of a sheet that it reads. Raises KeyError if unknown."""
    if sort.startswith("score:"):
        score = sort.removeprefix("score:")
        document = catalog.find("scores", score)
        if document is None:
            raise KeyError(sort)

        def points(sheet: Sheet) -> float | None:
            entry = (sheet.get("scores") or {}).get(score)
            return None if entry is None else score_value(entry, document.body, now)

        return points, "scores"
    name, read = _SORTS[sort]
    return read, name


_SORTS: dict[str, tuple[str, Value]] = {
    "last_active": ("last_active_at", lambda sheet: sheet.get("last_active_at")),
    "followed_at": ("followed_at", lambda sheet: sheet.get("followed_at")),
    "display_name": ("display_name", lambda sheet: sheet.get("display_name")),
    "purchases.total": ("purchases", lambda sheet: float((sheet.get("purchases") or {}).get("total") or 0)),
}
SORTS = tuple(_SORTS)


def search(account: Account, catalog: Snapshot, asked: Asked) -> Found:
    """The friends behind ``asked.after``, in its order; who has no value comes last, whatever the order."""
    now = clock.now()
    return _mirrored(account, asked, now) or _scanned(account, catalog, asked, now)


def _mirrored(account: Account, asked: Asked, now: datetime) -> Found | None:
    """The same by the mirror, whose timestamps are milliseconds; None: there is none to ask."""
    is_timestamp = asked.sort in sorting.TIMESTAMPS
    page: dict[str, Any] = {
        "condition": asked.condition,
        "q": asked.text,
        "sort": asked.sort,
        "limit": asked.limit + 1,
        "quick": asked.within_s < WITHIN_S,
    }
    if asked.after is not None:
        has_value, worth, user = asked.after
        key = _in_ms(worth) if is_timestamp and worth else worth
        page["after"] = [key if has_value is asked.descending else None, user]
    found = mirror_queries.find(account, now, page | {"order": "desc" if asked.descending else "asc"})
    if found is None:
        return None

    def place(key: Any, user: str) -> Place:
        worth = iso(from_ms(key)) if is_timestamp and key is not None else key
        return ((worth is not None) is asked.descending, "" if worth is None else worth, user)

    friends = [(place(key, user), user) for key, user in found.items]
    return Found(friends, [found.total], 1, found.is_whole)


def _in_ms(timestamp: str) -> int:
    try:
        return to_ms(parse_iso(timestamp))
    except ValueError as error:
        raise InvalidInput(Reason("at", path="cursor", why=Reason("cursor_unknown"))) from error


def _scanned(account: Account, catalog: Snapshot, asked: Asked, now: datetime) -> Found:
    value, reads = value_of(asked.sort, catalog, now)
    test = _test(account, catalog, asked, now)
    needs = {"display_name", reads, *(language.needs(asked.condition, catalog) if asked.condition else ())}
    found = Found(shards=account.shards)
    best = heapq.nlargest if asked.descending else heapq.nsmallest

    def place(sheet: Sheet) -> Place:
        worth = value(sheet)
        return ((worth is not None) is asked.descending, worth if worth is not None else "", sheet["user_id"])

    def behind(one: Place) -> bool:
        return asked.after is None or (one < asked.after if asked.descending else one > asked.after)

    left = by_shard.within(asked.within_s)

    def places() -> Iterator[tuple[Place, str]]:
        for shard in range(account.shards):
            if shard > 1 and left.is_over:
                return
            matching = [
                sheet
                for sheets in audience.walk_shard(account.id, shard, needs=needs)
                for sheet in sheets
                if test(sheet)
            ]
            found.counts.append(len(matching))
            yield from ((one, one[2]) for one in map(place, matching) if behind(one))

    found.friends = best(asked.limit + 1, places())
    return found


def _test(account: Account, catalog: Snapshot, asked: Asked, now: datetime) -> Callable[[Sheet], bool]:
    means = (
        language.compile_audience(asked.condition, service.context(account, catalog))
        if asked.condition is not None
        else None
    )

    def test(sheet: Sheet) -> bool:
        if means is not None and not means(sheet, now):
            return False
        return not asked.text or is_named_like(asked.text, sheet.get("display_name"), sheet["user_id"])

    return test
