"""What an operator must hear of: recipients whose message was refused, or may or may not have arrived."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.deliveries import store
from chalicelib.deliveries.model import STATUSES, Control, Manifest, Status, tally
from chalicelib.shared.metrics import count
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso


def note(account: str, ended: Mapping[tuple[str, str | None], int]) -> None:
    """Report how many recipients of a chunk came to what just now: ``{(status, reason): n}``.

    Counted by whoever ended them, after the write: a crash between the two reports one time too few.
    """
    for (status, reason), n in ended.items():
        metric = STATUSES[status].metric
        if metric and n:
            count(metric, n, account=account)
            logger.warning(
                "recipients came to an end without their message",
                extra={"outcome": status, "reason": reason, "recipients": n},
            )


# A look at a run's ledger, for operators: what cannot be, and what does not move. Changes nothing.


STUCK_AFTER = timedelta(hours=2)
"""Longer than any watch waits."""


def problems(account: str, run: str, now: datetime) -> Iterator[dict[str, Any]]:
    """``{"kind", "chunk", "what"}`` of each chunk of a run that is not as it must be."""
    control, _ = store.read(account, run, [])
    seen: dict[str, Status] = {}
    for status in store.statuses(account, run):
        seen[status.chunk] = status
        manifest = store.find_manifest(account, run, status.chunk)
        for kind, what in _of_chunk(status, manifest, seen, control, now):
            yield {"kind": kind, "chunk": status.chunk, "what": what}


def _of_chunk(
    status: Status,
    manifest: Manifest | None,
    seen: Mapping[str, Status],
    control: Control,
    now: datetime,
) -> Iterator[tuple[str, str]]:
    if manifest is None:
        yield "chunk_without_manifest", "it has a status and nobody knows for whom it is"
        return
    given, counted = len(manifest["recipients"]), sum(tally(status).values())
    if status.state != "replaced" and counted != given:
        yield "chunk_out_of_balance", f"it is for {given} recipients and counts {counted}"
    if status.parent and getattr(seen.get(status.parent), "state", None) not in {"split", "replaced"}:
        yield "chunk_without_parent", f"{status.parent} was not split"
    if _is_stuck(status, str(manifest["at"]), control, now):
        yield "chunk_stuck", f"it is {status.state} and nothing has happened for {STUCK_AFTER}"


def _is_stuck(status: Status, written_at: str, control: Control, now: datetime) -> bool:
    """Whether a chunk that may be sent has been left alone for too long."""
    waits = control.state == "paused" and (control.until is None or control.until > iso(now - STUCK_AFTER))
    if not status.is_open or waits:
        return False
    last = max(filter(None, (written_at, status.at, status.first_attempt_at, status.lease_until)))
    return last < iso(now - STUCK_AFTER)


def exists(account: str, run: str, chunk: str) -> bool:
    """Whether a chunk has a status."""
    return chunk in store.read(account, run, [chunk])[1]
