"""Jobs: work cut into chunks, in the ``control`` table. What is done is counted from the chunks themselves.

A job is ``<account>`` / ``JOB#<id>``; each finished chunk is ``JOB#<id>#<chunk>``, put if absent, so that a
chunk worked on twice counts once. Nothing is ever incremented.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.exceptions import PutError, UpdateError

from chalicelib.gateways import clock, dynamo
from chalicelib.shared.errors import NotFound
from chalicelib.shared.ids import new_ulid
from chalicelib.shared.settings import settings
from chalicelib.shared.times import iso

MOST_ERRORS = 1_000


class JobItem(dynamo.Record):
    """A job, or a finished chunk of one."""

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
    done = NumberAttribute(null=True)
    errors = dynamo.Items(null=True)


@dataclass(frozen=True)
class Chunk:
    """A finished chunk: how many of its lines are through, and what is wrong with which line."""

    name: str
    done: int
    errors: list[dict[str, Any]] = field(default_factory=list)
    result: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """A job with its chunks. ``needs_result``: it is only done once a result is kept."""

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
    chunks: list[Chunk]

    @property
    def complete(self) -> bool:
        """Whether every chunk is through."""
        return len(self.chunks) >= self.chunk_count

    @property
    def state(self) -> str:
        """``running``, ``done`` or ``failed``."""
        if self.failure is not None:
            return "failed"
        if self.params.get("needs_result") and self.result is None:
            return "running"
        return "done" if self.complete else "running"

    def body(self) -> dict[str, Any]:
        """The job as it is answered."""
        errors = [error for chunk in self.chunks for error in chunk.errors]
        errors.sort(key=lambda error: int(error.get("line", 0)))
        if self.failure is not None:
            errors.insert(0, {"line": 0, "message": self.failure})
        answer = {
            "job_id": self.id,
            "kind": self.kind,
            "state": self.state,
            "done": sum(chunk.done for chunk in self.chunks),
            "total": self.total,
            "errors": errors[:MOST_ERRORS],
            "created_at": self.created_at,
        }
        return answer if self.result is None else answer | {"result": self.result}


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
    """Keep a new job; answers its id. A ``job_id`` that is there already stays as it is."""
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
    _put_new(item)
    return job


def get(account: str, job: str) -> Job:
    """A job with all its finished chunks, read consistently. Raises NotFound."""
    prefix = f"JOB#{job}"
    items = {
        item.sk: item
        for item in JobItem.query(account, JobItem.sk.startswith(prefix), consistent_read=True)
        if item.sk == prefix or item.sk.startswith(prefix + "#")
    }
    head = items.pop(prefix, None)
    if head is None:
        raise NotFound(f"there is no job {job}")
    return Job(
        id=job,
        account=account,
        kind=head.kind,
        total=int(head.total),
        chunk_count=int(head.chunks),
        created_at=head.created_at,
        by=head.by,
        params=head.params or {},
        result=head.result,
        failure=head.failure,
        chunks=[_chunk(item, prefix) for item in items.values()],
    )


def chunk_done(account: str, job: str, name: str) -> bool:
    """Whether a chunk is through already."""
    return JobItem.count(account, JobItem.sk == f"JOB#{job}#{name}", consistent_read=True) > 0


def finish_chunk(
    account: str,
    job: str,
    name: str,
    done: int,
    errors: Sequence[Mapping[str, Any]] = (),
    result: Mapping[str, Any] | None = None,
) -> None:
    """Keep that a chunk is through; the first to say so stands."""
    item = JobItem(account, f"JOB#{job}#{name}", done=done, errors=[dict(e) for e in errors])
    item.result = dict(result or {})
    _put_new(item)


def _put_new(item: JobItem) -> None:
    try:
        item.save(condition=JobItem.pk.does_not_exist())
    except PutError as error:
        if not dynamo.condition_failed(error):
            raise


def finish(account: str, job: str, result: Mapping[str, Any]) -> None:
    """Keep a job's result."""
    _update(account, job, [JobItem.result.set(dict(result))])


def fail(account: str, job: str, why: str) -> None:
    """End a job that cannot go on."""
    _update(account, job, [JobItem.failure.set(why)])


def set_size(account: str, job: str, *, total: int, chunks: int) -> None:
    """Keep how many lines and chunks a job has, once that is known."""
    _update(account, job, [JobItem.total.set(total), JobItem.chunks.set(chunks)])


def _update(account: str, job: str, actions: list[Any]) -> None:
    try:
        JobItem(account, f"JOB#{job}").update(actions, condition=JobItem.pk.exists())
    except UpdateError as error:
        if not dynamo.condition_failed(error):
            raise


def _chunk(item: JobItem, prefix: str) -> Chunk:
    name = item.sk.removeprefix(prefix + "#")
    return Chunk(name, int(item.done or 0), list(item.errors or []), dict(item.result or {}))
