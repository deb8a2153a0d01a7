"""The job that folds lines into rollups, part by part: each hour that is over, then its whole day.

Whatever dies, the next job begins where ``folded`` says; what it does again comes out the same. The rollup of
a day is made of its lines like that of an hour; then those of its hours are deleted. What was folded
long ago and has changed since (``marks``) is folded again.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts import service as accounts
from chalicelib.gateways import clock, queues
from chalicelib.reports import store as lines
from chalicelib.reports.lines import Line
from chalicelib.reports.periods import LONGEST
from chalicelib.reports.rollups import marks, rollup, store
from chalicelib.reports.rollups.rollup import Rollup
from chalicelib.reports.rollups.store import Folded
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso

JOB = "fold_reports"
_HOUR = timedelta(hours=1)
_DAYS_NOTED = 20
"""After so many days that were folded at one go it is noted how far that has come."""
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
        """Hours that are in one rollup (a day's, after an import) have it made once."""
        settled = iso(clock.now() - marks.SETTLED)
        made: list[Rollup] = []
        for hour, at in sorted(store.marks(self.account, self.part).items()):
            if at > settled:
                continue
            if self.left.is_over:
                return False
            begins, ends = f"{hour}:00:00.000Z", f"{hour}:59:59.999Z"
            if not any(one.since <= begins and ends < one.until for one in made):
                made = marks.outermost(self.account, self.part, hour)
                for one in made:
                    self._make(one.since, one.until)
            store.clear(self.account, self.part, hour, at)
        return True

    def _onward(self) -> bool:
        place = store.folded(self.account, self.part)
        since = parse_iso(place.until) if place and place.zone == self.zone.key else self._begin()
        while (until := self._next(since)) is not None:
            if self.left.is_over:
                return False
            if until - since > _HOUR:
                since = self._days(since)
                continue
            self._make(iso(since), iso(until))
            if until == self._day_ends(since) and since != self._day_begins(since):
                self._make(iso(self._day_begins(since)), iso(until))
            since = until
            self._is_folded(since)
        return True

    def _days(self, since: datetime) -> datetime:
        """Fold whole days that are over, as long as there is time; answers until when. What they hold is read
        in one go: a shop may bring years of orders.
        """
        end, read_at = self._day_begins(clock.now() - marks.SETTLED), iso(clock.now())
        before = list(store.between(self.account, self.part, iso(since), iso(end)))
        found = (line for page in lines.pages(self.account, self.part, iso(since), iso(end)) for line in page)
        days = itertools.groupby(found, lambda line: self._day_begins(parse_iso(line.at)))
        ahead = next(days, None)
        for number in itertools.count(1):
            if since >= end or self.left.is_over:
                break
            until, own = self._day_ends(since), list[Line]()
            if ahead is not None and ahead[0] == since:
                own, ahead = list(ahead[1]), next(days, None)
            self._keep(iso(since), iso(until), own, read_at, before)
            since = until
            if not number % _DAYS_NOTED:
                self._is_folded(since)
        self._is_folded(since)
        return since

    def _is_folded(self, until: datetime) -> None:
        store.put_folded(self.account, self.part, Folded(iso(until), self.zone.key))

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
        self._keep(since, until, found, read_at, list(store.between(self.account, self.part, since, until)))

    def _keep(
        self, since: str, until: str, found: Sequence[Line], read_at: str, before: Iterable[Rollup]
    ) -> None:
        """The rollup of a time, by its lines as they were read then, instead of those that it had before."""
        new = list(rollup.made(since, until, self.zone.key, found))
        for one in new:
            store.put(self.account, self.part, one, read_at)
        kept = {(one.since, one.until) for one in new}
        for one in before:
            if since <= one.since and one.until <= until and (one.since, one.until) not in kept:
                store.delete(self.account, self.part, one)
