"""Cutting an import's file into messages, each with a chunk of its lines.

A small file was counted when it came, and is cut as it is. A large one is first sorted into bins (``bins``),
then cut bin by bin. What there is no time for is gone on with by another message; whatever is done twice
makes the same chunks again, and each counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from chalicelib.gateways import objects, queues
from chalicelib.gateways.queues import Message
from chalicelib.jobs import service as jobs
from chalicelib.shared.errors import InvalidInput, Unavailable
from chalicelib.shared.reasons import Reason
from chalicelib.shared.time_left import TimeLeft
from chalicelib.transfers import chunking
from chalicelib.transfers.bins import Bins, Gone, Position
from chalicelib.transfers.csv_file import CsvFile, Record, Written

_CHUNKS_AT_ONCE = 50
_GONE = "the file is gone: it named somebody who was erased, or waited for more than 30 days; import it again"


def work(body: Mapping[str, Any], left: TimeLeft) -> None:
    """Cut on from where the message says; then drop the files."""
    job = jobs.head(body["account"], body["id"])
    if job.failure is not None:
        return
    try:
        following = None if job.params.get("cut") else _cut(job, body, left)
    except InvalidInput as error:
        jobs.fail(job.account, job.id, error.message)
        return
    except Gone:
        # Another message of this job may have come to the end meanwhile, and dropped them.
        if not jobs.head(job.account, job.id).params.get("cut"):
            jobs.fail(job.account, job.id, _GONE)
        return
    if following is None:
        following = _drop(job, left)
    if following is not None:
        queues.send("bulk", {"job": _name(job.params), "account": job.account, "id": job.id, **following})


def _cut(job: jobs.Head, body: Mapping[str, Any], left: TimeLeft) -> dict[str, Any] | None:
    """Where to go on; None: it is cut. Raises InvalidInput and Gone."""
    if not job.params.get("uncounted"):
        return _cut_small(job, int(body.get("from", 0)), left)
    bins = bins_of(job.params)
    at = Position(**body["sorted"]) if "sorted" in body else bins.beginning()
    if not bins.is_sorted(at):
        return {"sorted": bins.sort(at, left).body()}
    return _cut_bin(job, bins, at, body, left)


def _cut_small(job: jobs.Head, first: int, left: TimeLeft) -> dict[str, Any] | None:
    file = objects.open_file(job.params["key"])
    if file is None:
        raise Gone
    with file:
        done, is_over = _queue(job, "", CsvFile(file).records, first, left)
    if not is_over:
        return {"from": done}
    jobs.note(job.account, job, {"cut": True})
    return None


def _cut_bin(
    job: jobs.Head, bins: Bins, at: Position, body: Mapping[str, Any], left: TimeLeft
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
    jobs.set_cut(job, at.records, chunks + done)
    return None


def _queue(
    job: jobs.Head, prefix: str, records: Callable[[], Iterator[Record]], first: int, left: TimeLeft
) -> tuple[int, bool]:
    """Put a message on ``bulk`` for every chunk from ``first`` on; how many chunks there are so far, and
    whether these are all.
    """
    column = _column(job.params)
    numbered = islice(enumerate(chunking.chunks(records, column)), first, None)
    done, common = first, {"job": _name(job.params), "account": job.account, "id": job.id}
    while part := list(islice(numbered, _CHUNKS_AT_ONCE)):
        messages = [Message({**common, "chunk": f"{prefix}{n:06d}", "rows": rows}) for n, rows in part]
        if queues.send_all("bulk", messages):
            raise Unavailable(Reason("queue_refused", what="import"))
        done += len(part)
        if left.is_over:
            return done, False
    return done, True


def _drop(job: jobs.Head, left: TimeLeft) -> dict[str, Any] | None:
    """Keep the files no longer: pieces while there is time, one at least. None: nothing is left."""
    for key in job.params["kept"]:
        objects.delete(key)
    pieces = list(objects.keys(bins_of(job.params).prefix)) if "size" in job.params else []
    for number, key in enumerate(pieces, 1):
        objects.delete(key)
        if left.is_over and number < len(pieces):
            return {}
    return None


def bins_of(params: Mapping[str, Any]) -> Bins:
    """The bins of a job that was begun ``uncounted``."""
    column = _column(params)
    return Bins(params["key"], int(params["size"]), Written(**params["written"]), column)


def _name(params: Mapping[str, Any]) -> str:
    """The job that applies the chunks."""
    return str(params.get("job", "import"))


def _column(params: Mapping[str, Any]) -> int:
    """Where it stands whom a line is about."""
    return int(params["header"].index(params.get("column", "user_id")))
