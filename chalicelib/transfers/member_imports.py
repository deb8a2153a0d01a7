"""Importing members: ``member_id``, ``rank``, ``attribute.<id>``, and ``user_id`` of a friend who is this
member.

The file is cut as one of friends is. A line changes what its cells say: an empty cell leaves what is.
Whatever is done twice changes nothing the second time. Rules see what changes at friends with ``fire`` alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from zoneinfo import ZoneInfo

from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import service as friends
from chalicelib.gateways import queues
from chalicelib.jobs import service as jobs
from chalicelib.members import service
from chalicelib.shared.errors import Conflict, Detail, InvalidInput, RuleViolation
from chalicelib.shared.reasons import Reason
from chalicelib.shared.storable import unfit_name
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers import beginning, splitting
from chalicelib.transfers import rows as csv_rows
from chalicelib.transfers.beginning import Form, Wish
from chalicelib.transfers.layouts import Asked, Heads, Layout, renamed
from chalicelib.transfers.rows import Row, WrongLine
from chalicelib.transfers.uploads import Source

JOB, KEY = "import_members", "member_id"
_PLAIN = (KEY, "rank", "user_id")
_RANK_LENGTH = 100
_THREADS = 8
_AT_ONCE = 16
_ERASED = WrongLine(Reason("friend_erased"))


def start(account: str, source: Source, wish: Wish) -> str | dict[str, Any]:
    """Understand the columns, keep the file, queue its cutting; the job's id, or what a dry run found.

    Raises as ``beginning.start`` does.
    """
    return beginning.start(account, source, FORM, wish)


def work(body: dict[str, Any], left: TimeLeft) -> None:
    """The body of a message ``{"job": "import_members", …}``: cut the file, or apply one chunk."""
    if "rows" in body:
        _apply(body, left)
    else:
        splitting.work(body, left, FORM.check)


def _apply(body: dict[str, Any], left: TimeLeft) -> None:
    """Apply one chunk, once or again; the lines that there is no time for are a message of their own."""
    job = jobs.header(body["account"], body["id"])
    if jobs.chunk_done(job, body["chunk"]):
        return
    account, catalog = get_account(job.account), snapshot(job.account)
    errors: list[dict[str, Any]] = list(body.get("errors") or ())
    lines: list[list[Any]] = body["rows"]
    header, column = job.params["header"], _column(job.params["header"], "user_id")

    def one(line: list[Any]) -> dict[str, Any] | None:
        number, cells = line
        try:
            row = _parse(header, cells, catalog, account.zone)
            _put(account.id, row, fire=bool(job.params["fire"]), erased=erased)
        except WrongLine as error:
            user = cells[column].strip() if column is not None and column < len(cells) else ""
            return {"line": number, **csv_rows.in_words(error.reason), "user_id": user}
        return None

    def in_order(some: list[list[Any]]) -> list[dict[str, Any] | None]:
        return [one(line) for line in some]

    users = {
        c[column].strip() for _, c in lines if column is not None and column < len(c) and c[column].strip()
    }
    since = friends.heard_of(account.id, account.shards, users)
    erased = {user for user, timestamp in since.items() if timestamp == friends.ERASED}
    done = 0
    with ThreadPoolExecutor(_THREADS) as threads:
        while done < len(lines) and not (done and left.is_over):
            groups = _apart(lines[done : done + _AT_ONCE], [_column(header, KEY), column])
            errors += [wrong for some in threads.map(in_order, groups) for wrong in some if wrong]
            done += _AT_ONCE
    through = int(body.get("done", 0)) + min(done, len(lines))
    if done < len(lines):
        rest = {**body, "rows": lines[done:], "done": through, "errors": errors}
        queues.send("bulk", rest, group=account.id)
        return
    jobs.finish_chunk(job, body["chunk"], through, errors)


def _apart(lines: Sequence[list[Any]], columns: Sequence[int | None]) -> list[list[list[Any]]]:
    """Lines in groups that name neither a member nor a friend of another; each in the order of the file, so
    that of two lines of one member the later counts, and the first has a friend whom two claim.
    """
    groups: list[tuple[set[tuple[int, str]], list[list[Any]]]] = []
    for line in lines:
        cells = line[1]
        names = {
            (c, cells[c].strip()) for c in columns if c is not None and c < len(cells) and cells[c].strip()
        }
        same = [group for group in groups if group[0] & names]
        groups = [group for group in groups if not group[0] & names]
        together = [*(one for group in same for one in group[1]), line]
        groups.append((names.union(*(group[0] for group in same)), sorted(together, key=lambda one: one[0])))
    return [group[1] for group in groups]


def _put(account: str, row: Row, *, fire: bool, erased: set[str]) -> None:
    """Put a line's member, and link its friend. Raises WrongLine."""
    member, user = row[KEY], row.get("user_id")
    if user in erased:
        raise _ERASED
    try:
        before = service.find(account, [member]).get(member)
        rank = row.get("rank", before.rank if before else None)
        attributes = {**(before.attributes if before else {}), **row.get("attributes", {})}
        service.change(account, member, rank, attributes, fire=fire)
        if user is not None:
            service.link(account, member, user, "import", fire=fire)
    except Conflict as error:
        raise WrongLine(error.reason) from error


def _layout(heads: Heads, catalog: Snapshot, asked: Asked) -> Layout:
    """The columns of a file of members. Raises InvalidInput and RuleViolation."""
    header = renamed(heads[0], asked.mapping)
    _check_header(header, catalog)
    return Layout(list(heads[0]), header)


def _check_header(header: Sequence[str], catalog: Snapshot) -> None:
    known = [*_PLAIN, "attribute.<id>"]
    wrong = [
        Detail(f"header.{c}", Reason("column_twice"))
        for c in sorted({c for c in header if c and header.count(c) > 1})
    ]
    if KEY not in header:
        wrong.append(Detail(f"header.{KEY}", Reason("is_missing")))
    wrong += [
        Detail(f"header.{c}", Reason("column_unknown", known=known))
        for c in header
        if c and c not in _PLAIN and not c.startswith("attribute.")
    ]
    if wrong:
        raise InvalidInput.of(wrong)
    missing = [
        Detail(f"header.{c}", Reason("no_document", kind="attribute", id=c[10:]))
        for c in header
        if c.startswith("attribute.") and not catalog.find("attributes", c[10:])
    ]
    if missing:
        raise RuleViolation.of(missing)


def _parse(header: Sequence[str], cells: Sequence[str], catalog: Snapshot, zone: ZoneInfo) -> Row:
    """A line as a checked row; empty cells are left out. Raises WrongLine."""
    row = csv_rows.read(header, cells, catalog, zone)
    member, rank = row.get(KEY), row.get("rank")
    if not member or unfit_name(member):
        raise csv_rows.wrong(KEY, Reason("is_missing"))
    if rank is not None and len(rank) > _RANK_LENGTH:
        raise csv_rows.wrong("rank", Reason("longer_than", most=_RANK_LENGTH))
    return row


def _column(header: Sequence[str], name: str) -> int | None:
    return list(header).index(name) if name in header else None


FORM = Form(JOB, KEY, _layout, _parse)
"""A file of members."""
