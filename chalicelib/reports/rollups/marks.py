"""What of finished hours is not what its rollup says any more.

Whoever writes or deletes a line of an hour that is over marks the hour first. A report reads the lines of a
marked hour; the job folds it anew when the mark is so old that whoever set it has written what it was about
to write, or is dead. So there is nothing more to be written for a line that comes in its own hour, and a
crash leaves a mark too many at worst.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta

from chalicelib.gateways import clock
from chalicelib.reports.lines import Line
from chalicelib.reports.rollups import store
from chalicelib.reports.rollups.rollup import Rollup, cover, touches
from chalicelib.shared.times import iso, parse_iso

SETTLED = timedelta(minutes=30)
"""No invocation lasts so long: Lambda ends each after a quarter of an hour."""
_HOUR = len("2026-11-30T13")
_LONGEST_DAY = timedelta(hours=27)


def before_writing(account: str, part: int, lines: Iterable[Line]) -> None:
    """Mark the hours of lines that are about to be written, where they are over."""
    now = iso(clock.now())
    for hour in _hours(lines):
        if hour < now[:_HOUR]:
            store.mark(account, part, hour, now)


def before_deleting(account: str, part: int, lines: Iterable[Line]) -> None:
    """Mark the hours of lines that are about to be deleted, and delete their rollups: they name friends."""
    for hour in _hours(lines):
        store.mark(account, part, hour, iso(clock.now()))
        for one in list(_touched(account, part, hour)):
            store.delete(account, part, one)


def outermost(account: str, part: int, hour: str) -> list[Rollup]:
    """The rollups that have an hour in them, but for those that are inside another."""
    covered = cover("", "~", _touched(account, part, hour), ())
    return [one for one in covered if isinstance(one, Rollup)]


def _touched(account: str, part: int, hour: str) -> Iterator[Rollup]:
    since = iso(parse_iso(f"{hour}:00:00.000Z") - _LONGEST_DAY)
    return (one for one in store.between(account, part, since, f"{hour}~") if touches(one, hour))


def _hours(lines: Iterable[Line]) -> list[str]:
    return sorted({line.at[:_HOUR] for line in lines})
