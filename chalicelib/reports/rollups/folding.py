"""The job that folds lines into rollups, part by part: each hour that is over, then its whole day.

Whatever dies, the next job begins where ``folded`` says; what it does again comes out the same. The rollup of
a day is made of its lines like that of an hour; then those of its hours are deleted. What was folded
long ago and has changed since (``marks``) is folded again.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.gateways import clock, queues
from chalicelib.reports import store as lines
from chalicelib.reports.periods import LONGEST
from chalicelib.reports.rollups import marks, rollup, store
from chalicelib.reports.rollups.store import Folded
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso

JOB = "fold_reports"
_HOUR = timedelta(hours=1)
_END = "~"


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job, ``{account, part?}``: from that part on. Safe to repeat, and to be cut off."""
    account = accounts.get_account(body["account"])
    for part in range(int(body.get("part", 0)), lines.PARTS):
        if not _Part(account.id, part, account.zone, left).fold():
            queues.send("bulk", {**body, "part": part})
            return


class _Part:
    def __init__(self, account: str, part: int, zone: ZoneInfo, left: TimeLeft) -> None:
        self.account, self.part, self.zone, self.left = account, part, zone, left

    def fold(self) -> bool:
        """What was marked, then what is over since the last time; whether there was time for all of it."""
        return self._marked() and self._onward()

    def _marked(self) -> bool:
        settled = iso(clock.now() - marks.SETTLED)
        for hour, at in store.marks(self.account, self.part).items():
            if at > settled:
                continue
            if self.left.is_over:
                return False
            for one in marks.outermost(self.account, self.part, hour):
                self._make(one.since, one.until)
            store.clear(self.account, self.part, hour, at)
        return True

    def _onward(self) -> bool:
        place = store.folded(self.account, self.part)
        since = parse_iso(place.until) if place and place.zone == self.zone.key else self._begin()
        while (until := self._next(since)) is not None:
            if self.left.is_over:
                return False
            self._make(iso(since), iso(until))
            if until == self._day_ends(since) and since != self._day_begins(since):
                self._make(iso(self._day_begins(since)), iso(until))
            since = until
            store.put_folded(self.account, self.part, Folded(iso(since), self.zone.key))
        return True

    def _begin(self) -> datetime:
        """Where it was never folded, or by the days of another zone: everything anew, as far as it is asked
        for in one report.
        """
        for one in list(store.between(self.account, self.part, "", _END)):
            store.delete(self.account, self.part, one)
        since = clock.now() - LONGEST
        pages = lines.pages(self.account, self.part, iso(since), _END)
        first = next((parse_iso(line.at) for page in pages for line in page), clock.now())
        return self._day_begins(min(first, clock.now()))

    def _next(self, since: datetime) -> datetime | None:
        """Where the next rollup ends: with its day, where that is over, else after an hour; None: none is."""
        over, day_ends = clock.now() - marks.SETTLED, self._day_ends(since)
        if since == self._day_begins(since) and day_ends <= over:
            return day_ends
        until = min(since + _HOUR, day_ends)
        return until if until <= over else None

    def _day_begins(self, at: datetime) -> datetime:
        return self._midnight(at.astimezone(self.zone).date())

    def _day_ends(self, at: datetime) -> datetime:
        return self._midnight(at.astimezone(self.zone).date() + timedelta(days=1))

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def _make(self, since: str, until: str) -> None:
        read_at = iso(clock.now())
        found = [line for page in lines.pages(self.account, self.part, since, until) for line in page]
        new = list(rollup.made(since, until, self.zone.key, found))
        for one in new:
            store.put(self.account, self.part, one, read_at)
        kept = {(one.since, one.until) for one in new}
        for one in list(store.between(self.account, self.part, since, until)):
            if one.until <= until and (one.since, one.until) not in kept:
                store.delete(self.account, self.part, one)
