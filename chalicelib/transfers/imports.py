"""Importing friends: a file is kept, cut into chunks of lines on ``bulk``, and each line folded into a sheet.

Imports do not pass the inbox: a chunk reads its friends in one batch and writes each with the same ``rev``
condition as the reaction. Whatever is done twice changes nothing the second time: rows fold by the time of
the import, chunks count once. A line that changes a friend leaves one activity (``imported``, with the job,
the line and what changed); a line that changes nothing leaves none. With ``fire`` every line goes through
the reaction as an ``imported`` event instead, so that rules run exactly once for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, Protocol, cast

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.actions.model import Change
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.deliveries import service as deliveries
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import clock, objects, queues
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import ulid_time
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, local_date, parse_iso
from chalicelib.sheets.model import Fact, erased_at, new_sheet
from chalicelib.sheets.paths import changed_paths
from chalicelib.sheets.trim import tidy
from chalicelib.timeline import service as activities
from chalicelib.transfers import beginning, layouts, member_links, splitting
from chalicelib.transfers import rows as csv_rows
from chalicelib.transfers.beginning import Form, Wish
from chalicelib.transfers.rows import Row, WrongLine, in_words
from chalicelib.transfers.uploads import Source

_THREADS = 8
_ATTEMPTS = 10
_SPLIT_WITHIN = timedelta(minutes=4)
"""So long after it was asked for an import is usually cut, and its file gone."""
_ERASED = Reason("friend_erased")
_BOOKKEEPING = frozenset({"tags", "scores", "topics", "attributes_at", "status_at", "due_at"})
"""Where a line that says what is known already only renews the time at which it was reported."""

_DATES = frozenset({"attributes", "facts"})
"""Where dates are that a scenario may wait for."""

React = Callable[[FriendEvent], Any]
"""The reaction's reaction to one event; safe to repeat."""


class DueTimes(Protocol):
    """What follows a change of a sheet in other rooms: times at which time alone changes something, and
    dates that friends wait for.
    """

    def note(self, sheet: Sheet, at: str) -> None:
        """Note the next due time on a sheet that has been changed as of ``at``."""

    def arm(self, user: str, due_at: str) -> None:
        """See to it that the due time comes; safe to repeat."""

    def dates(self, sheet: Sheet) -> None:
        """See to it that whoever waits until a date waits until the sheet's; safe to repeat."""


FORM = Form("import", "user_id", layouts.of_friends, csv_rows.parse)
"""A file of friends."""


def start(account: str, source: Source, wish: Wish) -> str | dict[str, Any]:
    """Understand the columns, keep the file, queue its cutting; the job's id, or what a dry run found.

    Raises as ``beginning.start`` does.
    """
    return beginning.start(account, source, FORM, wish)


def work(
    body: dict[str, Any],
    receive_count: int = 1,
    react: React | None = None,
    due_times: Callable[[str], DueTimes] | None = None,
    left: TimeLeft = NO_LIMIT,
) -> None:
    """The body of a ``bulk`` message ``{"job": "import", …}``: cut the file, or apply one chunk."""
    if "rows" in body:
        apply_rows(body, receive_count, react, due_times, left)
    else:
        splitting.work(body, left, FORM.check)


def apply_rows(
    body: dict[str, Any],
    receive_count: int = 1,
    react: React | None = None,
    due_times: Callable[[str], DueTimes] | None = None,
    left: TimeLeft = NO_LIMIT,
) -> None:
    """Apply one chunk ``{account, id, chunk, rows: [[line, cells]]}`` of an import job, once or again.

    The rows that there is no time for are a message of their own, with what the others came to.
    """
    account_id, job_id, chunk = body["account"], body["id"], body["chunk"]
    job = jobs.header(account_id, job_id)
    if jobs.chunk_done(job, chunk):
        return
    account, catalog = get_account(account_id), snapshot(account_id)
    errors: list[dict[str, Any]] = list(body.get("errors") or ())
    rows: list[tuple[int, Row]] = []
    for line, cells in body["rows"]:
        try:
            rows.append((line, csv_rows.parse(job.params["header"], cells, catalog, account.zone)))
        except WrongLine as error:
            errors.append(_wrong(job, line, cells, error.reason))
    refused = member_links.claim(account, rows)
    cells_of = dict(body["rows"])
    for line, wrong in refused.items():
        errors.append(_wrong(job, line, cells_of[line], wrong.reason))
    rows = [(line, row) for line, row in rows if line not in refused]
    if job.params["fire"] and react is not None:
        rest = _react_to(job, rows, react, left)
    else:
        noted = due_times(account_id) if due_times else None
        rest = _Import(job, account, catalog, noted, again=receive_count > 1).apply(rows, errors, left)
    done = int(body.get("done", 0)) + len(body["rows"]) - len(rest)
    if rest:
        later = [found for found in body["rows"] if found[0] in rest]
        queues.send("bulk", {**body, "rows": later, "done": done, "errors": errors}, group=account_id)
        return
    jobs.finish_chunk(job, chunk, done, _without_erased(account, job, errors))


def fold(
    job: jobs.JobHeader,
    rows: Sequence[tuple[int, Row]],
    due_times: DueTimes | None,
    left: TimeLeft,
    *,
    again: bool,
) -> set[int]:
    """Fold checked rows as an import that is no news, while there is time; returns the lines that are left.

    Who was erased stays it.
    """
    account, catalog = get_account(job.account), snapshot(job.account)
    return _Import(job, account, catalog, due_times, again=again).apply(rows, [], left)


def _react_to(job: jobs.JobHeader, rows: Sequence[tuple[int, Row]], react: React, left: TimeLeft) -> set[int]:
    """Let the reaction have each line while there is time; returns the lines that are left."""
    for number, (line, row) in enumerate(rows):
        if number and left.is_over:
            return {line for line, _ in rows[number:]}
        react(_event(job, line, row))
    return set()


def _without_erased(
    account: Account, job: jobs.JobHeader, errors: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The errors; of the lines of whom was erased since the import was asked for, only that."""
    since = friends.heard_of(account.id, account.shards, {error["user_id"] for error in errors} - {""})
    gone = in_words(_ERASED)
    return [
        {"line": e["line"], **gone} if since.get(e["user_id"], "") >= job.created_at else e for e in errors
    ]


def _wrong(job: jobs.JobHeader, line: int, cells: Sequence[str], why: Reason) -> dict[str, Any]:
    """What is wrong with a line; whose line it is, for whoever is erased later."""
    column = job.params["header"].index("user_id")
    user = cells[column].strip() if column < len(cells) else ""
    return {"line": line, **in_words(why), "user_id": user}


def _event(job: jobs.JobHeader, line: int, row: Row) -> FriendEvent:
    """A line as an event; its id names the job and the line, so that it is applied once."""
    return FriendEvent(
        event_id=f"import-{job.id}-{line}",
        account_id=job.account,
        user_id=row["user_id"],
        type="imported",
        at=job.created_at,
        props={"job": job.id, "line": line, "row": row},
        source="api",
    )


class _Import:
    """One chunk's shell: reads all its friends at once, then writes them side by side."""

    def __init__(
        self,
        job: jobs.JobHeader,
        account: Account,
        catalog: Snapshot,
        due_times: DueTimes | None,
        *,
        again: bool,
    ) -> None:
        self.job, self.account, self.catalog, self.again = job, account, catalog, again
        self.due_times = due_times

    def apply(
        self, rows: Sequence[tuple[int, Row]], errors: list[dict[str, Any]], left: TimeLeft
    ) -> set[int]:
        """Fold every row while there is time; lines of the same friend one after the other, in their order.

        Answers the lines that are left.
        """
        sheets = friends.load_many(self.account.id, self.account.shards, [row["user_id"] for _, row in rows])
        by_friend: dict[str, list[tuple[int, Row]]] = {}
        for line, row in rows:
            by_friend.setdefault(row["user_id"], []).append((line, row))

        def friend(lines: list[tuple[int, Row]]) -> list[dict[str, Any]]:
            user = lines[0][1]["user_id"]
            with friends.registered_writer(self.account.id):
                return self._friend(sheets.get(user), lines)

        if any("topics" in row for _, row in rows):
            deliveries.note_opt_out(self.account.id, iso(clock.now()))
        groups = list(by_friend.values())
        with friends.registered_writer(self.account.id), ThreadPoolExecutor(_THREADS) as threads:
            for first in range(0, len(groups), 2 * _THREADS):
                if first and left.is_over:
                    return {line for lines in groups[first:] for line, _ in lines}
                for wrong in threads.map(friend, groups[first : first + 2 * _THREADS]):
                    errors += wrong
        return set()

    def _friend(self, sheet: Sheet | None, lines: list[tuple[int, Row]]) -> list[dict[str, Any]]:
        errors = []
        for line, row in lines:
            sheet, wrong = self._row(sheet, line, row)
            if wrong:
                errors.append({"line": line, "user_id": row["user_id"], **in_words(wrong)})
        return errors

    def _row(self, sheet: Sheet | None, line: int, row: Row) -> tuple[Sheet | None, Reason | None]:
        user, at = row["user_id"], self.job.created_at
        for _ in range(_ATTEMPTS):
            if sheet is not None and (sheet["status"] == "erased" or at <= erased_at(sheet)):
                return sheet, _ERASED
            after = copy.deepcopy(sheet) if sheet else new_sheet(self.account.id, user, at)
            zone = self.account.zone
            facts = csv_rows.fold_row(after, row, self.catalog, zone, at, f"import:{self.job.id}")
            trimmed = tidy(after, local_date(parse_iso(at), zone))
            if self.due_times:
                self.due_times.note(after, at)
            sets, removes = changed_paths(sheet or {}, after)
            if sheet is not None and not sets and not removes:
                if self.again:
                    self._record(line, row, facts, trimmed, after)
                    self._arm(after)
                    self._follow_dates(after)
                return sheet, None
            seen = sheet["rev"] if sheet else None
            if friends.create_or_update(self.account.id, self.account.shards, user, sheet, after, seen):
                if facts or trimmed or any(path[0] not in _BOOKKEEPING for path, _ in sets):
                    self._record(line, row, facts, trimmed, after)
                if after.get("due_at") != (sheet or {}).get("due_at"):
                    self._arm(after)
                if any(path[0] in _DATES for path in [*(path for path, _ in sets), *removes]):
                    self._follow_dates(after)
                return after, None
            sheet = friends.load(self.account.id, self.account.shards, user)
        raise Unavailable(Reason("friend_busy", user=user, account=self.account.id))

    def _arm(self, sheet: Sheet) -> None:
        if self.due_times and sheet.get("due_at"):
            self.due_times.arm(sheet["user_id"], sheet["due_at"])

    def _follow_dates(self, sheet: Sheet) -> None:
        if self.due_times:
            self.due_times.dates(sheet)

    def _record(self, line: int, row: Row, facts: list[Fact], trimmed: list[str], sheet: Sheet) -> None:
        event = _event(self.job, line, row)
        activities.put(
            {
                "account": event.account_id,
                "user_id": event.user_id,
                "event_id": event.event_id,
                "type": event.type,
                "at": event.at,
                "props": event.props,
                "source": event.source,
                "rules": [],
                "changes": [
                    *(_change(fact, f"import:{self.job.id}") for fact in facts),
                    *(Change(type="trimmed", what=name) for name in trimmed),
                ],
                "effects": [],
                "rev": sheet["rev"],
                "fires": False,
            }
        )


def _change(fact: Fact, by: str) -> Change:
    kind, _, props = fact
    return cast("Change", {"type": kind, **props, "by": by})  # its properties are declared by its type


def forget(account: Account, user: str, _until: str) -> None:
    """Keep no file that names a friend, once it is cut or should be: an upload at once, the file of an import
    when it has waited for longer than it takes to cut it.
    """
    for key in list(objects.keys(f"uploads/{account.id}/")):
        if objects.holds(key, user):
            objects.delete(key)
    for key in list(objects.keys(f"imports/{account.id}/")):
        made_at = ulid_time(key.split("/")[2].removesuffix(".csv"))
        if clock.now() - made_at > _SPLIT_WITHIN and objects.holds(key, user):
            objects.delete(key)


def forget_errors(account: Account, user: str, _until: str) -> None:
    """Keep nothing of what was wrong with a friend's lines: reasons quote them."""
    jobs.replace_errors(account.id, lambda error: error.get("user_id") == user, in_words(_ERASED))
