"""Jobs: work cut into chunks, in the ``control`` table. What is done is counted from marks, one per chunk.

A job is ``<account>`` / ``JOB#<id>``. Its chunks are marked in a few items ``JOB#<id>#G<n>``, as many as the
root of their number: the mark of a chunk is an attribute put if absent, so that a chunk worked on twice
counts once, nothing is ever incremented, and neither a chunk nor whoever asks how far the job is reads all
the chunks. What is wrong with lines is in items of its own, ``JOBERR#<id>#<chunk>``, for 30 days.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.gateways import aws, clock, dynamo
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.reasons import Reason
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

MOST_ERRORS = 1_000
ERRORS_KEPT = timedelta(days=30)
_ERRORS_BYTES = 300_000
"""Of one chunk: an item holds 400 KB."""
_MARK = "chunk:"


class JobItem(dynamo.Record):
    """A job, or what is wrong with lines of one of its chunks."""

    class Meta:
        table_name = settings().table("control")
        region = settings().region

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    kind = UnicodeAttribute(null=True)
    total = NumberAttribute(null=True)
    chunks = NumberAttribute(null=True)
    created_at = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    params = dynamo.Document(null=True)
    result = dynamo.Document(null=True)
    failure = UnicodeAttribute(null=True)
    failure_ja = UnicodeAttribute(null=True)
    failure_code = UnicodeAttribute(null=True)
    queued_at = UnicodeAttribute(null=True)
    errors = dynamo.Items(null=True)
    expires_at = NumberAttribute(null=True)


@dataclass(frozen=True)
class JobHeader:
    """What a job is, without how far it is."""

    id: str
    account: str
    kind: str
    total: int
    chunk_count: int
    created_at: str
    by: str
    params: dict[str, Any]
    result: dict[str, Any] | None
    failure: str | None
    failure_ja: str | None = None
    failure_code: str | None = None
    queued_at: str | None = None


@dataclass(frozen=True)
class Chunk:
    """A finished chunk: how many of its lines are through, how many of them are wrong, what it has found."""

    name: str
    done: int
    wrong: int
    result: dict[str, Any]


@dataclass(frozen=True)
class Job(JobHeader):
    """A job with its finished chunks. ``needs_result`` among its params: only done once a result is kept;
    ``uncounted``: how many chunks it has is not known yet, and their marks are in ``groups`` items.
    """

    chunks: list[Chunk] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether every chunk is through."""
        return not self.params.get("uncounted") and len(self.chunks) >= self.chunk_count

    @property
    def state(self) -> str:
        """``running``, ``done`` or ``failed``."""
        if self.failure is not None:
            return "failed"
        if self.params.get("needs_result") and self.result is None:
            return "running"
        return "done" if self.complete else "running"

    def body(self) -> dict[str, Any]:
        """The job as it is answered, with the first thousand errors."""
        wrong = sum(chunk.wrong for chunk in self.chunks)
        errors = _first_errors(self.account, self.id) if wrong else []
        if self.failure is not None:
            errors.insert(0, self._failure())
        answer = {
            "job_id": self.id,
            "kind": self.kind,
            "state": self.state,
            "done": sum(chunk.done for chunk in self.chunks),
            "total": self.total,
            "errors": errors[:MOST_ERRORS],
            "error_count": wrong + (self.failure is not None),
            "created_at": self.created_at,
        }
        return answer if self.result is None else answer | {"result": self.result}

    def _failure(self) -> dict[str, Any]:
        """Why it cannot go on, as the first of its errors."""
        texts = {"code": self.failure_code, "message": self.failure, "message_ja": self.failure_ja}
        return {"line": 0} | {name: text for name, text in texts.items() if text is not None}


def create(
    account: str,
    kind: str,
    *,
    by: str,
    total: int,
    chunks: int,
    params: Mapping[str, Any] | None = None,
    job_id: str | None = None,
) -> str:
    """Keep a new job; returns its id. A ``job_id`` that is there already stays as it is."""
    job = job_id or new_ulid()
    item = JobItem(
        account,
        f"JOB#{job}",
        kind=kind,
        total=total,
        chunks=chunks,
        created_at=iso(clock.now()),
        by=by,
        params=dict(params or {}),
    )
    item.save_new()
    return job


def header(account: str, job: str) -> JobHeader:
    """What a job is: one read, consistent. Raises NotFound."""
    try:
        item = JobItem.get(account, f"JOB#{job}", consistent_read=True)
    except JobItem.DoesNotExist:
        raise NotFound(Reason("no_job", job=job)) from None
    return JobHeader(
        id=job,
        account=account,
        kind=item.kind or "",
        total=int(item.total or 0),
        chunk_count=int(item.chunks or 0),
        created_at=item.created_at or "",
        by=item.by or "",
        params=item.params or {},
        result=item.result,
        failure=item.failure,
        failure_ja=item.failure_ja,
        failure_code=item.failure_code,
        queued_at=item.queued_at,
    )


def get(account: str, job: str) -> Job:
    """A job with its finished chunks, read consistently. Raises NotFound."""
    known = header(account, job)
    return Job(**vars(known), chunks=list(_marks(known)))


def _marks(job: JobHeader) -> Iterator[Chunk]:
    request: dict[str, Any] = {
        "TableName": settings().table("control"),
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :group)",
        "ExpressionAttributeValues": {":pk": {"S": job.account}, ":group": {"S": f"JOB#{job.id}#G"}},
        "ConsistentRead": True,
    }
    for page in aws.client("dynamodb").get_paginator("query").paginate(**request):
        for item in map(dynamo.plain_item, page["Items"]):
            for name, mark in item.items():
                if name.startswith(_MARK):
                    yield Chunk(
                        name.removeprefix(_MARK), mark["done"], mark.get("wrong", 0), mark.get("result", {})
                    )


def _group(job: JobHeader, name: str) -> dict[str, Any]:
    """The key of the item that has a chunk's mark."""
    groups = job.params.get("groups") or max(1, math.isqrt(job.chunk_count))
    group = zlib.crc32(name.encode()) % groups
    return {"pk": {"S": job.account}, "sk": {"S": f"JOB#{job.id}#G{group}"}}


def chunk_done(job: JobHeader, name: str) -> bool:
    """Whether a chunk is through already."""
    return _mark(job, name) is not None


def find_chunk(job: JobHeader, name: str) -> Chunk | None:
    """A chunk that is through, or None. Consistent."""
    mark = _mark(job, name)
    return None if mark is None else Chunk(name, mark["done"], mark.get("wrong", 0), mark.get("result", {}))


def _mark(job: JobHeader, name: str) -> dict[str, Any] | None:
    answer = aws.client("dynamodb").get_item(
        TableName=settings().table("control"),
        Key=_group(job, name),
        ProjectionExpression="#mark",
        ExpressionAttributeNames={"#mark": _MARK + name},
        ConsistentRead=True,
    )
    found: dict[str, Any] | None = dynamo.plain_item(answer.get("Item", {})).get(_MARK + name)
    return found


def finish_chunk(
    job: JobHeader,
    name: str,
    done: int,
    errors: Sequence[Mapping[str, Any]] = (),
    result: Mapping[str, Any] | None = None,
    *,
    over: bool = False,
) -> None:
    """Keep that a chunk is through; the first to say so counts, unless one ``over`` it is needed. What is
    wrong with lines is kept before.
    """
    if errors:
        kept = _bounded(errors)
        until = int((clock.now() + ERRORS_KEPT).timestamp())
        item = JobItem(job.account, f"JOBERR#{job.id}#{name}", errors=kept)
        item.expires_at = until
        item.save_new()
    mark: dict[str, Any] = {"done": done} | ({"wrong": len(errors)} if errors else {})
    mark |= {"result": dict(result)} if result else {}
    dynamo.write_if(
        "update_item",
        "control",
        Key=_group(job, name),
        UpdateExpression="SET #mark = :mark",
        ExpressionAttributeNames={"#mark": _MARK + name},
        ExpressionAttributeValues={":mark": dynamo.to_av(mark)},
        **({} if over else {"ConditionExpression": "attribute_not_exists(#mark)"}),
    )


def _bounded(errors: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The errors that one item can hold, the first ones, each of a length that people read."""
    kept: list[dict[str, Any]] = []
    size = 0
    for error in errors:
        short = {name: value[:500] if isinstance(value, str) else value for name, value in error.items()}
        size += len(json.dumps(short, ensure_ascii=False).encode()) + 50
        if size > _ERRORS_BYTES:
            break
        kept.append(short)
    return kept


def _first_errors(account: str, job: str) -> list[dict[str, Any]]:
    """What is wrong with lines, in the order of the lines; whose lines they are stays here."""
    found: list[dict[str, Any]] = []
    for item in JobItem.query(account, JobItem.sk.startswith(f"JOBERR#{job}#"), page_size=50):
        found += item.errors or []
        if len(found) >= MOST_ERRORS:
            break
    found.sort(key=lambda error: int(error.get("line", 0)))
    return [{name: value for name, value in error.items() if name != "user_id"} for error in found]


def replace_errors(
    account: str, is_gone: Callable[[Mapping[str, Any]], bool], instead: Mapping[str, Any]
) -> None:
    """Put other words instead of what is wrong with some lines, in all jobs."""
    for item in JobItem.query(account, JobItem.sk.startswith("JOBERR#"), consistent_read=True):
        errors = item.errors or []
        kept = [{"line": e["line"], **instead} if is_gone(e) else e for e in errors]
        if kept != errors:
            item.update([JobItem.errors.set(kept)])


def note_queued(account: str, job: str) -> None:
    """Keep that all messages of a job are on their way."""
    _update(account, job, [JobItem.queued_at.set(iso(clock.now()))])


def finish(account: str, job: str, result: Mapping[str, Any]) -> None:
    """Keep a job's result."""
    _update(account, job, [JobItem.result.set(dict(result))])


def fail(account: str, job: str, why: Reason) -> None:
    """End a job that cannot go on."""
    texts = [JobItem.failure.set(why.text("en")), JobItem.failure_ja.set(why.text("ja"))]
    _update(account, job, [*texts, JobItem.failure_code.set(why.code)])


def set_total(account: str, job: str, total: int) -> None:
    """Keep how many lines a job has, once that is known."""
    _update(account, job, [JobItem.total.set(total)])


def set_chunks(job: JobHeader, total: int, chunks: int) -> None:
    """Keep how many lines and chunks a job has that was begun ``uncounted``: all of them are on their way."""
    known = [JobItem.total.set(total), JobItem.chunks.set(chunks)]
    _update(job.account, job.id, [*known, JobItem.params.set(job.params | {"uncounted": False, "cut": True})])


def note(account: str, job: JobHeader, params: Mapping[str, Any]) -> None:
    """Keep something more about how a job is done."""
    _update(account, job.id, [JobItem.params.set(job.params | dict(params))])


def _update(account: str, job: str, actions: list[Any]) -> None:
    JobItem(account, f"JOB#{job}").update_if(actions, JobItem.pk.exists())
