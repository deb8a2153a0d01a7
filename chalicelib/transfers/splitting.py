"""Splitting an import's file into messages, each with a chunk of its lines.

A small file was counted when it came, and is split as it is. A large one is looked through for its encoding,
sorted into bins (``bins``), and split bin by bin; a dry run looks at its lines instead. What there is no time
for is gone on with by another message, which carries all that is known so far; whatever is done twice makes
the same chunks again, and each counts once.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from itertools import islice
from typing import Any

from chalicelib.gateways import objects, queues
from chalicelib.gateways.queues import Message
from chalicelib.jobs import service as jobs
from chalicelib.mirror import following as mirror
from chalicelib.shared.errors import InvalidInput, Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers import chunking, dry_runs
from chalicelib.transfers.bins import Bins, Gone, Position, prefix
from chalicelib.transfers.csv_file import CsvFile, Record, Written, whole_lines
from chalicelib.transfers.encoding import Looks, NotYet, judge, refuse_line

_CHUNKS_AT_ONCE = 50
_HEAD_BYTES = 4 << 20


def work(body: Mapping[str, Any], left: TimeLeft, check: dry_runs.Check | None = None) -> None:
    """Cut on from where the message says; then drop the files. ``check``: a dry run's look at a line."""
    job = jobs.header(body["account"], body["id"])
    if job.failure is not None:
        return
    try:
        following = None if job.params.get("cut") else _go_on(job, body, left, check)
    except InvalidInput as error:
        jobs.fail(job.account, job.id, error.reason)
        return
    except Gone:
        # Another message of this job may have come to the end meanwhile, and dropped them.
        if not jobs.header(job.account, job.id).params.get("cut"):
            jobs.fail(job.account, job.id, Reason("import_file_gone"))
        return
    if following is None:
        _ask_for_snapshot(job)
        following = _drop(job, left)
    if following is not None:
        queues.send("bulk", {"job": _name(job.params), "account": job.account, "id": job.id, **following})


def _go_on(
    job: jobs.JobHeader, body: Mapping[str, Any], left: TimeLeft, check: dry_runs.Check | None
) -> dict[str, Any] | None:
    """Where to go on; None: it is cut. Raises InvalidInput and Gone."""
    if not job.params.get("uncounted"):
        return _split_small(job, int(body.get("from", 0)), left)
    if "file" not in body and "written" not in job.params:
        return _looked(job, body, left)
    file = body.get("file") or {name: job.params[name] for name in ("size", "written")}
    written = Written(**file["written"])
    if "dry_run" in job.params:
        assert check is not None, job.kind
        following = dry_runs.go_on(job, written, int(file["size"]), body, left, check)
    else:
        bins = Bins(job.params["key"], int(file["size"]), written, _column(job.params))
        following = _split(job, bins, body, left)
    return None if following is None else {"file": file, **following}


def _looked(job: jobs.JobHeader, body: Mapping[str, Any], left: TimeLeft) -> dict[str, Any]:
    """Look on through the file for its encoding. Raises InvalidInput, also where the header, read now, is
    not the one that was understood.
    """
    key = job.params["key"]
    if "dry_run" in job.params:
        key = job.params["upload"]
    elif not objects.exists(key) and not objects.copy(job.params["upload"], key):
        raise Gone
    found = objects.beginning(key, _HEAD_BYTES)
    if found is None:
        raise Gone
    header, size = found

    def open_at(byte: int) -> Any:
        return objects.read_from(key, byte) if byte < size else io.BytesIO()

    try:
        encoding = judge(header, Looks(open_at, left, body.get("looked")))
    except NotYet as error:
        return {"looked": error.looks}
    heads = int(job.params["heads"])
    table = CsvFile(io.BytesIO(whole_lines(header)), encoding=encoding)
    if len(table.heads) < heads or table.heads[heads - 1] != job.params["names"]:
        raise refuse_line(heads, Reason("file_unreadable", encodings=encoding.name))
    return {"file": {"size": size, "written": asdict(table.written(heads))}}


def _split(job: jobs.JobHeader, bins: Bins, body: Mapping[str, Any], left: TimeLeft) -> dict[str, Any] | None:
    at = Position(**body["sorted"]) if "sorted" in body else bins.beginning()
    if not bins.is_sorted(at):
        return {"sorted": bins.sort(at, left).body()}
    return _split_bin(job, bins, at, body, left)


def _split_small(job: jobs.JobHeader, first: int, left: TimeLeft) -> dict[str, Any] | None:
    file = objects.open_file(job.params["key"])
    if file is None:
        raise Gone
    with file:
        written = job.params.get("written")
        known = Written(**written) if written else CsvFile(file).written()
        done, is_over = _queue(job, "", lambda: _records(file, known), first, left)
    if not is_over:
        return {"from": done}
    jobs.note(job.account, job, {"cut": True})
    return None


def _records(file: Any, written: Written) -> Iterator[Record]:
    file.seek(written.mark)
    return islice((record for record, _ in written.records(file, written.beginning())), written.heads, None)


def _split_bin(
    job: jobs.JobHeader, bins: Bins, at: Position, body: Mapping[str, Any], left: TimeLeft
) -> dict[str, Any] | None:
    """Cut one bin, or as much of it as there is time for. ``chunks``: those of the bins before."""
    number, first, chunks = (int(body.get(name, 0)) for name in ("bin", "from", "chunks"))
    if not (number or first):
        jobs.set_total(job.account, job.id, at.records)
    done, is_over = _queue(job, f"{number:04d}-", lambda: bins.records(number, at.pieces), first, left)
    if not is_over:
        return {"sorted": at.body(), "bin": number, "from": done, "chunks": chunks}
    if number + 1 < bins.count:
        return {"sorted": at.body(), "bin": number + 1, "chunks": chunks + done}
    jobs.set_chunks(job, at.records, chunks + done)
    return None


def _queue(
    job: jobs.JobHeader, name: str, records: Callable[[], Iterator[Record]], first: int, left: TimeLeft
) -> tuple[int, bool]:
    """Put a message on ``bulk`` for every chunk from ``first`` on; how many chunks there are so far, and
    whether these are all. ``name``: how the names of the chunks begin.
    """
    column = _column(job.params)
    numbered = islice(enumerate(chunking.chunks(records, column)), first, None)
    done, common = first, {"job": _name(job.params), "account": job.account, "id": job.id}
    while part := list(islice(numbered, _CHUNKS_AT_ONCE)):
        messages = [Message({**common, "chunk": f"{name}{n:06d}", "rows": rows}) for n, rows in part]
        if queues.send_all("bulk", messages):
            raise Unavailable(Reason("queue_refused", what="import"))
        done += len(part)
        if left.is_over:
            return done, False
    return done, True


def _ask_for_snapshot(job: jobs.JobHeader) -> None:
    if "dry_run" not in job.params:
        mirror.ask_after(job, jobs.header(job.account, job.id).total)


def _drop(job: jobs.JobHeader, left: TimeLeft) -> dict[str, Any] | None:
    """Keep the files no longer: pieces while there is time, one at least. None: nothing is left."""
    for key in job.params["kept"]:
        objects.delete(key)
    pieces = list(objects.keys(prefix(job.params["key"]))) if "size" in job.params else []
    for number, key in enumerate(pieces, 1):
        objects.delete(key)
        if left.is_over and number < len(pieces):
            return {}
    return None


def _name(params: Mapping[str, Any]) -> str:
    """The job that applies the chunks."""
    return str(params.get("job", "import"))


def _column(params: Mapping[str, Any]) -> int:
    """The columns that say whom a line is about."""
    return int(params["header"].index(params.get("column", "user_id")))
