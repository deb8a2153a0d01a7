"""Exporting friends as CSV with columns that an import takes: shard by shard on ``bulk``, then one file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.events.sheet import Sheet
from chalicelib.friends import service as friends
from chalicelib.gateways import objects, queues
from chalicelib.gateways.queues import Message
from chalicelib.http.budget import first_twin
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import Detail, InvalidInput, RuleViolation, Unavailable
from chalicelib.shared.ids import friend_shard, ulid_time
from chalicelib.shared.reasons import Reason
from chalicelib.shared.text.near_names import did_you_mean
from chalicelib.shared.time_left import NO_LIMIT, TimeLeft
from chalicelib.shared.times import iso, parse_iso
from chalicelib.transfers import cells
from chalicelib.transfers.rows import COLUMNS, PLAIN

_CSV = "text/csv; charset=utf-8"
_LOOK_EVERY = 100
"""So many friends are written between two looks at the time."""


_BOM = "\ufeff"

Test = Callable[[Sheet], bool]
Audience = Callable[[Account, Any, datetime], Test]
"""Makes a condition, as of a moment, the test of a sheet."""


@dataclass(frozen=True)
class Chosen:
    """What is exported: the columns, of whom (without a condition and users: of everybody who is not erased),
    and how it begins.
    """

    header: list[str]
    condition: dict[str, Any] | None = None
    bom: bool = False
    users: list[str] | None = None


def columns(asked: Sequence[str] | None, catalog: Snapshot) -> list[str]:
    """The columns that are asked for; all there are when None. Raises InvalidInput, RuleViolation."""
    every = [
        *PLAIN,
        *(f"score.{score}" for score in catalog.all("scores")),
        *(f"attribute.{attribute}" for attribute in catalog.all("attributes")),
        *(f"topic.{topic}" for topic in dict.fromkeys((*catalog.all("topics"), "marketing"))),
    ]
    if asked is None:
        return every
    every += _of_forms(catalog)
    if twin := first_twin(asked):
        path = f"columns[{len(asked) - 1 - asked[::-1].index(twin)}]"
        raise InvalidInput.at(path, Reason("more_than_once"))
    known = frozenset(every)
    unknown = [
        Detail(f"columns[{n}]", did_you_mean(Reason("no_column", column=repr(column[:100])), column, every))
        for n, column in enumerate(asked)
        if column not in known
    ]
    if unknown:
        raise RuleViolation.of(unknown)
    return list(asked)


def _of_forms(catalog: Snapshot) -> list[str]:
    """The columns of forms, which no import takes: when each was answered, and its answers."""
    return [
        column
        for form, document in catalog.all("forms").items()
        for column in (
            f"form.{form}.answered_at",
            *(f"form.{form}.answer.{question['id']}" for question in document.body.get("questions") or ()),
        )
    ]


def start(account: Account, chosen: Chosen, *, by: str) -> str:
    """Queue an export; returns the job's id."""
    params = {
        "header": chosen.header,
        "condition": chosen.condition,
        "bom": chosen.bom,
        "needs_result": True,
        **({"users": chosen.users} if chosen.users is not None else {}),
    }
    job = jobs.create(account.id, "export", by=by, total=0, chunks=account.shards, params=params)
    messages = [
        Message({"job": "export", "account": account.id, "id": job, "shard": shard})
        for shard in range(account.shards)
    ]
    if queues.send_all("bulk", messages):
        raise Unavailable(Reason("queue_refused", what="export"))
    return job


def work(body: dict[str, Any], audience: Audience, left: TimeLeft = NO_LIMIT) -> None:
    """Write a shard's part, or go on with it; whoever finds all parts there puts them together, or goes on.

    What there is no time for is gone on with by another message.
    """
    account, job_id = get_account(body["account"]), body["id"]
    header = jobs.header(account.id, job_id)
    if header.result is not None:
        return
    if "join" in body:
        _join(jobs.get(account.id, job_id), body, left)
        return
    again = bool(body.get("again"))
    if again or not jobs.chunk_done(header, f"{body['shard']:06d}"):
        part = _Part(**body.get("part") or {})
        part, is_over = _write(account, header, body["shard"], part, audience, left)
        if not is_over:
            queues.send("bulk", {**body, "part": vars(part)})
            return
        found = {"pieces": part.pieces}
        jobs.finish_chunk(header, f"{body['shard']:06d}", part.rows, result=found, over=again)
    job = jobs.get(account.id, job_id)
    if job.complete and job.result is None:
        _join(job, {name: body[name] for name in ("job", "account", "id")}, left)


@dataclass(frozen=True)
class _Part:
    """How far a shard is written: pieces, their rows, and the friend after whom the next piece begins."""

    pieces: int = 0
    rows: int = 0
    after: str | None = None


def _write(
    account: Account, job: jobs.JobHeader, shard: int, part: _Part, audience: Audience, left: TimeLeft
) -> tuple[_Part, bool]:
    """Write the next piece of a shard, as long as there is time; whether it is the last one."""
    catalog = snapshot(account.id)
    header, asked_at = job.params["header"], parse_iso(job.created_at)
    condition = job.params.get("condition")
    test: Test = (lambda _sheet: True) if condition is None else audience(account, condition, asked_at)
    rows: list[list[str]] = []
    last = part.after
    is_over = True
    for number, sheet in enumerate(_sheets(account, job, shard, part.after), 1):
        rows += [_cells(header, sheet, catalog, asked_at)] if test(sheet) else []
        last = sheet["user_id"]
        if number % _LOOK_EVERY == 0 and left.is_over:
            is_over = False
            break
    objects.put(_piece(account.id, job.id, shard, part.pieces), _csv(rows).encode(), _CSV)
    return _Part(part.pieces + 1, part.rows + len(rows), last), is_over


def _sheets(account: Account, job: jobs.JobHeader, shard: int, after: str | None) -> Iterable[Sheet]:
    """The shard's friends after one, in order; where they were named, these alone."""
    named = job.params.get("users")
    if named is None:
        return friends.read_all(account.id, shard, after)
    wanted = sorted(user for user in set(named) if friend_shard(user, account.shards) == shard)
    found = friends.load_many(account.id, account.shards, [u for u in wanted if after is None or u > after])
    return [found[user] for user in sorted(found) if found[user]["status"] != "erased"]


def _join(job: jobs.Job, body: dict[str, Any], left: TimeLeft) -> None:
    """Put the pieces together, from where the message says; what somebody's erasure has taken away is written
    anew before.
    """
    pieces = {
        _piece(job.account, job.id, int(chunk.name), number): int(chunk.name)
        for chunk in sorted(job.chunks, key=lambda chunk: chunk.name)
        for number in range(int(chunk.result.get("pieces", 1)))
    }
    key = f"exports/{job.account}/{job.id}.csv"
    begin = (_BOM if job.params.get("bom") else "") + _csv([job.params["header"]])
    since = objects.Joining(**body["join"]) if body.get("join") else None
    joined = objects.join(key, begin.encode(), list(pieces), _CSV, left, since)
    if isinstance(joined, objects.Joining):
        queues.send("bulk", {**body, "join": vars(joined)})
    elif not joined:
        there = set(objects.keys(_folder(job.account, job.id)))
        common = {"job": "export", "account": job.account, "id": job.id, "again": True}
        gone = sorted({shard for piece, shard in pieces.items() if piece not in there})
        if queues.send_all("bulk", [Message({**common, "shard": n}) for n in gone]):
            raise Unavailable(Reason("queue_refused", what="export"))
    else:
        rows = sum(chunk.done for chunk in job.chunks)
        jobs.set_total(job.account, job.id, rows)
        jobs.finish(job.account, job.id, {"key": key, "rows": rows})
        for piece in pieces:
            objects.delete(piece)


def forget(account: Account, user: str, until: str) -> None:
    """Keep no file of before that moment that may hold a friend: neither exports nor, of one that is being
    made, the part of the friend's shard, which is written anew.
    """
    part = _name(friend_shard(user, account.shards))
    for key in list(objects.keys(f"exports/{account.id}/")):
        job, _, name = key.removeprefix(f"exports/{account.id}/").partition("/")
        if iso(ulid_time(job.removesuffix(".csv"))) <= until and name.startswith(part if name else ""):
            objects.delete(key)


def _piece(account: str, job: str, shard: int, number: int) -> str:
    return f"{_folder(account, job)}{_name(shard)}{number:04d}.csv"


def _name(shard: int) -> str:
    """How the pieces of a shard begin."""
    return f"{shard:06d}-"


def _folder(account: str, job: str) -> str:
    return f"exports/{account}/{job}/"


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cells(header: Sequence[str], sheet: Sheet, catalog: Snapshot, asked_at: datetime) -> list[str]:
    return [cells.write(_value(column, sheet, catalog, asked_at)) for column in header]


def _value(column: str, sheet: Sheet, catalog: Snapshot, asked_at: datetime) -> Any:
    """A cell's value."""
    kind, dot, id_ = column.partition(".")
    if dot:
        return _WRITTEN[kind](sheet, id_, catalog, asked_at)
    return _PLAIN[column](sheet) if column in _PLAIN else sheet.get(column)


def _tags(sheet: Sheet) -> list[str]:
    return [f"{tag}@{entry['since']}" for tag, entry in sorted(sheet["tags"].items())]


_PLAIN: dict[str, Callable[[Sheet], Any]] = {
    "tags": _tags,
    "source": lambda sheet: sheet["source"].get("first"),
}


def _of_form(sheet: Sheet, column: str, _catalog: Snapshot, _asked_at: datetime) -> Any:
    """When a form was answered to its end, or the answer to one of its questions."""
    form, _, what = column.partition(".")
    entry = (sheet.get("forms") or {}).get(form) or {}
    if what == "answered_at":
        return entry.get("at")
    return ((entry.get("answers") or {}).get(what.removeprefix("answer.")) or {}).get("value")


_WRITTEN: dict[str, Callable[[Sheet, str, Snapshot, datetime], Any]] = {
    **{kind: column.written for kind, column in COLUMNS.items() if column.written is not None},
    "form": _of_form,
}
"""By how a column begins that names a document: those that an import takes, and the answers to forms."""
