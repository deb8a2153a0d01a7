"""Reading the journal for a report: sums over all parts of the friends, and the friends behind one."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.reports import journal
from chalicelib.reports.lines import Line
from chalicelib.reports.numbers import Entry, Measurement, Tally, as_number, behind
from chalicelib.reports.rollups import parts as rollups
from chalicelib.shared import side_by_side, time_left
from chalicelib.shared.errors import RuleViolation
from chalicelib.shared.reasons import Reason

_TOGETHER = 4
"""So many parts of the friends are in memory at a time."""
Place = tuple[int, str]
"""Where a list of friends goes on: the part, and the user id after which."""


def tally(account: str, measurement: Measurement) -> Tally:
    """The sums of all friends. Raises RuleViolation when the time of the request does not suffice."""
    found = Tally(measurement.distinct)
    for entries in parts(account, measurement):
        found.add(entries)
    return found


def parts(account: str, measurement: Measurement) -> Iterator[list[Entry]]:
    """The entries of one part of the friends after the other; raises likewise."""
    for some in side_by_side.parts(range(journal.PARTS), _TOGETHER):
        yield from side_by_side.each(lambda part: list(_entries(account, part, measurement)), some)


def people(
    account: str, measurement: Measurement, row: str, number: str, limit: int, after: Place = (0, "")
) -> tuple[list[dict[str, object]], Place | None]:
    """A page of the friends behind a number, ``{user_id, amount}``, and where the next one begins."""
    found: list[dict[str, object]] = []
    part, user = after
    while part < journal.PARTS:
        amounts = behind(_entries(account, part, measurement), row, number)
        different = number in measurement.distinct
        for one in sorted(name for name in amounts if name > user):
            if len(found) == limit:
                return found, (part, str(found[-1]["user_id"]))
            found.append({"user_id": one, "amount": 1 if different else as_number(amounts[one])})
        part, user = part + 1, ""
        if len(found) == limit and part < journal.PARTS:
            return found, (part, "")
    return found, None


def _entries(account: str, part: int, measurement: Measurement) -> Iterator[Entry]:
    def read(part: int, since: str, until: str) -> Iterator[Line]:
        return _in_time(journal.lines(account, part, since, until))

    return measurement.fold(rollups.of(account, part, measurement.since, measurement.until, read))


def _in_time(lines: Iterator[Line]) -> Iterator[Line]:
    left = time_left.current()
    for n, line in enumerate(lines):
        if n % 1_000 == 0 and left.is_over:
            raise RuleViolation.at("from", Reason("report_too_long"))
        yield line
