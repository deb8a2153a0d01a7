"""The journal made anew from the timelines, friend by friend: what it holds then is what it held before.

A line follows from its event alone, so it is written over itself, and one that is missing (of an event of
before there was a journal, say) is added. None is left over: a line is of an event that stands, and erasing
takes both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.reports import journal
from chalicelib.reports.lines import line_of
from chalicelib.segments import by_shard
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.sheets.model import Sheet
from chalicelib.timeline import service as activities

JOB = "rebuild_reports"


def start(account: str, by: str) -> str:
    """Have it done; answers the job's id."""
    return by_shard.start(accounts.get_account(account), JOB, {}, by)


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job, ``{account, id, shard}``: one shard of the friends. Safe to repeat, and to be cut off."""
    account = accounts.get_account(body["account"])

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        return {"lines": sum(of_friend(account.id, sheet["user_id"]) for sheet in sheets)}

    by_shard.go_on(account, body, lambda _: each, left, ())


def of_friend(account: str, user: str) -> int:
    """Write the lines of a friend's events; how many there are."""
    count = 0
    for page in activities.events(account, user):
        lines = [line for activity in page if (line := line_of(activity)) is not None]
        journal.put(account, lines)
        count += len(lines)
    return count
