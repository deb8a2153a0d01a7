"""The numbers of a month, asked of the journal, the ledger and LINE."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from chalicelib.accounts.credentials import line_credentials
from chalicelib.accounts.model import Account
from chalicelib.deliveries import chunk_counts
from chalicelib.gateways import clock
from chalicelib.gateways.line import NoAnswer
from chalicelib.gateways.line_sdk import sent_messages
from chalicelib.gateways.line_sdk.requests import Refused
from chalicelib.gateways.line_sdk.sent_messages import WAYS
from chalicelib.reports import friends, journal, reading, requests
from chalicelib.reports.delivered import deliveries, effect_lines
from chalicelib.reports.monthly.savings import ByLine, Reach, Yen, yen
from chalicelib.reports.numbers import Measurement
from chalicelib.reports.periods import Span, name_of
from chalicelib.segments import service as segments
from chalicelib.shared import side_by_side
from chalicelib.shared.observability import logger

BEST = 5
_FOLLOWING = {"friend": {"status": "following"}}


@dataclass(frozen=True)
class Figures:
    """A month: friends by day and in all; deliveries in all, and each; whom policies left out, and why."""

    days: Span
    friends: list[dict[str, Any]]
    friends_total: dict[str, Any]
    deliveries: list[dict[str, Any]]
    deliveries_total: dict[str, Any]
    skipped: Mapping[str, int]
    reaches: list[Reach]

    def best(self) -> list[dict[str, Any]]:
        """The deliveries that brought most: by revenue, then clicks, then reach."""
        rows = [row for row in self.deliveries if row["accepted"]]
        return sorted(rows, key=lambda row: (row["revenue"], row["clickers"], row["accepted"]), reverse=True)[
            :BEST
        ]

    def yen(self, line: ByLine) -> Yen:
        """What it cost and saved."""
        following = {row["day"]: row["following"] for row in self.friends}
        return yen(self.reaches, following, self.skipped, self.deliveries_total["cost_yen"], line)


def month_of(account: Account, first: date) -> Span:
    """A month of the account, from its first day."""
    following = (first + timedelta(days=31)).replace(day=1)
    return Span(first, following - timedelta(days=1), account.zone)


def before(account: Account, days: Span) -> Span:
    """The month before."""
    return month_of(account, (days.first - timedelta(days=1)).replace(day=1))


def find(account: Account, days: Span) -> Figures:
    """The numbers of a month. Raises RuleViolation when the time of the request does not suffice."""
    found = reading.tally(account.id, Measurement(friends.fold(days, "day"), days.since, journal.END))
    now = segments.count(account.id, _FOLLOWING, clock.now())
    by_day = friends.items(found, days, "day", (now.low + now.high) // 2, requests.today(account))
    runs = deliveries.find(account, days, "delivery")
    came = reading.tally(account.id, deliveries.asked(account, runs))
    rows, total = deliveries.items(runs, came)
    skipped, reaches = _broadcasts(runs, days)
    skipped.update(effect_lines.reasons(came, "skipped"))
    for scenario in runs.scenarios:
        for chunk in chunk_counts.between(account.id, scenario, days.since, days.until):
            skipped.update(chunk.numbers.get("skipped") or {})
    return Figures(days, by_day, friends.total(by_day), rows, total, skipped, reaches)


def _broadcasts(runs: deliveries.Runs, days: Span) -> tuple[Counter[str], list[Reach]]:
    """Whom the policies left out, by reason; and the reach of each broadcast on each day."""
    skipped: Counter[str] = Counter()
    planned: Counter[tuple[str, str]] = Counter()
    accepted: Counter[tuple[str, str]] = Counter()
    for run in runs.runs.values():
        progress, place = run.progress(), (run.broadcast, name_of(days.day_of(run.at), "day"))
        skipped.update(progress.get("skipped") or {})
        planned[place] += int(progress.get("planned") or 0)
        accepted[place] += int(progress.get("accepted") or 0)
    return skipped, [Reach(place[1], n, accepted[place]) for place, n in planned.items()]


def by_line(account: Account, days: Span) -> ByLine:
    """What LINE has counted of a month. When it cannot be asked, nothing is known."""
    today = requests.today(account)
    counted = [day for day in days.days() if day < today]
    asked = [(way, day) for day in counted for way in WAYS]
    try:
        token = line_credentials(account.id)["channel_access_token"]
        found = side_by_side.each(lambda one: sent_messages.sent(token, *one), asked)
    except (NoAnswer, Refused):
        logger.warning("LINE did not say what it has sent", exc_info=True)
        return ByLine()
    sums: dict[str, int] = dict.fromkeys(WAYS, 0)
    missing = {day for day in days.days() if day >= today}
    for (way, day), n in zip(asked, found, strict=True):
        sums[way] += n or 0
        missing |= {day} if n is None else set()
    return ByLine(sums, len(missing))
