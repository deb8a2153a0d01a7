"""Importing friends: a file is kept, cut into chunks of lines on ``bulk``, and each line folded into a sheet.

Imports do not pass the inbox: a chunk reads its friends in one batch and writes each with the same ``rev``
condition as the engine. Whatever is done twice changes nothing the second time: rows fold by the time of
the import, chunks count once. A line that changes a friend leaves one activity (``imported``, with the job,
the line and what changed); a line that changes nothing leaves none. With ``fire`` every line goes through
the engine as an ``imported`` event instead, so that rules run exactly once for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import Write, save, snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import activities, csv_rows, jobs, store
from chalicelib.friends.csv_rows import Record, Row, WrongLine
from chalicelib.friends.model import Fact, Sheet, erased_at, new_sheet
from chalicelib.friends.paths import changed_paths
from chalicelib.friends.trim import tidy
from chalicelib.gateways import objects, queues
from chalicelib.gateways.queues import Message
from chalicelib.shared.errors import InvalidInput, Unavailable
from chalicelib.shared.events import FriendEvent
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.times import local_date, parse_iso

CHUNK_LINES = 100
CHUNK_BYTES = 200_000
_THREADS = 8
_ATTEMPTS = 10
_BOOKKEEPING = frozenset({"tags", "scores", "attributes_at", "status_at", "moment"})
"""Where a line that says what is known already only renews the time at which it was said."""

React = Callable[[FriendEvent], Any]
"""The engine's reaction to one event; safe to repeat."""


class Moments(Protocol):
    """What the engine has to note where time alone will change something for a friend."""

    def note(self, sheet: Sheet, at: str) -> None:
        """Note the next moment on a sheet that has been changed as of ``at``."""

    def arm(self, user: str, moment: str) -> None:
        """See to it that the moment comes; safe to repeat."""


def start(account: str, text: str, *, by: str, fire: bool = False, unknown_as_attribute: bool = False) -> str:
    """Check the header, keep the file, queue its cutting; answers the job's id.

    Raises InvalidInput or RuleViolation for a header that cannot work.
    """
    header, records = csv_rows.read(text)
    if unknown_as_attribute:
        _create_attributes(account, header, by)
        header = csv_rows.as_attributes(header)
    csv_rows.check_header(header, snapshot(account))
    job = new_ulid()
    key = f"imports/{account}/{job}.csv"
    objects.put(key, text.encode(), "text/csv; charset=utf-8")
    params = {"key": key, "fire": fire, "header": header}
    chunks = len(_cut(records, header))
    jobs.create(account, "import", by=by, total=len(records), chunks=chunks, params=params, job_id=job)
    if chunks:
        queues.send("bulk", {"job": "import", "account": account, "id": job}, group=account)
    return job


def _create_attributes(account: str, header: Sequence[str], by: str) -> None:
    """Make a text attribute of every unknown column that is no attribute yet."""
    known = snapshot(account)
    missing = [
        column.partition(".")[2]
        for column, before in zip(csv_rows.as_attributes(header), header, strict=True)
        if column != before and not known.find("attributes", column.partition(".")[2])
    ]
    writes = [Write("attributes", id_, {"name": id_, "type": "text"}) for id_ in dict.fromkeys(missing)]
    if writes:
        save(account, writes, lambda _candidate: None, by)


def work(
    body: dict[str, Any],
    receive_count: int = 1,
    react: React | None = None,
    moments: Callable[[str], Moments] | None = None,
) -> None:
    """The body of a ``bulk`` message ``{"job": "import", …}``: cut the file, or apply one chunk."""
    if "rows" in body:
        apply_rows(body, receive_count, react, moments)
    else:
        _cut_file(body["account"], body["id"])


def _cut_file(account: str, job_id: str) -> None:
    """Put a message on ``bulk`` for every chunk; putting them again is harmless."""
    job = jobs.get(account, job_id)
    raw = objects.find(job.params["key"])
    if raw is None:
        jobs.fail(account, job_id, "the file is gone")
        return
    _, records = csv_rows.read(raw.decode())
    messages = [
        Message(
            {"job": "import", "account": account, "id": job_id, "chunk": f"{n:06d}", "rows": rows},
            group=account,
        )
        for n, rows in enumerate(_cut(records, job.params["header"]))
    ]
    if queues.send_all("bulk", messages):
        raise Unavailable("the queue refused chunks of the import")


def _cut(records: Sequence[Record], header: Sequence[str]) -> list[list[list[Any]]]:
    """Chunks of ``[line, cells]``; a friend who stands in several lines stays in one chunk, in order."""
    column = header.index("user_id")
    chunks: list[list[list[Any]]] = []
    sizes: list[int] = []
    home: dict[str, int] = {}
    for record in records:
        length = sum(len(cell.encode()) for cell in record.cells) + 20
        user = record.cells[column].strip() if column < len(record.cells) else ""
        chunk = home.get(user, len(chunks) - 1)
        room = 4 if user in home else 1
        full = (
            chunk < 0
            or len(chunks[chunk]) >= room * CHUNK_LINES
            or sizes[chunk] + length > room * CHUNK_BYTES
        )
        if full:
            chunk = len(chunks)
            chunks.append([])
            sizes.append(0)
        chunks[chunk].append([record.line, record.cells])
        sizes[chunk] += length
        home[user] = chunk
    return chunks


def apply_rows(
    body: dict[str, Any],
    receive_count: int = 1,
    react: React | None = None,
    moments: Callable[[str], Moments] | None = None,
) -> None:
    """Apply one chunk ``{account, id, chunk, rows: [[line, cells]]}`` of an import job, once or again."""
    account_id, job_id, chunk = body["account"], body["id"], body["chunk"]
    if jobs.chunk_done(account_id, job_id, chunk):
        return
    job, account, catalog = jobs.get(account_id, job_id), get_account(account_id), snapshot(account_id)
    errors: list[dict[str, Any]] = []
    rows: list[tuple[int, Row]] = []
    for line, cells in body["rows"]:
        try:
            rows.append((line, csv_rows.parse(job.params["header"], cells, catalog, account.zone)))
        except WrongLine as error:
            errors.append({"line": line, "message": str(error)})
    if job.params["fire"] and react is not None:
        for line, row in rows:
            react(_event(job, line, row))
    else:
        noted = moments(account_id) if moments else None
        _Import(job, account, catalog, noted, again=receive_count > 1).apply(rows, errors)
    jobs.finish_chunk(account_id, job_id, chunk, len(body["rows"]), errors)


def _event(job: jobs.Job, line: int, row: Row) -> FriendEvent:
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
        self, job: jobs.Job, account: Account, catalog: Snapshot, moments: Moments | None, *, again: bool
    ) -> None:
        self.job, self.account, self.catalog, self.again = job, account, catalog, again
        self.moments = moments

    def apply(self, rows: Sequence[tuple[int, Row]], errors: list[dict[str, Any]]) -> None:
        """Fold every row; lines of the same friend one after the other, in their order."""
        sheets = store.load_many(self.account.id, self.account.shards, [row["user_id"] for _, row in rows])
        by_friend: dict[str, list[tuple[int, Row]]] = {}
        for line, row in rows:
            by_friend.setdefault(row["user_id"], []).append((line, row))

        def friend(lines: list[tuple[int, Row]]) -> list[dict[str, Any]]:
            user = lines[0][1]["user_id"]
            return self._friend(sheets.get(user), lines)

        with ThreadPoolExecutor(_THREADS) as threads:
            for wrong in threads.map(friend, by_friend.values()):
                errors += wrong

    def _friend(self, sheet: Sheet | None, lines: list[tuple[int, Row]]) -> list[dict[str, Any]]:
        errors = []
        for line, row in lines:
            sheet, wrong = self._row(sheet, line, row)
            if wrong:
                errors.append({"line": line, "message": wrong})
        return errors

    def _row(self, sheet: Sheet | None, line: int, row: Row) -> tuple[Sheet | None, str | None]:
        user, at = row["user_id"], self.job.created_at
        for _ in range(_ATTEMPTS):
            if sheet is not None and (sheet["status"] == "erased" or at <= erased_at(sheet)):
                return sheet, "this friend was erased"
            after = copy.deepcopy(sheet) if sheet else new_sheet(self.account.id, user, at)
            zone = self.account.zone
            facts = csv_rows.fold_row(after, row, self.catalog, zone, at, f"import:{self.job.id}")
            trimmed = tidy(after, local_date(parse_iso(at), zone))
            if self.moments:
                self.moments.note(after, at)
            sets, removes = changed_paths(sheet or {}, after)
            if sheet is not None and not sets and not removes:
                if self.again:
                    self._record(line, row, facts, trimmed, after)
                    self._arm(after)
                return sheet, None
            seen = sheet["rev"] if sheet else None
            if store.create_or_update(self.account.id, self.account.shards, user, sheet, after, seen):
                if facts or trimmed or any(path[0] not in _BOOKKEEPING for path, _ in sets):
                    self._record(line, row, facts, trimmed, after)
                if after.get("moment") != (sheet or {}).get("moment"):
                    self._arm(after)
                return after, None
            sheet = store.load(self.account.id, self.account.shards, user)
        raise Unavailable(f"others kept changing friend {user}")

    def _arm(self, sheet: Sheet) -> None:
        if self.moments and sheet.get("moment"):
            self.moments.arm(sheet["user_id"], sheet["moment"])

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
                    {"type": kind, **props, "by": f"import:{self.job.id}"} for kind, _, props in facts
                ]
                + [{"type": "trimmed", "what": name} for name in trimmed],
                "effects": [],
                "rev": sheet["rev"],
            }
        )


def read_upload(account: str, upload: str) -> str:
    """The text of an uploaded file. Raises InvalidInput."""
    raw = objects.find(upload_key(account, upload))
    if raw is None:
        raise InvalidInput(f"nothing was uploaded as {upload}")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"the file is not UTF-8 (byte {error.start})") from error


def upload_key(account: str, upload: str) -> str:
    """Where an upload is kept."""
    return f"uploads/{account}/{upload}"
