"""Beginning an import: its columns are understood now, its lines by a job. Of a large file nothing but the
first lines is read here.

A dry run goes the same way and writes nothing: it reports what the columns are taken for and what is wrong
with lines. Of a small file it is answered at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from math import isqrt
from typing import Any

from chalicelib.accounts.service import get_account
from chalicelib.catalog.service import candidate, save, snapshot
from chalicelib.catalog.snapshot import Snapshot
from chalicelib.gateways import objects, queues
from chalicelib.jobs import service as jobs
from chalicelib.shared.ids import new_ulid
from chalicelib.transfers import chunking
from chalicelib.transfers.csv_file import CsvFile, Record, beginning
from chalicelib.transfers.dry_runs import Check, DryRun, names_of
from chalicelib.transfers.layouts import Asked, Heads, Layout
from chalicelib.transfers.uploads import Source, upload_key, whole

CHUNK_BYTES = 5_000
"""What a chunk takes of a file, about: by this a job whose chunks are not counted keeps their marks apart."""
TRIED_AT_ONCE = 300_000
"""So many bytes of a dry run are looked at in its request, within a second; more by a job."""
INLINE_LINES = 200_000
"""4 MB of lines with LINE's user ids are fewer; a request is answered within a second."""


@dataclass(frozen=True)
class Form:
    """A kind of file that can be imported.

    ``job`` cuts it and applies its chunks; lines with one value in ``column`` stay together and in order.
    ``layout`` makes the columns ours, and raises InvalidInput or RuleViolation; ``check`` is a dry run's.
    """

    job: str
    column: str
    layout: Callable[[Heads, Snapshot, Asked], Layout]
    check: Check


@dataclass(frozen=True)
class Wish:
    """What is asked for: by whom, how the columns are read, whether rules fire, whether it is only tried."""

    by: str
    asked: Asked = field(default_factory=Asked)
    fire: bool = False
    dry_run: bool = False


def start(account: str, source: Source, form: Form, wish: Wish) -> str | dict[str, Any]:
    """The job's id; of a small dry run what it found.

    Raises InvalidInput or RuleViolation for a file that cannot be read, or a header that cannot work, and
    TooLarge for one of too many lines that did not come as an upload.
    """
    most = None if source.upload else INLINE_LINES
    table = beginning(source.head) if source.is_large else CsvFile(whole(source), most)
    catalog = snapshot(account)
    layout = form.layout(table.heads, catalog, wish.asked)
    if wish.dry_run:
        if source.size <= TRIED_AT_ONCE and not source.is_large:
            return _tried(account, table, layout, form, catalog)
        return _trial(account, source, form, wish, layout)
    if layout.made:
        save(account, layout.made, lambda _candidate: None, wish.by)
    return _job(account, source, form, wish, table, layout)


def _trial(account: str, source: Source, form: Form, wish: Wish, layout: Layout) -> str:
    """The job of a dry run, which looks at an upload where it lies; at a body, kept until then."""
    job = new_ulid()
    key = f"imports/{account}/{job}.csv"
    if source.upload is None:
        objects.put(key, source.head, "text/csv")
    params = _params(key, [key], form, wish, layout) | _uncounted(source, layout)
    params |= {"upload": upload_key(account, source.upload) if source.upload else key}
    params |= {"dry_run": layout.shown(), "needs_result": True}
    params |= {"made": [asdict(write) for write in layout.made]}
    return _begun(account, job, form, wish, params, 0, 0)


def _job(account: str, source: Source, form: Form, wish: Wish, table: CsvFile, layout: Layout) -> str:
    job = new_ulid()
    key = f"imports/{account}/{job}.csv"
    # The upload goes first: whoever looks again for a file that is gone must not find it and copy it anew.
    kept = [*([upload_key(account, source.upload)] if source.upload else ()), key]
    params = _params(key, kept, form, wish, layout)
    lines = chunks = 0
    if source.is_large:
        params |= _uncounted(source, layout) | {"upload": upload_key(account, source.upload or "")}
    else:
        params |= {"written": asdict(table.written(layout.heads))}
        for chunk in chunking.chunks(_records(table, layout), layout.header.index(form.column)):
            lines, chunks = lines + len(chunk), chunks + 1
        if chunks:
            objects.put(key, source.head, "text/csv")
    return _begun(account, job, form, wish, params, lines, chunks)


def _params(key: str, kept: list[str], form: Form, wish: Wish, layout: Layout) -> dict[str, Any]:
    common = {"key": key, "kept": kept, "fire": wish.fire, "header": layout.header}
    return common | {"job": form.job, "column": form.column}


def _uncounted(source: Source, layout: Layout) -> dict[str, Any]:
    """What a job knows that counts its file itself: whoever asks waits for no more than its header."""
    known = {"uncounted": True, "size": source.size, "groups": max(1, isqrt(source.size // CHUNK_BYTES))}
    return known | {"heads": layout.heads, "names": layout.names}


def _begun(
    account: str, job: str, form: Form, wish: Wish, params: dict[str, Any], lines: int, chunks: int
) -> str:
    jobs.create(account, form.job, by=wish.by, total=lines, chunks=chunks, params=params, job_id=job)
    if chunks or params.get("uncounted"):
        queues.send("bulk", {"job": form.job, "account": account, "id": job})
    return job


def _records(table: CsvFile, layout: Layout) -> Callable[[], Iterator[Record]]:
    return lambda: table.records(layout.heads)


def _tried(account: str, table: CsvFile, layout: Layout, form: Form, catalog: Snapshot) -> dict[str, Any]:
    zone = get_account(account).zone
    as_would_be = candidate(catalog, layout.made) if layout.made else catalog

    def check(cells: Sequence[str]) -> None:
        form.check(layout.header, cells, as_would_be, zone)

    dry_run = DryRun()
    dry_run.look(table.records(layout.heads), names_of(layout.names, layout.header), check)
    return dry_run.result(layout.shown())
