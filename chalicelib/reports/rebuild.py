"""The journal made anew from the timelines, friend by friend: what it holds then is what it held before.

A line follows from its event alone, so it is written over itself, and one that is missing (of an event of
before there was a journal, say) is added. None is left over: a line is of an event that exists, and erasing
takes both. What became of the chunks of scenarios is read from the ledger again likewise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.deliveries import service as deliveries
from chalicelib.events.sheet import Sheet
from chalicelib.reports import journal
from chalicelib.segments import by_shard
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.timeline import service as activities

JOB = "rebuild_reports"


def start(account: str, by: str) -> str:
    """Have it done; returns the job's id."""
    return by_shard.start(accounts.get_account(account), JOB, {}, by)


def work(body: Mapping[str, Any], left: TimeLeft = NO_LIMIT) -> None:
    """The job, ``{account, id, shard}``: one shard of the friends. Safe to repeat, and to be cut off."""
    account = accounts.get_account(body["account"])

    def each(sheets: Sequence[Sheet]) -> Mapping[str, int]:
        users = [sheet["user_id"] for sheet in sheets]
        chunks = {chunk for user in users for chunk in _chunks(account.id, user)}
        for run, chunk in sorted(chunks):
            deliveries.count_again(account.id, run, chunk)
        return {"lines": sum(of_friend(account.id, user) for user in users)}

    by_shard.go_on(account, body, lambda _: each, left, ())


def of_friend(account: str, user: str) -> int:
    """Write the lines of a friend's events; how many there are."""
    count = 0
    for page in activities.events(account, user):
        lines = [line for activity in page for line in journal.of_activity(activity)]
        journal.put(account, lines)
        count += len(lines)
    return count


def _chunks(account: str, user: str) -> Iterator[tuple[str, str]]:
    """The runs and chunks by which scenarios have sent a friend something."""
    for page in activities.sent_lines(account, user):
        for line in page:
            run = str(line["props"].get("run", ""))
            if "scenario" in line["props"]:
                yield run, line["event_id"].removeprefix(f"{activities.SENT}:{run}:")
