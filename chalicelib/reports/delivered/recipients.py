"""Who is behind the numbers of what was sent: recipients of plans and the ledger, and friends of lines.

Broadcasts' runs and scenarios' chunks are read one after the other, in the order in which they came; behind
them are those whom lines name. A friend is listed for each message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from chalicelib.broadcasts.plans import lookup
from chalicelib.broadcasts.started_runs import StartedRun
from chalicelib.deliveries import chunk_counts
from chalicelib.deliveries import service as ledger
from chalicelib.reports import reading
from chalicelib.reports.delivered.deliveries import Runs
from chalicelib.reports.numbers import TOTAL, Measurement
from chalicelib.shared import time_left

NUMBERS = ("planned", "accepted", "skipped", "failed", "unknown", "pending", "held_out")
_TOGETHER = 200
Person = dict[str, Any]
Cursor = dict[str, Any]


class _Place(NamedTuple):
    """A run of a broadcast, or one chunk of a scenario's run, with what it is for; in order."""

    at: str
    run: str
    chunk: str
    of: str

    @property
    def name(self) -> str:
        """What sorts it."""
        return f"{self.at}#{self.run}#{self.chunk}"


def people(
    runs: Runs, measured: Measurement, row: str, number: str, limit: int, cursor: Cursor
) -> tuple[list[Person], Cursor | None]:
    """A page of ``{user_id, amount}`` behind a number of ``NUMBERS``, and where the next one begins. A page
    ends early when the time of the request does.
    """
    found: list[Person] = []
    start = (_number(cursor, "lines"), str(cursor.get("user", "")))
    if "lines" not in cursor:
        found, following = _of_ledger(runs, row, number, limit, cursor)
        if following is not None:
            return found, following
        if len(found) == limit:
            return found, {"lines": 0, "user": ""}
    more, after = reading.people(runs.account, measured, row, number, limit - len(found), start)
    return found + more, {"lines": after[0], "user": after[1]} if after else None


def _number(cursor: Cursor, name: str) -> int:
    """A number of a position, whoever has made that."""
    found = cursor.get(name, 0)
    return found if isinstance(found, int) else 0


def _of_ledger(
    runs: Runs, row: str, number: str, limit: int, cursor: Cursor
) -> tuple[list[Person], Cursor | None]:
    found: list[Person] = []
    left = time_left.current()
    for place in _places(runs, row, str(cursor.get("place", ""))):
        after: Cursor | None = cursor if place.name == cursor.get("place") else None
        while len(found) < limit and not left.is_over:
            some, after = _page(runs.account, place, number, limit - len(found), after)
            kept = (one for one in some if _is_of(runs, row, one, place))
            found += [{"user_id": one["user_id"], "amount": 1} for one in kept]
            if after is None:
                break
        else:
            return found, {**(after or {}), "place": place.name}
    return found, None


def _places(runs: Runs, row: str, since: str) -> Iterator[_Place]:
    """What the ledger has of a row, from a place on, oldest first."""
    found = [
        _Place(run.at, run.run, "", run.broadcast) for run in runs.runs.values() if _has_row(runs, run, row)
    ]
    for scenario in runs.scenarios:
        chunks = chunk_counts.between(runs.account, scenario, runs.span.since, runs.span.until)
        found += [
            _Place(one.at, one.run, one.chunk, scenario)
            for one in chunks
            if row in {TOTAL, runs.step(scenario, one.node, one.at)}
        ]
    for place in sorted(found):
        if place.name >= since:
            yield place


def _has_row(runs: Runs, run: StartedRun, row: str) -> bool:
    variants = ("", *run.variants()) if runs.by == "variant" else ("",)
    return row == TOTAL or any(runs.row(run, variant) == row for variant in variants)


def _page(
    account: str, place: _Place, number: str, limit: int, after: dict[str, Any] | None
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """Some recipients of a place who came to this."""
    status = None if number == "planned" else number
    if not place.chunk:
        known = after if after and after.get("part") in {"plan", "ledger"} else None
        return lookup.of_run(account, place.of, place.run, status, min(limit, _TOGETHER), _checked(known))
    first = _number(after or {}, "n")
    lines = ledger.of_chunk(account, place.run, place.chunk)
    chosen = [n for n, line in enumerate(lines) if n >= first and status in {None, line["status"]}]
    following = chosen[limit] if len(chosen) > limit else None
    return [lines[n] for n in chosen[:limit]], None if following is None else {"n": following}


def _checked(after: Cursor | None) -> Cursor | None:
    """A place of a run's list; None: its beginning."""
    if after is None:
        return None
    found = {"part": after["part"], "at": _number(after, "at")}
    return found | {"shard": _number(after, "shard"), "chunk": str(after.get("chunk", ""))}


def _is_of(runs: Runs, row: str, line: dict[str, Any], place: _Place) -> bool:
    """Of a report by variant: whether it is the variant of the row."""
    if runs.by != "variant" or row == TOTAL:
        return True
    return runs.row(runs.runs[place.run], str(line.get("variant") or "")) == row
