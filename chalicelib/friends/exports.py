"""Exporting friends as CSV with the columns an import takes: shard by shard on ``bulk``, then one file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from chalicelib.accounts.model import Account
from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.friends import jobs, store
from chalicelib.friends.csv_rows import PLAIN
from chalicelib.friends.model import Sheet
from chalicelib.friends.scores import score_value
from chalicelib.gateways import objects, queues
from chalicelib.gateways.queues import Message
from chalicelib.shared.errors import Unavailable
from chalicelib.shared.times import parse_iso

_CSV = "text/csv; charset=utf-8"


def start(account: Account, *, by: str) -> str:
    """Queue the export of every friend who is not erased; answers the job's id."""
    catalog = snapshot(account.id)
    header = [
        *PLAIN,
        *(f"score.{score}" for score in catalog.all("scores")),
        *(f"attribute.{attribute}" for attribute in catalog.all("attributes")),
    ]
    params = {"header": header, "needs_result": True}
    job = jobs.create(account.id, "export", by=by, total=0, chunks=account.shards, params=params)
    messages = [
        Message({"job": "export", "account": account.id, "id": job, "shard": shard}, group=account.id)
        for shard in range(account.shards)
    ]
    if queues.send_all("bulk", messages):
        raise Unavailable("the queue refused parts of the export")
    return job


def work(body: dict[str, Any]) -> None:
    """Write one shard's part; whoever finds all parts there puts them together."""
    account, job_id, shard = get_account(body["account"]), body["id"], body["shard"]
    name = f"{shard:06d}"
    if not jobs.chunk_done(account.id, job_id, name):
        job, catalog = jobs.get(account.id, job_id), snapshot(account.id)
        header, asked_at = job.params["header"], parse_iso(job.created_at)
        rows = [_cells(header, sheet, catalog, asked_at) for sheet in store.read_all(account.id, shard)]
        objects.put(_part(account.id, job_id, name), _csv(rows).encode(), _CSV)
        jobs.finish_chunk(account.id, job_id, name, len(rows))
    job = jobs.get(account.id, job_id)
    if job.complete and job.result is None:
        _join(job)


def _join(job: jobs.Job) -> None:
    names = sorted(chunk.name for chunk in job.chunks)
    parts = [objects.find(_part(job.account, job.id, name)) or b"" for name in names]
    key = f"exports/{job.account}/{job.id}.csv"
    objects.put(key, _csv([job.params["header"]]).encode() + b"".join(parts), _CSV)
    rows = sum(chunk.done for chunk in job.chunks)
    jobs.set_size(job.account, job.id, total=rows, chunks=job.chunk_count)
    jobs.finish(job.account, job.id, {"key": key, "rows": rows})


def _part(account: str, job: str, name: str) -> str:
    return f"exports/{account}/{job}/{name}.csv"


def _csv(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def _cells(header: Sequence[str], sheet: Sheet, catalog: Snapshot, asked_at: datetime) -> list[str]:
    return [_text(_value(column, sheet, catalog, asked_at)) for column in header]


def _value(column: str, sheet: Sheet, catalog: Snapshot, asked_at: datetime) -> Any:
    """A cell's value; scores as they are when the export is asked for (an import sets them anew)."""
    kind, dot, id_ = column.partition(".")
    if dot:
        entry, document = sheet[f"{kind}s"].get(id_), catalog.find("scores", id_)
        if kind == "score" and entry:
            return score_value(entry, document.body if document else {}, asked_at)
        return entry
    if column == "tags":
        return [f"{tag}@{entry['since']}" for tag, entry in sorted(sheet["tags"].items())]
    return sheet["source"].get("first") if column == "source" else sheet.get(column)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "|".join(str(one) for one in value)
    return str(value)
