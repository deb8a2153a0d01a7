"""Which runs are on their way, and keeping all of them going."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from chalicelib.accounts import service as accounts
from chalicelib.broadcasts import lifecycle, store
from chalicelib.broadcasts.model import REST, Broadcast
from chalicelib.broadcasts.plans import planning
from chalicelib.broadcasts.plans import store as plan_store
from chalicelib.broadcasts.winners import store as winner_store
from chalicelib.deliveries import service as deliveries
from chalicelib.gateways import clock
from chalicelib.shared.ids import ulid_time
from chalicelib.shared.observability import logger
from chalicelib.shared.times import iso
from chalicelib.timers import service as timers

_STALE = timedelta(minutes=10)


def run_done(entries: list[timers.Entry]) -> list[bool]:
    """For drained watches: whether the run needs this one no more (it has ended, or there is a later one)."""
    return [(of := _open_run_of(entry)) is None or of.watch > entry.version for entry in entries]


def _open_run_of(entry: timers.Entry) -> Broadcast | None:
    """The broadcast of an entry whose run is not at its end."""
    broadcast = store.find(entry.account, entry.body["broadcast"])
    if broadcast is None or broadcast.run != entry.body["run"] or broadcast.is_final:
        return None
    return broadcast


def variants_sent(entries: list[timers.Entry]) -> list[bool]:
    """For drained due times of variants: whether everything whose time has come was tried."""
    return [
        _open_run_of(entry) is None
        or not deliveries.has_untried(entry.account, entry.body["run"], iso(entry.due_at))
        for entry in entries
    ]


def decided(entries: list[timers.Entry]) -> list[bool]:
    """For drained due times of decisions: whether the run is decided, or needs no decision any more."""
    return [
        _open_run_of(entry) is None
        or winner_store.find_decision(entry.account, entry.body["run"]) is not None
        for entry in entries
    ]


def resume_open_runs() -> int:
    """Keep every run going that is not at its end: after a restart, when executions are forgotten.

    Answers how many there are. One that fails does not keep the others waiting.
    """
    count = 0
    for account in accounts.list_accounts():
        for run, broadcast_id in store.open_runs(account.id):
            broadcast = store.find(account.id, broadcast_id)
            if broadcast is None or broadcast.run != run or broadcast.is_final:
                # Perhaps a run that is beginning just now; long ago it is none.
                if clock.now() - ulid_time(run) > _STALE or (broadcast is not None and broadcast.run == run):
                    store.close(account.id, run)
                continue
            count += 1
            try:
                lifecycle.ensure_running(broadcast)
            except Exception:  # noqa: BLE001 (the others must go on; its watch comes again)
                logger.exception("run not resumed", extra={"account": account.id, "run": run})
    return count


def ensure_run(account: str, run: str) -> bool:
    """Keep one run going; False when it is no broadcast's, or at its end."""
    broadcast_id = dict(store.open_runs(account)).get(run)
    broadcast = store.find(account, broadcast_id) if broadcast_id else None
    if broadcast is None or broadcast.run != run or broadcast.is_final:
        return False
    lifecycle.ensure_running(broadcast)
    return True


def open_runs_count() -> int:
    """How many runs are on their way (a schedule that waits for its time is not)."""
    count = 0
    for account in accounts.list_accounts():
        for run, broadcast_id in store.open_runs(account.id):
            broadcast = store.find(account.id, broadcast_id)
            if (
                broadcast is not None
                and broadcast.run == run
                and not broadcast.is_final
                and broadcast.status != "scheduled"
            ):
                count += 1
    return count


# A look at the runs that are on their way, for operators; changes nothing.


def open_runs(account: str) -> list[tuple[str, str]]:
    """``(run, broadcast)`` of every run that is not at its end."""
    return store.open_runs(account)


def problems(account: str, run: str, broadcast_id: str) -> Iterator[dict[str, Any]]:
    """``{"kind", "broadcast", "what"}`` where a run's ledger and its plan do not say the same."""
    broadcast = store.find(account, broadcast_id)
    if broadcast is None:
        yield {"kind": "run_without_broadcast", "broadcast": broadcast_id, "what": "nobody can end this run"}
        return
    first, rest = plan_store.read_plan(account, run), plan_store.read_plan(account, run + REST)
    if broadcast.run != run or first.packed is None or (rest.done and rest.packed is None):
        return  # another run has begun, or this one, or its rest after a test, is still being planned
    chunks = first.packed + (rest.packed or 0)
    progress = deliveries.progress(account, run)
    planned = planning.totals(account, run).recipients
    if progress["total"] != planned:
        what = f"{planned} recipients are planned and the chunks count {progress['total']}"
        yield {"kind": "ledger_out_of_balance", "broadcast": broadcast_id, "what": what}
    roots = {name.partition(".")[0] for name in deliveries.chunk_names(account, run)}
    if len(roots) != chunks:
        what = f"{chunks} chunks are planned and {len(roots)} are stored"
        yield {"kind": "ledger_out_of_balance", "broadcast": broadcast_id, "what": what}


def with_open_runs(account: str) -> Iterator[Broadcast]:
    """The broadcasts of an account whose runs are not at their end, scheduled ones too."""
    for run, broadcast_id in store.open_runs(account):
        broadcast = store.find(account, broadcast_id)
        if (
            broadcast is not None
            and broadcast.run == run
            and (not broadcast.is_final or broadcast.status == "missed")
        ):
            yield broadcast
