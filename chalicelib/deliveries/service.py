"""What other rooms may ask of deliveries."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from chalicelib.deliveries import changes, chunk_counts, model, store
from chalicelib.deliveries.erasure import forget_log, forget_messages, forget_sent_messages
from chalicelib.deliveries.lately import brake, braking
from chalicelib.deliveries.lately.store import note_opt_out
from chalicelib.deliveries.model import MULTICAST_MAX, PUSH_MAX, Chunk, Control, Manifest, Status
from chalicelib.deliveries.receipts import write as write_receipts
from chalicelib.deliveries.runs import cancel, control, end_hold, hold_over, pause, resume
from chalicelib.deliveries.sending import chunks
from chalicelib.deliveries.sending.chunks import (
    cancel_pending,
    feed_all,
    put_at,
    put_chunk,
    put_manifest,
    put_rest,
)
from chalicelib.deliveries.sending.send import send_now
from chalicelib.gateways import clock
from chalicelib.timers import service as timers

__all__ = [
    "MULTICAST_MAX",
    "PUSH_MAX",
    "Chunk",
    "Control",
    "Status",
    "cancel",
    "cancel_pending",
    "chunk_at",
    "chunk_done",
    "chunk_names",
    "control",
    "count_again",
    "end_hold",
    "ends",
    "feed_all",
    "find_recipient",
    "forget_log",
    "forget_messages",
    "forget_sent_messages",
    "has_untried",
    "hold_over",
    "manifest_exists",
    "note_opt_out",
    "of_chunk",
    "pause",
    "progress",
    "put_at",
    "put_chunk",
    "put_manifest",
    "put_rest",
    "reached",
    "read_manifest",
    "recipients",
    "resume",
    "send_now",
    "settled",
    "waiting",
    "watched",
    "write_receipts",
]


def read_manifest(account: str, run: str, chunk: str) -> Manifest | None:
    """A chunk's manifest, consistent: ``recipients``, ``kind``, ``messages`` or ``payloads``, ``skips``…"""
    return store.find_manifest(account, run, chunk)


def manifest_exists(account: str, run: str, chunk: str) -> bool:
    """Whether a chunk's manifest is stored."""
    return read_manifest(account, run, chunk) is not None


def progress(account: str, run: str) -> dict[str, Any]:
    """Counts of recipients over the chunks that count, as they are now.

    ``{"total", "pending", "accepted", "skipped": {reason: n}, "failed": {reason: n}, "unknown",
    "variants": {id: {"planned", "accepted"}}}``; total = the sum of the rest, whatever happens meanwhile.
    """
    return model.sum_up(store.statuses(account, run))


def chunk_names(account: str, run: str, first: str = "$", last: str = "~") -> set[str]:
    """The chunks of a run that are stored, between these names."""
    return store.names(account, run, first, last)


def braked(account: str, users: Sequence[str], content: Mapping[str, Any], now: datetime) -> set[str]:
    """Whom of these friends the brake would leave out, were they sent this now: ``messages``, or each their
    own ``payloads``; ``repeats`` as a chunk's. Writes nothing.
    """
    return set(braking.foreseen(account, users, content, now))


def reached(account: str, broadcast: str, run: str, users: Sequence[str]) -> set[str]:
    """Whom of these friends a broadcast's run sends to, has sent to, or may have sent to."""
    return set(braking.sent_in_run(account, brake.Claim(broadcast, run, 0, ()), users, clock.now()))


def waiting(account: str, run: str) -> tuple[int, int]:
    """How many chunks have not come to their end, and how many of them were never attempted."""
    open_ones = [status for status in store.statuses(account, run) if status.is_open]
    return len(open_ones), sum(1 for status in open_ones if not status.attempts)


def ends(account: str, run: str) -> dict[str, str | None]:
    """When the last of each variant of a run came to its end; None while something of it has not."""
    found: dict[str, str | None] = {}
    for status in store.statuses(account, run):
        if status.variant is None:
            continue
        known = found.get(status.variant, "")
        found[status.variant] = None if status.is_open or known is None else max(known, status.at or "")
    return {variant: end for variant, end in found.items() if end != ""}


def has_untried(account: str, run: str, timestamp: str) -> bool:
    """Whether something of a run that was to wait until a time not later than this was never tried."""
    return any(
        status.is_open and not status.attempts and "" < (status.not_before or "") <= timestamp
        for status in store.statuses(account, run)
    )


def settled(account: str, run: str) -> bool:
    """Whether every chunk that is stored has come to its end."""
    return waiting(account, run)[0] == 0


def recipients(
    account: str,
    run: str,
    status: str | None,
    limit: int,
    cursor: dict[str, Any] | None,
    without: str | None = None,
) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """A page of ``{"user_id", "status", "reason"?, "variant"?, "at"?}``, and where the next one begins.

    ``without``: chunks whose names contain this are left out. A page looks at a few chunks only, so it may
    hold fewer than ``limit``, even none.
    """
    position = cursor or {"chunk": "", "at": 0}
    start, offset = str(position["chunk"]), int(position["at"])
    page: list[dict[str, Any]] = []
    for looked_at, chunk in enumerate(store.statuses(account, run, start)):
        if looked_at >= 20:
            return page, {"chunk": chunk.chunk, "at": 0}
        if without and without in chunk.chunk:
            continue
        skip = offset if chunk.chunk == start else 0
        for index, line in enumerate(_delivery_results(account, run, chunk)):
            if index < skip or status not in {None, line["status"]}:
                continue
            if len(page) == limit:
                return page, {"chunk": chunk.chunk, "at": index}
            page.append(line)
    return page, None


def of_chunk(account: str, run: str, chunk: str) -> list[dict[str, Any]]:
    """What became of each recipient of one chunk, but for those whom a child has taken over."""
    status = store.read(account, run, [chunk])[1].get(chunk)
    return [] if status is None else _delivery_results(account, run, status)


def _delivery_results(account: str, run: str, status: Status) -> list[dict[str, Any]]:
    manifest = store.find_manifest(account, run, status.chunk)
    if manifest is None or (status.parent and not _replaced(account, run, status.parent)):
        return []
    return model.delivery_results(status, manifest)


def _replaced(account: str, run: str, chunk: str) -> bool:
    found = store.read(account, run, [chunk])[1].get(chunk)
    return found is not None and found.state == "replaced"


def find_recipient(account: str, run: str, chunk: str, user: str) -> dict[str, Any] | None:
    """What came of one recipient of a chunk, or of its children: a line as in ``recipients``, with the
    ``chunk``, its ``attempts`` and LINE's ``request_id``.
    """
    name: str | None = chunk
    while name is not None:
        status = store.read(account, run, [name])[1].get(name)
        if status is None:
            return None
        for line in _delivery_results(account, run, status):
            if line["user_id"] == user:
                attempt = {"chunk": name, "attempts": status.attempts, "request_id": status.request_id}
                return line | attempt
        name = f"{name}.1" if status.state == "replaced" else None
    return None


def chunk_at(account: str, run: str, name: str) -> str | None:
    """The chunk with the greatest name that is not greater than ``name``."""
    found = store.find_before(account, run, name)
    return found.chunk if found else None


def count_again(account: str, run: str, chunk: str) -> None:
    """Keep the numbers of a scenario's chunk, as the ledger has them now."""
    status = store.read(account, run, [chunk])[1].get(chunk)
    manifest = store.find_manifest(account, run, chunk)
    if status is not None and manifest is not None:
        chunk_counts.keep(manifest, status)


def watched(account: str, run: str, chunk: str, attempt: int) -> None:
    """A chunk's watch has run out: if it has not come to its end, watch on, and feed it."""
    status = store.read(account, run, [chunk])[1].get(chunk)
    if status is None or not status.is_open:
        return
    if status.watch <= attempt:
        body = {"run": run, "chunk": chunk}
        timers.watch("chunk", account, f"{run}/{chunk}", body, clock.now(), attempt + 1)
        changes.set_watch(account, run, chunk, attempt + 1)
    chunks.feed(account, run, chunk)


def chunk_done(entries: Sequence[timers.Entry]) -> list[bool]:
    """For drained watches: whether the chunk needs this one no more (it has ended, or has a later one)."""
    done = []
    for entry in entries:
        run, chunk = entry.body["run"], entry.body["chunk"]
        status = store.read(entry.account, run, [chunk])[1].get(chunk)
        done.append(status is None or not status.is_open or status.watch > entry.version)
    return done
